"""REST: documents, one by one and in bulk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.utils.encoding import iri_to_uri

from . import canonical, documents, expiry, writes
from .documents import Document
from .errors import GatewayError, bad_request, conflict, missing, not_implemented
from .http import Answer, Call, document_id
from .writes import Edit, Saved

_CV = re.compile(r"[0-9a-f]+@[A-Za-z0-9+/]+$")


def get_document(call: Call) -> Answer:
    uid = document_id(call.names["doc"])
    reader = call.log_in()
    rev = call.query.get("rev", "")
    if "open_revs" in call.query:
        if rev:
            raise bad_request("cannot specify both 'rev' and 'open_revs' query parameters")
        raise not_implemented("open_revs")
    document = (
        documents.revision(call.database, uid, rev)
        if rev
        else documents.current(call.database, uid)
    ).shown_to(reader, asked=bool(rev))
    if document.deleted and not rev:
        raise missing("deleted")
    etag = {"Etag": f'"{rev or document.rev}"'}
    return Answer.json(document.text(_members(call, document)), headers=etag)


def _members(call: Call, document: Document) -> dict[str, Any]:
    """A document's special properties, with those that are asked for."""
    members = document.members()
    if call.flag("revs"):
        limit = call.integer("revs_limit")
        members["_revisions"] = document.revisions(limit, call.strings("revs_from") or ())
    if call.flag("show_exp") and document.expires is not None:
        members["_exp"] = expiry.shown(document.expires)
    if document.attachments:
        members["_attachments"] = document.stubs()
    return members


def put_document(call: Call) -> Answer:
    uid = document_id(call.names["doc"])
    call.log_in()
    content_type = call.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip()
    if media_type.lower() not in ("", "application/json"):
        raise GatewayError(415, f"Invalid content type {media_type}")
    body = call.object()
    given = body.get("_id")
    if isinstance(given, str) and given != uid:
        raise bad_request(
            "The document ID provided in the body does not match the document ID in the path"
        )
    documents.check_id(uid)
    if call.query.get("new_edits") == "false":
        return _written(_save_one(call, _revision(uid, body)), 201, etag=False)
    edit = _edit(uid, body, _asked_revision(call))
    return _written(_save_one(call, edit), 201)


def post_document(call: Call) -> Answer:
    call.log_in()
    body = call.object()
    uid = body.get("_id")
    uid = documents.check_id(uid) if isinstance(uid, str) else documents.new_id()
    document = _save_one(call, _edit(uid, body, ""), must_be_new=True)
    return _written(document, 200, {"Location": iri_to_uri(uid)})


def delete_document(call: Call) -> Answer:
    uid = document_id(call.names["doc"])
    call.log_in()
    documents.check_id(uid)
    try:
        asked = _occ(_asked_revision(call))
    except GatewayError as error:
        if error.status != 400:
            raise
        raise GatewayError(
            500, f"Internal error: couldn't get OCC value from request: 400 {error.reason}"
        ) from None
    document = _save_one(call, Edit(uid, {"_deleted": True}, *asked))
    return _written(document, 200, etag=False)


def bulk_docs(call: Call) -> Answer:
    call.log_in()
    body = call.object()
    docs = body.get("docs")
    if not isinstance(docs, list):
        raise bad_request("missing 'docs' property")
    if not all(isinstance(doc, dict) for doc in docs):
        raise bad_request("Document body must be JSON")
    is_new = body.get("new_edits") is not False
    rows: list[dict[str, Any] | Edit] = [_bulk_edit(doc, is_new=is_new) for doc in docs]
    edits = [row for row in rows if isinstance(row, Edit)]
    saved = iter(zip(edits, writes.save(call.database, edits, call.log_in()), strict=True))
    answer = [row if isinstance(row, dict) else _bulk_row(*next(saved)) for row in rows]
    return Answer.json(answer, 201)


def all_docs(call: Call) -> Answer:
    reader = call.log_in()
    sequence = call.database.sequence
    limit = re.fullmatch(r"[0-9]{1,18}", call.query.get("limit", ""))
    most = int(limit[0]) if limit else 0
    keys = _asked_keys(call)
    if keys is None:
        found: Iterable[tuple[str, Document | None]] = (
            (document.uid, document)
            for document in documents.select(
                call.database, start=_bound(call, "startkey"), end=_bound(call, "endkey")
            )
            if reader.may_read(document.channels)
        )
    else:
        known = documents.find(call.database, keys) if keys else {}
        found = ((key, known.get(key)) for key in keys)
    rows = []
    for key, document in found:
        rows.append(_row(call, key, document, by_key=keys is not None))
        if len(rows) == most:
            break
    # The white space is the gateway's own: HEAD says how long the answer is.
    text = (
        '{"rows":[\n' + ",".join(row + "\n" for row in rows)
        + f'],"total_rows":{len(rows)},"update_seq":{sequence}}}\n'
    )  # fmt: skip
    answer = Answer.json(text)
    answer.listed = True
    return answer


# ------------------------------------------------------------------- writing


def _asked_revision(call: Call) -> str:
    """The revision in the query or in If-Match; '' for none."""
    rev = call.query.get("rev", "")
    if " " in rev:
        raise bad_request(
            f'Bad rev query parameter: "{rev}" - ensure this query parameter value is URL Encoded'
        )
    etag = call.headers.get("if-match", "")
    if rev or not etag:
        return rev
    if len(etag) < 2 or etag[0] != '"' or etag[-1] != '"':
        raise GatewayError(
            500, "Internal error: ETag value is not quoted when trying to read the value"
        )
    return etag[1:-1]


