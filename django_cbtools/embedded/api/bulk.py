"""REST API: many documents in one request (`_bulk_docs`, `_bulk_get` and `_all_docs`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django_cbtools import canonical

from .. import gojson
from ..documents import documents, listing, local, writes
from ..documents.documents import Document
from ..documents.writes import Edit, Saved
from ..errors import GatewayError, bad_request
from ..gostructs import Map
from ..http.answers import Answer
from ..http.messages import ADMIN_PORT, PUBLIC_PORT, Call
from ..principals import grants
from . import edits, rendering
from .documents import shown
from .multipart import Section
from .rendering import Wish

#: A JSON object; null counts as an empty object.
_BODY = Map("db.Body", "any")


def bulk_docs(call: Call) -> Answer:
    call.log_in()
    body = call.struct(_BODY) or {}
    docs = body.get("docs")
    if not isinstance(docs, list):
        raise bad_request("missing 'docs' property")
    if not all(isinstance(doc, dict) for doc in docs):
        raise bad_request("Document body must be JSON")
    is_new = body.get("new_edits") is not False
    # As on a real gateway, local documents are written last.
    others = [doc for doc in docs if _is_local(doc)]
    rows: list[dict[str, Any] | Edit] = [
        _bulk_edit(doc, is_new=is_new) for doc in docs if not _is_local(doc)
    ]
    wanted = [row for row in rows if isinstance(row, Edit)]
    saved = iter(zip(wanted, writes.save(call.database, wanted, call.log_in()), strict=True))
    answer = [row if isinstance(row, dict) else _bulk_row(*next(saved)) for row in rows]
    return call.json([*answer, *(local.row(call.database, doc) for doc in others)], 201)


def _is_local(doc: dict[str, Any]) -> bool:
    uid = doc.get("_id")
    return isinstance(uid, str) and uid.startswith(local.PREFIX)


def bulk_get(call: Call) -> Answer:
    """POST _bulk_get: return documents, each as a part of a multipart body (11-bulk-get.json)."""
    call.log_in()
    wish = Wish.of(call)
    docs = (call.struct(_BODY) or {}).get("docs")
    if not isinstance(docs, list):
        raise bad_request("missing 'docs' property")
    if not call.accepts("multipart/"):
        raise GatewayError(406, "Response is multipart")
    found = listing.named(call.database, [_asked_id(doc) for doc in docs])
    sections = (
        _section(call, doc, current, wish) for doc, (_, current) in zip(docs, found, strict=True)
    )
    return rendering.multipart_answer("mixed", sections)


def _asked_id(doc: Any) -> str:
    uid = doc.get("id") if isinstance(doc, dict) else None
    return uid if isinstance(uid, str) else ""


def all_docs(call: Call) -> Answer:
    if call.port == PUBLIC_PORT and call.database.option("disable_public_all_docs"):
        raise GatewayError(403, "public access to _all_docs is disabled for this database")
    reader = call.log_in()
    sequence = call.database.sequence
    limit = re.fullmatch(r"[0-9]{1,18}", call.query.get("limit", ""))
    most = int(limit[0]) if limit else 0
    keys = _asked_keys(call)
    if keys is None:
        listed = listing.listed(
            call.database,
            reader,
            _bound(call, "startkey"),
            _bound(call, "endkey"),
            limit=most,
            bodies=call.flag("include_docs"),
        )
        found: Iterable[tuple[str, Document | None]] = ((it.uid, it) for it in listed)
    else:
        found = listing.named(call.database, keys, bodies=call.flag("include_docs"))
    rows = (_row(call, key, document, by_key=keys is not None) for key, document in found)
    answer = Answer.json("")
    answer.listed = True
    return rendering.fill(answer, _listing(islice(rows, most or None), sequence))


def _listing(rows: Iterable[str], sequence: int) -> Iterator[bytes]:
    """Yield the list as JSON, with the same white space as on a real gateway.

    The white space matters because the answer to HEAD gives the length of the list.
    """
    yield b'{"rows":[\n'
    count = 0
    for row in rows:
        yield f"{',' if count else ''}{row}\n".encode()
        count += 1
    yield f'],"total_rows":{count},"update_seq":{sequence}}}\n'.encode()


def _bulk_edit(doc: dict[str, Any], *, is_new: bool) -> Edit | dict[str, Any]:
    """Return the edit for a document of a batch, or an error row if the document is invalid."""
    given = doc.get("_id")
    uid = given if isinstance(given, str) else ""
    try:
        if is_new and not isinstance(given, str):
            return edits.creation(doc)
        edit = edits.edit(uid, doc) if is_new else edits.revision(uid, doc)
        documents.check_id(uid)
        return edit
    except GatewayError as error:
        return _error_row(uid, error)


def _bulk_row(edit: Edit, result: Saved | GatewayError) -> dict[str, Any]:
    if isinstance(result, GatewayError):
        # A generated id means nothing to the client.
        given = edit.body.get("_id")
        return _error_row(given if isinstance(given, str) else "", result)
    if not result.cv:
        return {"id": result.uid, "rev": result.rev}
    return {"cv": result.cv, "id": result.uid, "rev": result.winner}


def _error_row(uid: str, error: GatewayError) -> dict[str, Any]:
    row = {"error": error.row_error, "id": uid, "reason": error.reason, "status": error.status}
    return row if uid else {key: value for key, value in row.items() if key != "id"}


def _section(call: Call, doc: Any, current: Document | None, wish: Wish) -> Section:
    """Return the part of the multipart answer for an item of `_bulk_get`."""
    uid = _asked_id(doc)
    doc = doc if isinstance(doc, dict) else {}
    rev = "" if doc.get("rev") is None else doc["rev"]
    row: dict[str, Any] = {"id": uid}
    if isinstance(rev, str) and rev:
        row["rev"] = rev
    try:
        if not uid or not isinstance(rev, str):
            raise bad_request("Invalid doc/rev ID in _bulk_get")
        wish = _item_wish(call, doc, wish)
        document = shown(call, current, rev)
        members = rendering.members(call.database, document, wish)
    except GatewayError as error:
        row.update(error=error.row_error, reason=error.reason, status=error.status)
        return rendering.error_section(row)
    return rendering.mixed(document, members, packed=rendering.packs(call))


def _item_wish(call: Call, doc: dict[str, Any], wish: Wish) -> Wish:
    """Return what a client asks for with an item.

    An invalid limit is ignored, as on a real gateway (11-bulk-get.json), and so is an invalid
    ``atts_since`` beside a history. Raises a 400 GatewayError if a list of revisions is invalid.
    """
    limit = doc.get("revs_limit")
    if call.flag("revs") and isinstance(limit, int) and limit >= 0:
        wish = wish._replace(history=limit)
    shows_history = call.flag("revs") and wish.history != 0
    try:
        since = _strings(doc, "atts_since")
    except GatewayError:
        if not shows_history:
            raise
        since = None
    if wish.since is not None:
        wish = wish._replace(since=since or ())
    if not shows_history:
        return wish
    known = _strings(doc, "revs_from")
    return wish._replace(known=(since if known is None else known) or ())


def _strings(doc: dict[str, Any], name: str) -> list[str] | None:
    strings = doc.get(name)
    if name in doc and not (
        isinstance(strings, list) and all(isinstance(item, str) for item in strings)
    ):
        raise bad_request(f"{name} must be a string array")
    return strings


# ------------------------------------------------------------------- listing


def _asked_keys(call: Call) -> list[str] | None:
    if call.method == "POST":
        keys = (call.struct(_BODY) or {}).get("keys")
        problem = "Bad/missing keys"
    elif call.query.get("keys"):
        keys = _parsed(call.query["keys"])
        if keys is None:
            return None
        problem = "Bad keys"
    else:
        return None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise bad_request(problem)
    return keys


def _bound(call: Call, name: str) -> str | None:
    """Return a key from the query string, where it is JSON or plain text; None for no key."""
    text = call.query.get(name)
    if not text:
        return None
    value = _parsed(text)
    return None if value is None else value if isinstance(value, str) else text


def _parsed(text: str) -> Any:
    """Return the value of a JSON parameter, or the text itself if it is not JSON."""
    try:
        return gojson.unmarshal(text)
    except GatewayError as error:
        if error.status != 400:
            raise
        return text


def _opened(call: Call, uid: str) -> dict[str, Any]:
    """Return the channels and roles that a document grants, as the member ``access`` of its row."""
    opened: dict[str, list[str]] = {}
    for principal, kind, name, _ in grants.by_document(call.database, uid):
        prefix = grants.ROLE_PREFIX if kind == grants.ROLE else ""
        opened.setdefault(prefix + principal, []).append(name)
    return {"access": opened} if opened else {}


def _row(call: Call, key: str, document: Document | None, *, by_key: bool) -> str:
    """Return a row of `_all_docs` as JSON."""
    reader = call.log_in()
    # A user may be able to list a document but not to read it, see Reader.
    reads = by_key or call.flag("include_docs")
    if document is not None and reads and not reader.may_read(document.channels):
        # A guest is asked to log in.
        refusal = GatewayError(403 if reader.name else 401, "")
        return canonical.dumps({"key": key, "error": refusal.row_error, "status": refusal.status})
    if document is None or document.deleted:
        status = 400 if key.startswith("_") or not key else 404
        error = "bad_request" if status == 400 else "not_found"
        return canonical.dumps({"key": key, "error": error, "status": status})
    value: dict[str, Any] = {"rev": document.rev}
    if not by_key:
        value["cv"] = document.cv
    if call.flag("channels") and document.channels:
        value["channels"] = reader.visible(document.channels)
    if call.flag("access") and call.port == ADMIN_PORT:
        value |= _opened(call, key)
    name = canonical.dumps(key)
    row = f'{{"key":{name},"id":{name},"value":{canonical.dumps(value)}'
    if call.flag("include_docs"):
        members = document.members()
        del members["_cv"]
        if call.flag("revs"):
            members["_revisions"] = document.revisions()
        if document.attachments:
            # As on a real gateway, attachments have the member "ver" here.
            members["_attachments"] = document.attachments
        row += f',"doc":{document.text(members)}'
    if call.flag("update_seq") and not by_key:
        row += f',"update_seq":{document.sequence}'
    return row + "}"
