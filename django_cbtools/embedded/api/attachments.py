"""REST API: reading, writing and deleting attachments at their own URLs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from django_cbtools import canonical

from ..documents import attachments, documents
from ..documents.documents import Document
from ..documents.writes import Edit
from ..errors import GatewayError, conflict, missing
from ..http import limits
from ..http.answers import Answer
from ..http.browsers import is_inert
from ..http.messages import ADMIN_PORT, Call, document_id, header_value, unescape
from ..http.sniffing import sniff
from . import edits, rendering
from .documents import (
    delete_document,
    get_document,
    put_document,
    read,
    save_one,
    written,
)

_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")


def get_attachment(call: Call) -> Answer:
    if _is_document(call):
        return get_document(call)
    uid, name = _place(call)
    meta = read(call, uid, call.query.get("rev", "")).attachments.get(name)
    if meta is None:
        raise missing(f"missing attachment {name}")
    content = attachments.content(call.database, meta)
    if call.flag("meta"):
        return call.json({**meta, "key": _key(uid, content.digest)})
    headers = {"Accept-Ranges": "bytes"}
    start, end = asked_range(call.headers.get("range", ""), content.length)
    if end - start < content.length:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.length}"
    part = attachments.Content(call.database, content.digest, start, end)
    headers |= {"Etag": f'"{content.digest}"', **_type_headers(call, meta, part)}
    answer = Answer(206 if "Content-Range" in headers else 200, headers=headers, listed=True)
    return rendering.fill(answer, [part], part.length)


def put_attachment(call: Call) -> Answer:
    if _is_document(call):
        return put_document(call)
    uid, name = _place(call)
    start = edits.occ(edits.asked_revision(call))
    meta = {"content_type": call.headers.get("content-type") or "application/octet-stream"}
    with edits.upload_file() as file:
        upload = attachments.Upload.receive(call.pieces(limits.STREAM), file)
        try:
            document = read(call, uid, start.rev or start.cv)
        except GatewayError as error:
            if error.status != 404:
                raise
            # As in CouchDB, uploading an attachment creates a missing document.
            edit = Edit(uid, {"_attachments": {name: meta}}, *start, uploads={name: upload})
        else:
            _check_start(start)
            held = {**document.stubs(), name: meta}
            edit = Edit(uid, _body(document, held), document.rev, uploads={name: upload})
        return written(call, save_one(call, edit), 201)


def delete_attachment(call: Call) -> Answer:
    if _is_document(call):
        return delete_document(call)
    uid, name = _place(call)
    start = edits.occ(edits.asked_revision(call))
    try:
        document = read(call, uid, start.rev or start.cv)
    except GatewayError as error:
        if error.status != 404:
            raise
        if start != edits.Occ() and documents.find(call.database, [uid]):
            raise conflict("Incorrect revision ID specified") from None
        raise missing("Document specified is not found") from None
    _check_start(start)
    held = document.stubs()
    if held.pop(name, None) is None:
        raise missing(f"Attachment {name} is not found")
    return written(call, save_one(call, Edit(uid, _body(document, held), document.rev)), 200)


def _place(call: Call) -> tuple[str, str]:
    """Log the client in; return the document id and the attachment name in the path."""
    uid, name = document_id(call.names["doc"]), unescape(call.names["attachment"])
    call.log_in()
    return documents.check_id(uid), name


def _is_document(call: Call) -> bool:
    """Return whether the last slash of the path is part of a document id.

    The path is changed to name that document or, if there are several slashes, the attachment.
    Some servers unescape the path, and do not tell whether a slash was escaped. Then the decision
    depends on the documents that exist, on the revision in the request, and on the content type of
    its body. Raises a 409 GatewayError if a write fits both the document and the attachment.
    """
    if call.is_raw:
        return False
    # A real gateway unescapes a path with an escaped slash once, and any other path twice.
    whole = f"{call.names['doc']}/{call.names['attachment']}"
    has_slashes = "%2F" in call.path
    if has_slashes:
        whole = unquote(whole)
        call.log_in()
    splits = _splits(whole) if has_slashes else _split(call)
    known = documents.find(call.database, [whole, *(holder for holder, _ in splits)])
    holder, name = _likeliest(splits, known)
    if call.method in ("PUT", "DELETE"):
        is_one = _is_meant(call, known.get(holder), known.get(whole), name)
    else:
        held = known[holder].attachments if holder in known else {}
        is_one = whole in known and name not in held
    if is_one:
        call.names["doc"] = quote(whole, safe="")
        call.max_text = limits.DOCUMENTS
    elif has_slashes:
        call.names.update(doc=quote(holder, safe=""), attachment=quote(name, safe=""))
    return is_one


def _split(call: Call) -> list[tuple[str, str]]:
    """Return the document id and the attachment name in the path, nothing if they are invalid."""
    try:
        return [_place(call)]
    except GatewayError as error:
        if error.status != 400:
            raise
        return []


def _splits(whole: str) -> list[tuple[str, str]]:
    """Return all pairs of a document id and an attachment name that are joined by a slash."""
    # No id is longer. In bytes it may be, but then there is no such document.
    ends = range(1, min(len(whole) - 1, documents.MAX_ID_BYTES + 1))
    return [(whole[:end], whole[end + 1 :]) for end in ends if whole[end] == "/"]


def _likeliest(splits: Sequence[tuple[str, str]], known: Mapping[str, Document]) -> tuple[str, str]:
    """Return the pair whose document has the attachment, else the one with the longest known id."""

    def rank(split: tuple[str, str]) -> tuple[bool, bool, int]:
        holder, name = split
        return holder in known and name in known[holder].attachments, holder in known, len(holder)

    return max(splits, key=rank, default=("", ""))


def _is_meant(call: Call, holder: Document | None, whole: Document | None, name: str) -> bool:
    """Return whether a write is meant for document ``whole`` and not for an attachment of
    ``holder``.

    Raise a 409 GatewayError if the revision in the request fits both documents.
    """
    content_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_body = content_type in ("", "application/json", "multipart/related")
    is_put = call.method == "PUT"
    if is_put and not is_body:
        return False
    start = edits.occ(edits.asked_revision(call))
    if start == edits.Occ():
        # Writing an attachment of an existing document requires a revision.
        return is_put or whole is not None
    fits = [_starts_from(document, start) for document in (holder, whole)]
    if all(fits):
        raise conflict(
            f"This server does not say whether this is document {whole.uid if whole else name!r} "
            f"or attachment {name!r}: send both in the document's body"
        )
    return fits[1] or (is_put and not any(fits))


def _starts_from(document: Document | None, start: edits.Occ) -> bool:
    if document is None:
        return False
    return start.cv == document.cv if start.cv else start.rev in document.tree.leaves()


def _check_start(start: edits.Occ) -> None:
    if start == edits.Occ():
        raise conflict("Cannot modify attachments without a specific rev ID")


def _body(document: Document, held: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a document's next revision, with the attachments ``held``."""
    body: dict[str, Any] = canonical.loads(document.body)[0]
    return {**document.members(), **body, "_attachments": held}