class Occ(NamedTuple):
    """What a write starts from: a revision id or a version ('': neither)."""

    rev: str = ""
    cv: str = ""


def _occ(value: str) -> Occ:
    """What a write starts from, by the kind of value: a revision id or a version."""
    if not value:
        return Occ()
    if documents.REV.match(value):
        return Occ(rev=value)
    if _CV.match(value):
        return Occ(cv=value)
    raise bad_request(f'Invalid version type for OCC value: "{value}"')


def _edit(uid: str, body: Mapping[str, Any], asked: str) -> Edit:
    for key in ("_cv", "_rev"):
        if key in body and not isinstance(body[key], str):
            raise bad_request('Invalid version type for OCC value: ""')
    rev, cv = body.get("_rev", ""), body.get("_cv", "")
    occ = _occ(asked)
    if cv:
        if occ.cv not in ("", cv):
            raise bad_request("Revision IDs provided do not match")
        return Edit(uid, body, cv=cv)
    if rev:
        if not documents.REV.match(rev):
            raise bad_request("Invalid revision ID")
        if occ.rev not in ("", rev):
            raise bad_request("Revision IDs provided do not match")
        return Edit(uid, body, rev=rev)
    return Edit(uid, body, *occ)


def _revision(uid: str, body: Mapping[str, Any]) -> Edit:
    """A replicator's write, which brings its own revision id; raises a 400 GatewayError."""
    history: tuple[str, ...] = ()
    revisions, rev = body.get("_revisions"), body.get("_rev")
    if isinstance(revisions, dict):
        start, ids = revisions.get("start"), revisions.get("ids")
        if (
            isinstance(start, int)
            and isinstance(ids, list)
            and all(isinstance(digest, str) for digest in ids)
            and start >= len(ids)
        ):
            history = tuple(f"{start - place}-{digest}" for place, digest in enumerate(ids))
    elif "_revisions" not in body and isinstance(rev, str):
        history = (rev,)
    if not history or not all(map(documents.REV.fullmatch, history)):
        raise bad_request("Bad _revisions")
    return Edit(uid, body, history=history)


def _save_one(call: Call, edit: Edit, *, must_be_new: bool = False) -> Saved:
    if must_be_new and (edit.rev or edit.cv):
        raise conflict()
    (result,) = writes.save(call.database, [edit], call.log_in())
    if isinstance(result, GatewayError):
        raise result
    return result


def _written(
    saved: Saved, status: int, headers: dict[str, str] | None = None, *, etag: bool = True
) -> Answer:
    body = {"id": saved.uid, "ok": True, "rev": saved.rev, "cv": saved.cv}
    if not saved.cv:
        del body["cv"]
    tag = {"Etag": f'"{saved.rev}"'} if etag else {}
    return Answer.json(body, status, {**tag, **(headers or {})})


def _bulk_edit(doc: dict[str, Any], *, is_new: bool) -> Edit | dict[str, Any]:
    """A document of a batch, or the row that refuses it."""
    given = doc.get("_id")
    uid = given if isinstance(given, str) else documents.new_id()
    try:
        if uid.startswith("_local/"):
            raise not_implemented("local documents")
        documents.check_id(uid)
        return _edit(uid, doc, "") if is_new else _revision(uid, doc)
    except GatewayError as error:
        return _error_row(uid, error)


def _bulk_row(edit: Edit, result: Saved | GatewayError) -> dict[str, Any]:
    if isinstance(result, GatewayError):
        return _error_row(edit.uid, result)
    if not result.cv:
        return {"id": result.uid, "rev": result.rev}
    return {"cv": result.cv, "id": result.uid, "rev": result.winner}


def _error_row(uid: str, error: GatewayError) -> dict[str, Any]:
    row = {"error": error.row_error, "id": uid, "reason": error.reason, "status": error.status}
    return row if uid else {key: value for key, value in row.items() if key != "id"}


# ------------------------------------------------------------------- listing


def _asked_keys(call: Call) -> list[str] | None:
    if call.method == "POST":
        keys = call.object().get("keys")
        problem = "Bad/missing keys"
    elif "keys" in call.query:
        try:
            keys = canonical.loads(call.query["keys"])[0]
        except ValueError:
            keys = None
        problem = "Bad keys"
    else:
        return None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise bad_request(problem)
    return keys


def _bound(call: Call, name: str) -> str | None:
    """A key as JSON, or bare."""
    text = call.query.get(name)
    if not text:
        return None
    try:
        value = canonical.loads(text)[0]
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _row(call: Call, key: str, document: Document | None, *, by_key: bool) -> str:
    """A row of _all_docs as JSON."""
    reader = call.log_in()
    if document is not None and not reader.may_read(document.channels):
        return canonical.dumps({"key": key, "error": "forbidden", "status": 403})
    if document is None or document.deleted:
        status = 400 if key.startswith("_") or not key else 404
        error = "bad_request" if status == 400 else "not_found"
        return canonical.dumps({"key": key, "error": error, "status": status})
    value: dict[str, Any] = {"rev": document.rev}
    if not by_key:
        value["cv"] = document.cv
    if call.flag("channels") and document.channels:
        value["channels"] = reader.visible(document.channels)
    name = canonical.dumps(key)
    row = f'{{"key":{name},"id":{name},"value":{canonical.dumps(value)}'
    if call.flag("include_docs"):
        members = document.members()
        del members["_cv"]
        if call.flag("revs"):
            members["_revisions"] = document.revisions()
        if document.attachments_text != "{}":
            members["_attachments"] = document.stubs()
        row += f',"doc":{document.text(members)}'
    if call.flag("update_seq") and not by_key:
        row += f',"update_seq":{document.sequence}'
    return row + "}"
