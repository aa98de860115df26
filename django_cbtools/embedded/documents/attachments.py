"""Attachments: their metadata in documents, and their contents.

The contents are stored in chunks, once for each digest in a keyspace. `cbtools_attachments` records
which documents hold which contents. Knowing a digest does not give access to the contents: a
document may claim any attachment, but it holds only attachments that were uploaded with it or with
the revision it is based on.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, NamedTuple, TypeAlias

from django_cbtools import canonical

from ..database import Database
from ..errors import GatewayError, bad_request, missing
from .documents import Document

#: The largest attachment (bytes), as on a real gateway.
MAX_BYTES = 20 * 1024 * 1024
#: The size of a chunk (bytes). It is a multiple of three, so that chunks can be encoded as base64
#: one by one.
CHUNK = 255 * 1024
#: ``ver`` in a real gateway's metadata. Here it marks attachments whose contents are stored.
VERSION = 2

#: Quotes a name for an error message.
quoted = json.JSONEncoder(ensure_ascii=False).encode
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_GO_TYPES = {bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}


@dataclass(frozen=True)
class Upload:
    """The contents of an uploaded attachment.

    They are ``length`` bytes of ``file``, beginning at ``start``. One file holds all attachments of
    a request, as there may be thousands. The caller closes it.
    """

    file: IO[bytes]
    digest: str
    length: int
    start: int = 0

    @classmethod
    def receive(cls, pieces: Iterable[bytes], file: IO[bytes]) -> Upload:
        """Append an upload to a file. Raises a 413 GatewayError if it is too large."""
        sha1 = hashlib.sha1(usedforsecurity=False)
        file.seek(0, io.SEEK_END)
        start = file.tell()
        length = 0
        for piece in pieces:
            length += len(piece)
            if length > MAX_BYTES:
                raise GatewayError(413, "Attachment too large")
            sha1.update(piece)
            file.write(piece)
        return cls(file, f"sha1-{_encoded(sha1.digest())}", length, start)

    @classmethod
    def decode(cls, data: Any) -> Upload:
        """Return the upload that a body contains as base64.

        Raises a 400 GatewayError if ``data`` is not valid base64, and a 413 GatewayError if the
        attachment is too large.
        """
        if not isinstance(data, str):
            kind = _GO_TYPES.get(type(data), "json.Number")
            raise bad_request(f"invalid attachment data (type {kind})")
        data = data.replace("\r", "").replace("\n", "")
        valid = _BASE64.match(data)
        if valid is None or valid.end() < len(data) or len(data) % 4:
            place = valid.end() if valid else 0
            raise bad_request(f"illegal base64 data at input byte {place}")
        return cls.receive([base64.b64decode(data)], io.BytesIO())

    def md5(self) -> str:
        """Return the MD5 digest, as CouchDB writes it: ``md5-`` and base64."""
        md5 = hashlib.md5(usedforsecurity=False)
        for data in self.chunks():
            md5.update(data)
        return f"md5-{_encoded(md5.digest())}"

    def chunks(self) -> Iterator[bytes]:
        """Yield the contents in chunks. There is at least one chunk, which may be empty."""
        for place in range(0, max(self.length, 1), CHUNK):
            self.file.seek(self.start + place)
            yield self.file.read(min(CHUNK, self.length - place))


class Held(NamedTuple):
    """The metadata of a revision's attachments (JSON, by name), and the uploads to store."""

    text: str = "{}"
    uploads: Sequence[Upload] = ()


def resolve(given: Any, uploads: Mapping[str, Upload], rev: str, base: Document | None) -> Held:
    """Return the attachments of a new revision.

    ``given`` is the value of `_attachments` in its body, ``rev`` is its id, and ``base`` is the
    revision that it is based on, or None. ``uploads`` are the attachments that were sent beside the
    body, by name.

    Raises a 400 GatewayError for an attachment that is neither sent nor known, and a 413
    GatewayError for one that is too large.
    """
    # Anything but an object is ignored (05-doc-bodies.json).
    if not given or not isinstance(given, dict):
        return Held()
    known = base.attachments if base else {}
    new = []
    held: dict[str, Any] = {}
    for name, meta in given.items():
        if not isinstance(meta, dict):
            raise bad_request("Invalid _attachments")
        upload = uploads.get(name)
        if upload is None and meta.get("data") is not None:
            upload = Upload.decode(meta["data"])
        if upload is not None:
            new.append(upload)
            held[name] = _described(meta, upload, canonical.generation(rev))
        elif meta.get("stub") is not True:
            raise bad_request(f"Missing data of attachment {quoted(name)}")
        elif name in known:
            held[name] = known[name]
        elif not known and meta.get("digest") is None:
            raise bad_request(f"Missing digest in stub attachment {quoted(name)}")
        else:
            # A claim: answers show it, but it has no contents to read (15-attachments.json).
            held[name] = {key: value for key, value in meta.items() if key != "ver"}
    return Held(canonical.dumps(held), new)


