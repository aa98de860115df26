"""Turn requests that write a document into edits: its id, its base revision, its attachments."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

from django_cbtools import canonical

from ..documents import attachments, documents
from ..documents.attachments import CHUNK, Upload
from ..documents.writes import Edit
from ..errors import GatewayError, bad_request, missing
from ..http.messages import Call
from .multipart import Reader

_CV = re.compile(r"[0-9a-f]+@[A-Za-z0-9+/]+$")


def asked_revision(call: Call) -> str:
    """The base revision in the query or in If-Match; '' if there is none."""
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


#: The members of a body that name its base revision.
_OCC_KEYS = ("_rev", "_cv")


class Occ(NamedTuple):
    """The base of a write: a revision id or a version; both are '' if it names none."""

    rev: str = ""
    cv: str = ""


def occ(value: str) -> Occ:
    """The base of a write, from a value that is a revision id or a version."""
    if not value:
        return Occ()
    if documents.REV.match(value):
        return Occ(rev=value)
    if _CV.match(value):
        return Occ(cv=value)
    raise bad_request(f'Invalid version type for OCC value: "{value}"')


def check_asked(body: Mapping[str, Any], asked: str) -> None:
    """Raise a 400 GatewayError if a body names another base than the rest of its request."""
    start = occ(asked)
    for key, value, what in (("_rev", start.rev, "Revision IDs"), ("_cv", start.cv, "CVs")):
        if value and body.get(key) not in (None, value):
            raise bad_request(f"{what} provided do not match")
    key = "_cv" if "_cv" in body else "_rev"
    if not asked and not isinstance(body.get(key, ""), str):
        raise bad_request('Invalid version type for OCC value: ""')


def check_size(body: Mapping[str, Any]) -> None:
    """Raise a 413 GatewayError if the strings of a body alone are larger than a document may be.

    This comes before the body is turned into the text that is stored, which takes several times as
    much memory.
    """
    size = 0
    waiting = [value for key, value in body.items() if key != "_attachments"]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, canonical.Number):
            size += len(value.text)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    if size > documents.MAX_BYTES:
        raise GatewayError(413, "Document too large!")


def edit(
    uid: str, body: Mapping[str, Any], asked: str = "", uploads: Mapping[str, Upload] | None = None
) -> Edit:
    """A write of a body, which may name its base itself; raises a 400 GatewayError.

    A base that is not a string is ignored.
    """
    check_size(body)
    rev, cv = (value if isinstance(value, str) else "" for value in map(body.get, _OCC_KEYS))
    start = occ(asked)
    rev, cv = start.rev or rev, start.cv or cv
    if rev and not documents.REV.match(rev):
        raise bad_request("Invalid revision ID")
    return Edit(uid, body, rev, cv, uploads=uploads or {})


def creation(body: Mapping[str, Any], uploads: Mapping[str, Upload] | None = None) -> Edit:
    """A write of a new document, with the id in the body, or a new one.

    Raises a 404 GatewayError for a body that names a base, and a 400 one for an invalid id.
    """
    check_size(body)
    if any(body.get(key) is not None for key in _OCC_KEYS):
        raise missing("No previous revision to replace")
    given = body.get("_id")
    uid = documents.check_id(given) if isinstance(given, str) else documents.new_id()
    return Edit(uid, body, uploads=uploads or {})


def revision(
    uid: str, body: Mapping[str, Any], uploads: Mapping[str, Upload] | None = None
) -> Edit:
    """A write by a replicator, which brings its own revision ids; raises a 400 GatewayError."""
    check_size(body)
    history: tuple[str, ...] = ()
    revisions, rev = body.get("_revisions"), body.get("_rev")
    if isinstance(revisions, dict):
        start, ids = revisions.get("start"), revisions.get("ids")
        if (
            type(start) is int
            and isinstance(ids, list)
            and all(isinstance(digest, str) for digest in ids)
            and start >= len(ids)
        ):
            history = tuple(f"{start - place}-{digest}" for place, digest in enumerate(ids))
    elif "_revisions" not in body and isinstance(rev, str):
        history = (rev,)
    if not history or not all(map(documents.REV.fullmatch, history)):
        raise bad_request("Bad _revisions")
    return Edit(uid, body, history=history, uploads=uploads or {})


class Body(NamedTuple):
    """A document as it was sent, and the attachments that came beside it, by name."""

    members: dict[str, Any]
    uploads: Mapping[str, Upload]


def body(call: Call, file: IO[bytes]) -> Body:
    """The document that a request brings; the attachments beside it are put in a file.

    Raises a 400, 413 or 415 GatewayError.
    """
    media_type = call.headers.get("content-type", "").partition(";")[0].strip()
    if media_type.lower() == "multipart/related":
        return _multipart_body(call, file)
    if media_type.lower() not in ("", "application/json"):
        raise GatewayError(415, f"Invalid content type {media_type}")
    return Body(call.object(), {})


def upload_file() -> tempfile.SpooledTemporaryFile[bytes]:
    """A file for the attachments that come with a request, in memory as long as it is small."""
    return tempfile.SpooledTemporaryFile(CHUNK)


def _multipart_body(call: Call, file: IO[bytes]) -> Body:
    """A JSON part, then the attachments that it announces, identified by their digests."""
    reader = Reader(call)
    part = reader.next_part()
    if part is None:
        raise bad_request("The multipart body has no part")
    part.max_text = call.max_text
    part.begin_large = call.begin_large  # type: ignore[method-assign]
    members = part.object()
    given = members.get("_attachments")
    following = {
        name: meta
        for name, meta in (given.items() if isinstance(given, dict) else ())
        if isinstance(meta, dict) and meta.get("follows") is True
    }
    names: dict[str, list[str]] = {}
    for name, meta in following.items():
        names.setdefault(str(meta.get("digest")), []).append(name)
    count = len(following)
    uploads: dict[str, Upload] = {}
    while following:
        part = reader.next_part()
        if part is None:
            raise bad_request(
                f"Too few MIME parts: expected {count} attachments, got {len(uploads)}"
            )
        arrived = Upload.receive(part.source, file)
        # SHA-1, or else MD5.
        waiting = names.get(arrived.digest) or names.get(arrived.md5())
        if not waiting:
            raise bad_request(f"MIME part #{len(uploads) + 2} doesn't match any attachment")
        name = waiting.pop()
        _check_length(name, following.pop(name), arrived)
        uploads[name] = arrived
    if reader.next_part() is not None:
        raise bad_request(f"Too many MIME parts (expected {count + 1})")
    return Body(members, uploads)


def _check_length(name: str, meta: Mapping[str, Any], arrived: Upload) -> None:
    for key in ("encoded_length", "length"):
        length = meta.get(key)
        if isinstance(length, int):
            if length != arrived.length:
                raise bad_request(
                    f"Attachment length mismatch for {attachments.quoted(name)}: "
                    f"read {arrived.length} bytes, should be {length}"
                )
            return
