"""Parses requests that write a document: its id, base revision, body and attachments."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

from ..documents import attachments, bodies, documents
from ..documents.attachments import CHUNK, Upload
from ..documents.writes import Edit
from ..errors import GatewayError, bad_request, missing
from ..http.messages import Call
from .multipart import Reader

_CV = re.compile(r"[0-9a-f]+@[A-Za-z0-9+/]+$")


def asked_revision(call: Call) -> str:
    """Return the base revision in the query or in If-Match, '' if the request has neither.

    Raises a 400 GatewayError if the revision in the query contains a space, and a 500 GatewayError
    if the ETag is not quoted, as on a real gateway.
    """
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
    """The base of a write: a revision id or a version. Both are '' if the write has no base."""

    rev: str = ""
    cv: str = ""


def occ(value: str) -> Occ:
    """Return the base of a write from a revision id or a version.

    Raises a 400 GatewayError if the value is neither.
    """
    if not value:
        return Occ()
    if documents.REV.match(value):
        return Occ(rev=value)
    if _CV.match(value):
        return Occ(cv=value)
    raise bad_request(f'Invalid version type for OCC value: "{value}"')


def check_asked(body: Mapping[str, Any], asked: str) -> None:
    """Raise a 400 GatewayError if a body and the rest of its request name different bases."""
    start = occ(asked)
    for key, value, what in (("_rev", start.rev, "Revision IDs"), ("_cv", start.cv, "CVs")):
        if value and body.get(key) not in (None, value):
            raise bad_request(f"{what} provided do not match")
    key = "_cv" if "_cv" in body else "_rev"
    if not asked and not isinstance(body.get(key, ""), str):
        raise bad_request('Invalid version type for OCC value: ""')


def edit(
    uid: str, body: Mapping[str, Any], asked: str = "", uploads: Mapping[str, Upload] | None = None
) -> Edit:
    """Return an edit that writes a body.

    The base is ``asked`` or, if that is empty, the body's ``_rev`` or ``_cv``. A base in the body
    that is not a string is ignored. Raises a 400 GatewayError if the base is invalid, and a 413
    GatewayError if the body is too large.
    """
    bodies.check_values(body)
    rev, cv = (value if isinstance(value, str) else "" for value in map(body.get, _OCC_KEYS))
    start = occ(asked)
    rev, cv = start.rev or rev, start.cv or cv
    if rev and not documents.REV.match(rev):
        raise bad_request("Invalid revision ID")
    return Edit(uid, body, rev, cv, uploads=uploads or {})


def creation(body: Mapping[str, Any], uploads: Mapping[str, Upload] | None = None) -> Edit:
    """Return an edit that creates a document, with the id in the body or a generated one.

    Raises a 404 GatewayError if the body names a base, a 400 GatewayError if the id is invalid, and
    a 413 GatewayError if the body is too large.
    """
    bodies.check_values(body)
    if any(body.get(key) is not None for key in _OCC_KEYS):
        raise missing("No previous revision to replace")
    given = body.get("_id")
    uid = documents.check_id(given) if isinstance(given, str) else documents.new_id()
    return Edit(uid, body, uploads=uploads or {})


def revision(
    uid: str, body: Mapping[str, Any], uploads: Mapping[str, Upload] | None = None
) -> Edit:
    """Return an edit that writes a revision with the id and the history that a replicator gives.

    Raises a 400 GatewayError if the body's ``_revisions`` or ``_rev`` are invalid, and a 413
    GatewayError if the body or the history is too large.
    """
    bodies.check_values(body)
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
    documents.check_metadata(history)
    return Edit(uid, body, history=history, uploads=uploads or {})


class Body(NamedTuple):
    """A document from a request, and the attachments sent as separate parts, by name."""

    members: dict[str, Any]
    uploads: Mapping[str, Upload]


def body(call: Call, file: IO[bytes]) -> Body:
    """Read the document in a request, and write attachments sent as separate parts to a file.

    Raises a 400 GatewayError if the body is malformed, a 413 GatewayError if it is too large, and a
    415 GatewayError if its content type is neither JSON nor multipart/related.
    """
    media_type = call.headers.get("content-type", "").partition(";")[0].strip()
    if media_type.lower() == "multipart/related":
        return _multipart_body(call, file)
    if media_type.lower() not in ("", "application/json"):
        raise GatewayError(415, f"Invalid content type {media_type}")
    return Body(call.object(), {})


def upload_file() -> tempfile.SpooledTemporaryFile[bytes]:
    """Return a temporary file for uploaded attachments; it is in memory as long as it is small."""
    return tempfile.SpooledTemporaryFile(CHUNK)


def _multipart_body(call: Call, file: IO[bytes]) -> Body:
    """Read a multipart/related body: a JSON part, then the attachments that it announces.

    The digests tell which attachment a part is.
    """
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
        # Clients identify an attachment by its SHA-1 or its MD5 digest.
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