def _described(meta: Mapping[str, Any], upload: Upload, revpos: int) -> dict[str, Any]:
    described = {"digest": upload.digest, "revpos": revpos, "stub": True, "ver": VERSION}
    if isinstance(meta.get("content_type"), str):
        described["content_type"] = meta["content_type"]
    if meta.get("encoding") is None:
        return {**described, "length": upload.length}
    return {**described, "encoding": meta["encoding"], "encoded_length": upload.length}


def store(database: Database, uid: str, uploads: Iterable[Upload]) -> None:
    """Store a document's uploads, inside the transaction that writes the document."""
    for upload in uploads:
        key = [database.keyspace, upload.digest]
        is_new = database.execute(
            "INSERT INTO cbtools_attachments (keyspace, digest, uid) VALUES (%s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            [*key, uid],
        )
        if not is_new or database.value(
            "SELECT 1 FROM cbtools_attachment_chunks "
            "WHERE keyspace = %s AND digest = %s AND position = 0",
            key,
        ):
            continue
        position = 0
        for data in upload.chunks():
            # Django's cursor would keep the data in memory while DEBUG is on.
            with database.connection.wrap_database_errors:
                database.connection.connection.execute(
                    "INSERT INTO cbtools_attachment_chunks (keyspace, digest, position, data) "
                    "VALUES (?, ?, ?, ?)",
                    [*key, position, data],
                )
            position += len(data)


@dataclass(frozen=True)
class Content:
    """A range of bytes of a stored attachment, from ``start`` to ``end``.

    The bytes are read only when they are needed.
    """

    database: Database
    digest: str
    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start

    def chunks(self) -> Generator[bytes, None, None]:
        """Yield the bytes in chunks, each read by a query of its own.

        No transaction is open between the queries, so that a slow client does not block writers.
        Raises a 404 GatewayError if the attachment is removed in the meantime.
        """
        position = self.start
        while position < self.end:
            data = self.database.value(
                "SELECT substr(data, 1 + %s - position, %s) FROM cbtools_attachment_chunks "
                "WHERE keyspace = %s AND digest = %s AND position <= %s "
                "ORDER BY position DESC LIMIT 1",
                [position, self.end - position, self.database.keyspace, self.digest, position],
            )
            if not data:
                raise missing()
            yield data
            position += len(data)

    def read(self, limit: int) -> bytes:
        """Return the first ``limit`` bytes, or all of them if there are fewer."""
        end = min(self.end, self.start + limit)
        return b"".join(Content(self.database, self.digest, self.start, end).chunks())


@dataclass(frozen=True)
class Base64:
    """A range of bytes of a stored attachment, encoded as base64."""

    content: Content

    @property
    def length(self) -> int:
        return (self.content.length + 2) // 3 * 4

    def chunks(self) -> Iterator[bytes]:
        return map(base64.b64encode, self.content.chunks())


#: A piece of an answer's body: bytes, or a part of an attachment that is read when it is sent.
Piece: TypeAlias = "bytes | Content | Base64"


def content(database: Database, meta: Mapping[str, Any]) -> Content:
    """Return the contents of the attachment that ``meta`` describes.

    Raises a 404 GatewayError if the document only claims the attachment.
    """
    if meta.get("ver") != VERSION:
        raise missing()
    return Content(database, meta["digest"], 0, meta.get("encoded_length", meta.get("length")))


def held_by(database: Database, uid: str, digest: str) -> Content | None:
    """Return the contents with a digest if they were uploaded for a document, otherwise None."""
    length = database.value(
        "SELECT sum(length(data)) FROM cbtools_attachment_chunks WHERE keyspace = %s "
        "AND digest = %s AND EXISTS (SELECT 1 FROM cbtools_attachments AS holder "
        "WHERE holder.keyspace = %s AND holder.digest = %s AND holder.uid = %s)",
        [database.keyspace, digest, database.keyspace, digest, uid],
    )
    return None if length is None else Content(database, digest, 0, length)


def _encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
