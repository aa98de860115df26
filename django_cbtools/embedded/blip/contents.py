"""The attachments that the sides of a replication ask each other for."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import secrets
from collections.abc import Mapping
from typing import Any

from django_cbtools import canonical

from ..documents import attachments
from ..documents.attachments import Upload
from ..documents.documents import Document
from ..errors import GatewayError, bad_request, missing
from .messages import Message
from .session import Content, Place, Session
from .steps import Ask, Steps

_NOT_SYNCED = "Attachment's doc not being synced"
#: Types and names of attachments that do not get smaller by compression.
_PACKED_TYPE = re.compile(r"\bg?zip\b|^(audio|image|video)/(?!svg)", re.IGNORECASE)
_PACKED_NAME = re.compile(
    r"\.(zip|t?gz|rar|7z|jpe?g|png|gif|svgz|mp3|m4a|ogg|wav|aiff|mp4|mov|avi|theora)$",
    re.IGNORECASE,
)


# ------------------------------------------------- what the client asks us for


def open_to_client(session: Session, document: Document) -> None:
    """Let the client get the attachments of a revision that is sent to it."""
    for meta in document.attachments.values():
        key = document.uid, str(meta.get("digest"))
        opened = session.contents[key].opened if key in session.contents else 0
        session.contents[key] = Content(meta, opened + 1)


def close_to_client(session: Session, document: Document) -> None:
    """End what :func:`open_to_client` began: the client has the revision."""
    for meta in document.attachments.values():
        key = document.uid, str(meta.get("digest"))
        content = session.contents.get(key)
        if content is not None and content.opened > 1:
            session.contents[key] = content._replace(opened=content.opened - 1)
        else:
            session.contents.pop(key, None)


def get_attachment(place: Place, request: Message) -> Steps[Message]:
    yield from ()
    digest = request.properties.get("digest", "")
    if not digest:
        raise bad_request("Missing 'digest'")
    uid = None
    if place.session.version >= 3:
        uid = request.properties.get("docID", "")
        if not uid:
            raise bad_request("Missing 'docID'")
    content = _found(place.session, digest, uid)
    if content is None:
        raise GatewayError(403, _NOT_SYNCED)
    data = attachments.content(place.database, content.meta).read(attachments.MAX_BYTES)
    return Message({}, data, compressed=request.properties.get("compress") == "true")


def prove_attachment(place: Place, request: Message) -> Steps[Message]:
    """Prove to the other side that we have an attachment, without sending it."""
    yield from ()
    if not request.body:
        raise bad_request("no nonce sent with proveAttachment")
    if "digest" not in request.properties:
        raise bad_request("no digest sent with proveAttachment")
    content = _found(place.session, request.properties["digest"], None)
    if content is None:
        raise missing("attachment not found")
    held = attachments.content(place.database, content.meta)
    return Message({}, proof(request.body, held.read(attachments.MAX_BYTES)).encode())


def _found(session: Session, digest: str, uid: str | None) -> Content | None:
    """Return an attachment that the client may get; without ``uid``, that of any document."""
    if uid is not None:
        return session.contents.get((uid, digest))
    found = (content for key, content in session.contents.items() if key[1] == digest)
    return next(found, None)


# ------------------------------------------------- what we ask the client for


def missing_contents(
    given: Any, old: Document | None, rev: str, history: tuple[str, ...]
) -> dict[str, Mapping[str, Any]]:
    """Return the attachments in a pushed revision whose contents we need, by name.

    ``given`` is its `_attachments`, ``old`` is the document that it changes. Raises a 400
    GatewayError if an attachment is malformed.
    """
    if not isinstance(given, dict):
        raise bad_request("Invalid _attachments")
    # Without the document, attachments that came before the oldest ancestor are not asked for.
    first = canonical.generation(history[-1]) if old is None and len(history) > 1 else 0
    asked: dict[str, Mapping[str, Any]] = {}
    for name, meta in given.items():
        if not isinstance(meta, dict):
            raise bad_request("Invalid attachment")
        if meta.get("data") is not None:
            continue
        revpos = meta.get("revpos")
        if first and not (isinstance(revpos, int) and revpos >= first):
            continue
        known = old.attachments.get(name, {}) if old is not None else {}
        if not isinstance(meta.get("digest"), str):
            raise bad_request(
                "Invalid attachment, does not have digest field" if known else "Invalid attachment"
            )
        if known.get("digest") != meta["digest"] or known.get("ver") is None:
            asked[name] = meta
    return asked


def fetched(place: Place, uid: str, name: str, meta: Mapping[str, Any]) -> Steps[Upload]:
    """Return the contents of an attachment, which the client sends or proves to have.

    Raises a GatewayError if it does neither.
    """
    digest = meta["digest"]
    held = attachments.held_by(place.database, uid, digest)
    if held is not None and (
        yield from _is_proven(place, digest, held.read(attachments.MAX_BYTES))
    ):
        return Upload.receive(held.chunks(), io.BytesIO())
    asked = {"digest": digest}
    if _is_compressible(name, meta):
        asked["compress"] = "true"
    if place.session.version >= 3:
        asked["docID"] = uid
    reply = yield Ask(place.message("getAttachment", **asked))
    if reply.is_error:
        code, reason = reply.properties.get("Error-Code", ""), reply.body.decode("utf-8", "replace")
        raise GatewayError(500, f"Internal error: error {code} from getAttachment: {reason}")
    if reply.is_cut:
        raise GatewayError(413, "Attachment too large")
    upload = Upload.receive([reply.body], io.BytesIO())
    _check(upload, meta)
    return upload


def _is_proven(place: Place, digest: str, data: bytes) -> Steps[bool]:
    """Ask the client to prove that it has an attachment; return False if it cannot.

    Raises a 403 GatewayError if the proof is wrong.
    """
    nonce = secrets.token_bytes(20)
    request = place.message("proveAttachment", digest=digest)
    request.body = nonce
    reply = yield Ask(request)
    if reply.is_error and reply.properties.get("Error-Code") == "404":
        return False
    if reply.body != proof(nonce, data).encode():
        raise GatewayError(403, f"Incorrect proof for attachment {digest}")
    return True


def _check(upload: Upload, meta: Mapping[str, Any]) -> None:
    """Raise a 400 GatewayError unless the contents are those that a document describes."""
    digest, length = meta["digest"], meta.get("length")
    problem = f"Incorrect data sent for attachment with digest: {digest}"
    if type(length) is not int:
        raise GatewayError(500, "Internal error: no attachment length provided in meta")
    if upload.length != length:
        raise bad_request(f"{problem} (length mismatch - expected {length} got {upload.length})")
    if upload.digest != digest:
        raise bad_request(f"{problem} (digest mismatch - got {upload.digest})")


def _is_compressible(name: str, meta: Mapping[str, Any]) -> bool:
    kind = meta.get("content_type")
    if meta.get("encoding") is not None or _PACKED_NAME.search(name):
        return False
    return not (isinstance(kind, str) and _PACKED_TYPE.search(kind))


def proof(nonce: bytes, data: bytes) -> str:
    """Return the proof that a side has some data, which only who has it can compute."""
    sha1 = hashlib.sha1(bytes([len(nonce) % 256]) + nonce, usedforsecurity=False)
    sha1.update(data)
    return "sha1-" + base64.b64encode(sha1.digest()).decode()
