"""REST API: reading, writing and deleting single documents."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from django.utils.encoding import iri_to_uri

from django_cbtools import canonical

from ..documents import documents, writes
from ..documents.attachments import Piece
from ..documents.documents import Document
from ..documents.writes import Edit, Saved
from ..errors import GatewayError, bad_request, forbidden, missing
from ..http.answers import Answer
from ..http.messages import Call, document_id
from . import edits, rendering
from .multipart import Section
from .rendering import Wish

_INTERNAL = "Internal error: "


def read(call: Call, uid: str, rev: str = "") -> Document:
    """Return a document, or one of its revisions, as the client may see it.

    Raises a 404 GatewayError if there is no such revision, and a 403 GatewayError if the client may
    not read it. A document whose current revision is a tombstone is missing unless the client names
    a revision.
    """
    return shown(call, documents.current(call.database, uid), rev)


def shown(call: Call, current: Document | None, rev: str = "") -> Document:
    """Return a revision of a document (None: it does not exist), as :func:`read` does.

    ``current`` is the document at its current revision.
    """
    if current is None:
        raise missing()
    found = documents.revision_of(call.database, current, rev) if rev else current
    document = found.shown_to(call.log_in(), asked=bool(rev) and not _hides(call))
    if document.deleted and not rev:
        raise missing("deleted")
    return document


def _refuse_replicator2(call: Call) -> None:
    """Raise a 501 GatewayError for ``replicator2``, a feature of the Enterprise Edition."""
    if call.flag("replicator2"):
        raise GatewayError(501, "replicator2 endpoints are only supported in EE")


def _hides(call: Call) -> bool:
    """Return whether a database option has missing documents answered with 403 instead of 404."""
    return bool(call.database.option("unsupported.force_api_forbidden_errors"))


def _wanted(call: Call, uid: str, rev: str) -> Document:
    try:
        return read(call, uid, rev)
    except GatewayError as error:
        if error.status == 404 and _hides(call):
            raise forbidden() from None
        raise


def get_document(call: Call) -> Answer:
    uid = document_id(call.names["doc"])
    if len(uid.encode()) > documents.MAX_ID_BYTES:
        raise bad_request("Invalid doc ID")
    _refuse_replicator2(call)
    rev = call.query.get("rev", "")
    if call.query.get("open_revs"):
        if rev:
            raise bad_request("cannot specify both 'rev' and 'open_revs' query parameters")
        return _open_revisions(call, uid)
    wish = Wish.of(call)
    document = _wanted(call, uid, rev)
    etag = {"Etag": f'"{rev or document.rev}"'}
    members = rendering.members(call.database, document, wish)
    shows_attachments = wish.since is not None and "_attachments" in members
    if call.accepts("multipart/") and (shows_attachments or not call.accepts("application/json")):
        parts = rendering.related(document, members, packed=rendering.packs(call))
        return rendering.multipart_answer("related", parts, etag)
    pieces = rendering.as_json(document, members)
    return rendering.fill(call.json("", headers=etag), pieces, rendering.length(pieces))


def _open_revisions(call: Call, uid: str) -> Answer:
    """Answer a GET with ``open_revs``: the given revisions or all leaves, with attachments."""
    wish = Wish.of(call)._replace(since=())
    # It is read once, as a client may ask for thousands of revisions.
    current = documents.find(call.database, [uid]).get(uid)
    if call.query["open_revs"] == "all":
        if current is None:
            raise missing()
        revs: Sequence[str] = current.tree.leaves()
    else:
        try:
            revs = call.strings("open_revs") or ()
        except GatewayError:
            raise bad_request("bad open_revs") from None
    if call.accepts("multipart/"):
        sections = (_section(call, current, rev, wish) for rev in revs)
        return rendering.multipart_answer("mixed", sections)
    rows = _rows(call, current, revs, wish)
    return rendering.fill(Answer.json(""), itertools.chain([b"[\n"], rows, [b"]"]))


def _section(call: Call, current: Document | None, rev: str, wish: Wish) -> Section:
    try:
        document = shown(call, current, rev)
        return rendering.mixed(document, rendering.members(call.database, document, wish))
    except GatewayError:
        return rendering.error_section({"missing": rev})


def _rows(call: Call, current: Document | None, revs: Iterable[str], wish: Wish) -> Iterator[Piece]:
    separator = b""
    for rev in revs:
        try:
            document = shown(call, current, rev)
            members = rendering.members(call.database, document, wish)
            row = [b'{"ok":', *rendering.as_json(document, members), b"}"]
        except GatewayError:
            row = [canonical.dumps({"missing": rev}).encode()]
        yield from [separator, *row, b"\n"]
        separator = b","


def put_document(call: Call) -> Answer:
    uid = document_id(call.names["doc"])
    call.log_in()
    _refuse_replicator2(call)
    with edits.upload_file() as file:
        body, uploads = edits.body(call, file)
        given = body.get("_id")
        if isinstance(given, str) and given != uid:
            raise bad_request(
                "The document ID provided in the body does not match the document ID in the path"
            )
        documents.check_id(uid)
        if call.query.get("new_edits") == "false":
            saved = save_one(call, edits.revision(uid, body, uploads))
            return written(call, saved, 201, etag=False)
        asked = edits.asked_revision(call)
        edits.check_asked(body, asked)
        edit = edits.edit(uid, body, asked, uploads)
        return written(call, save_one(call, edit), 201)


def post_document(call: Call) -> Answer:
    call.log_in()
    with edits.upload_file() as file:
        body, uploads = edits.body(call, file)
        saved = save_one(call, edits.creation(body, uploads))
    return written(call, saved, 200, {"Location": iri_to_uri(saved.uid)})


def delete_document(call: Call) -> Answer:
    uid = document_id(call.names["doc"])
    call.log_in()
    documents.check_id(uid)
    try:
        start = edits.occ(edits.asked_revision(call))
    except GatewayError as error:
        reason = str(error) if error.status == 400 else error.reason.removeprefix(_INTERNAL)
        raise GatewayError(
            500, f"{_INTERNAL}couldn't get OCC value from request: {reason}"
        ) from None
    saved = save_one(call, Edit(uid, {"_deleted": True}, *start))
    return written(call, saved, 200, etag=False)


def save_one(call: Call, edit: Edit) -> Saved:
    """Write one document; raise a GatewayError if the write is refused."""
    (result,) = writes.save(call.database, [edit], call.log_in())
    if isinstance(result, GatewayError):
        raise result
    return result


def written(
    call: Call,
    saved: Saved,
    status: int,
    headers: dict[str, str] | None = None,
    *,
    etag: bool = True,
) -> Answer:
    """Return the answer to a successful write."""
    body = {"id": saved.uid, "ok": True, "rev": saved.rev, "cv": saved.cv}
    if not saved.cv:
        del body["cv"]
    tag = {"Etag": f'"{saved.rev}"'} if etag else {}
    return call.json(body, status, {**tag, **(headers or {})})