def _key(uid: str, digest: str) -> str:
    """Return the key under which a real gateway keeps an attachment."""
    name = base64.b64encode(hashlib.sha256(uid.encode()).digest()).decode()
    return f"_sync:att{attachments.VERSION}:{name}:{digest}"


def asked_range(header: str, length: int) -> tuple[int, int]:
    """Return the range of bytes that a Range header asks for: its start, and its end (excluded).

    A header that is not a byte range asks for the whole content, as on a real gateway
    (15-attachments.json). Raises a 416 GatewayError if the content has none of these bytes.
    """
    found = _RANGE.fullmatch(header)
    if not found or not (found[1] or found[2]):
        return 0, length
    unsatisfiable = GatewayError(416, "", {"Accept-Ranges": "bytes"})
    if not found[1]:
        if not _number(found[2]):
            raise unsatisfiable
        return max(0, length - _number(found[2])), length
    start = _number(found[1])
    end = _number(found[2]) + 1 if found[2] else length
    if end <= start and found[2]:
        return 0, length
    if start >= length:
        raise unsatisfiable
    return start, min(end, length)


def _number(digits: str) -> int:
    # Python refuses to parse numbers with thousands of digits.
    digits = digits.lstrip("0")
    return int(digits[:30] or "0")


def _type_headers(call: Call, meta: dict[str, Any], content: attachments.Content) -> dict[str, str]:
    """Return the headers that give an attachment's type and keep browsers from executing it."""
    headers: dict[str, str] = {}
    encoding = meta.get("encoding")
    content_type = header_value(meta.get("content_type", ""))
    if "content_type" in meta:
        headers["Content-Type"] = content_type
    elif content.length and not isinstance(encoding, str):
        headers["Content-Type"] = sniff(content.read(512))
    if call.port == ADMIN_PORT or (
        not is_inert(content_type) and not call.database.option("serve_insecure_attachment_types")
    ):
        headers["Content-Disposition"] = "attachment"
    if isinstance(encoding, str):
        if call.query.get("content_encoding") in (None, "", "true"):
            headers["Content-Encoding"] = header_value(encoding)
        else:
            headers["X-Content-Encoding"] = header_value(encoding)
            headers["Content-Type"] = "application/gzip"
    return headers
