"""The attachments of a document. They are read as streams, and written with the document or
alone."""

from __future__ import annotations

import base64
import hashlib
import io
import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, overload

from asgiref.sync import sync_to_async

from django_cbtools import canonical
from django_cbtools.exceptions import CouchbaseModelError, SyncGatewayNotFound, shown
from django_cbtools.sync_gateway.calls.quoting import quote_place
from django_cbtools.sync_gateway.facade import gateway_of
from django_cbtools.sync_gateway.transport.uploads import (
    DEFAULT_TYPE,
    MOST,
    digest_of,
    too_large,
    upload_of,
    uploading,
)

from ..document import ATTACHMENTS, EXPIRES, GATEWAY_KEYS, named
from ..fields import values
from .expiring import see_expiries
from .versions import reveal

#: The size, in bytes, of the largest attachment that is sent with its document, in one revision.
SMALL = 1024 * 1024


class Attachment:
    """An attachment of a document.

    ``content_type`` and ``digest`` are strings, and ``length`` is a number of bytes. If they are
    unknown, they are ``""`` or None: attachments from phones may have no type, and large ones have
    no digest until they are saved.
    """

    def __init__(self, document: Any, name: str) -> None:
        self.document, self.name = document, name

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name!r} of document {self.document.uid!r}>"

    @property
    def _meta(self) -> Mapping[str, Any]:
        pending = self.document._uploads.get(self.name)
        if pending is not None:
            return {"content_type": pending.content_type, "length": len(pending)}
        meta = _metas(self.document).get(self.name)
        if meta is None:
            raise SyncGatewayNotFound(
                f"document {shown(str(self.document.uid))} has no attachment {shown(self.name)}.",
                status=404,
                error="not_found",
                reason=f"missing attachment {self.name}",
                uid=self.document.uid,
            )
        return stub_of(meta, "") if "data" in meta else meta

    @property
    def content_type(self) -> str:
        return _text(self._meta.get("content_type"))

    @property
    def digest(self) -> str:
        return _text(self._meta.get("digest"))

    @property
    def length(self) -> int | None:
        length = self._meta.get("encoded_length", self._meta.get("length"))
        return length if isinstance(length, int) else None

    @property
    def is_saved(self) -> bool:
        """True if the gateway has the attachment."""
        is_pending = self.name in self.document._uploads
        return not is_pending and "data" not in _metas(self.document).get(self.name, {"data": ""})

    def open(self, *, start: int = 0, end: int | None = None) -> Any:
        """Return the contents as a binary file, which must be closed.

        ``start`` and ``end`` are offsets in bytes and limit the file to a range; ``end`` is
        excluded. The file reads from the gateway while it is read.

        Raises SyncGatewayNotFound if the gateway does not have the attachment, or has replaced it
        and no longer keeps the document's revision.
        """
        if not self.is_saved:
            return self._open_pending(start, end)
        digest = self._meta.get("digest")
        place, gateway = (self.document.uid, self.name), self._gateway
        file = gateway.get_attachment(*place, start=start, end=end)
        if file is not None and digest and file.digest != digest:
            file.close()
            rev = self.document.rev
            file = gateway.get_attachment(*place, rev=rev, start=start, end=end)
        return file

    def _open_pending(self, start: int, end: int | None) -> Any:
        pending = self.document._uploads.get(self.name)
        if pending is None:
            data = base64.b64decode(_metas(self.document)[self.name]["data"])
            return io.BytesIO(data[start:end])
        return io.BufferedReader(pending.view(start, end))

    def read(self) -> bytes:
        """Return the contents as bytes."""
        with self.open() as file:
            data: bytes = file.read()
        return data

    def save(self) -> None:
        """Save only the attachment, on top of the document's revision.

        Other changes of the document are not saved.

        Raises SyncGatewayConflict if somebody has written the document since it was loaded, and
        CouchbaseModelError if the document was never saved.
        """
        if self.is_saved:
            return
        uid, rev = self._place("saved")
        pending = self.document._uploads.get(self.name)
        source = pending or self._open_pending(0, None)
        with uploading(source, self.content_type or DEFAULT_TYPE) as upload:
            kind = upload.content_type
            rev = self._gateway.put_attachment(uid, self.name, upload, kind, rev)
        stub = {
            "content_type": kind, "digest": upload.digest, "length": len(upload),
            "revpos": canonical.generation(rev), "stub": True,
        }  # fmt: skip
        _written_alone(self.document, rev, self.name, stub)

    def delete(self) -> None:
        """Delete only the attachment, at once, on top of the document's revision.

        ``del document.attachments[name]`` deletes it when the document is saved. Raises the same as
        :meth:`save`.
        """
        if not self.is_saved:
            del self.document.attachments[self.name]
            return
        uid, rev = self._place("deleted")
        rev = self._gateway.delete_attachment(uid, self.name, rev)
        _written_alone(self.document, rev, self.name, None)

    @property
    def _gateway(self) -> Any:
        return gateway_of(type(self.document))

    def _place(self, what: str) -> tuple[str, str]:
        """Return the document's uid and revision. Raise CouchbaseModelError if it has not been
        saved."""
        document = self.document
        see_expiries([document])
        if document.rev is None:
            raise CouchbaseModelError(
                f"{named(document)}: an attachment cannot be {what} alone before the document is "
                "saved."
            )
        return document.get_uid(), document.rev

    async def aread(self) -> bytes:
        """Async version of :meth:`read`."""
        return await sync_to_async(self.read)()

    async def asave(self) -> None:
        """Async version of :meth:`save`."""
        await sync_to_async(self.save)()

    async def adelete(self) -> None:
        """Async version of :meth:`delete`."""
        await sync_to_async(self.delete)()

    save.alters_data = asave.alters_data = True  # type: ignore[attr-defined]
    delete.alters_data = adelete.alters_data = True  # type: ignore[attr-defined]


class Attachments(Mapping[str, Attachment]):
    """The attachments of a document, by name.

    They are the attachments that the document had when it was loaded, and those that will be saved
    with it.
    """

    def __init__(self, document: Any) -> None:
        self._document = document
        reveal([document])

    def __getitem__(self, name: str) -> Attachment:
        if name not in _metas(self._document) and name not in self._document._uploads:
            raise KeyError(name)
        return Attachment(self._document, name)

    def __iter__(self) -> Iterator[str]:
        return iter({**_metas(self._document), **self._document._uploads})

    def __len__(self) -> int:
        return len({**_metas(self._document), **self._document._uploads})

    def add(self, name: str, file: Any, content_type: str | None = None) -> Attachment:
        """Add an attachment, or replace the one with this name. It is saved with the document.

        ``file`` is bytes or a binary file. A file of more than 1 MB is only read when the document
        is saved, and is written after it, in a revision of its own. ``content_type`` is by default
        that of the file, or guessed from its name.

        Raises SyncGatewayBadRequest if the name, the type or the file is invalid, or if the file is
        larger than 20 MB.
        """
        document = self._document
        quote_place(document.uid or "new", name)  # a copy has no uid yet
        kind = content_type or getattr(file, "content_type", None) or guessed(name)
        metas, uploads = _metas(document), dict(document._uploads)
        uploads.pop(name, None)
        upload = upload_of(file, kind)
        if len(upload) > MOST:
            # After the document has been saved, it is too late for an error.
            upload.close()
            raise too_large(name, MOST, document.uid)
        if len(upload) > SMALL:
            uploads[name] = upload
        else:
            data = base64.b64encode(upload.read()).decode()
            metas[name] = {"content_type": upload.content_type, "data": data}
            upload.close()
        document._uploads = MappingProxyType(uploads)
        _set(document, metas)
        return Attachment(document, name)

    def __delitem__(self, name: str) -> None:
        """Delete the attachment when the document is saved."""
        document = self._document
        metas, uploads = _metas(document), dict(document._uploads)
        if name not in metas and name not in uploads:
            raise KeyError(name)
        metas.pop(name, None)
        uploads.pop(name, None)
        document._uploads = MappingProxyType(uploads)
        _set(document, metas)

    add.alters_data = __delitem__.alters_data = True  # type: ignore[attr-defined]


class AttachmentsDescriptor:
    """The attribute ``document.attachments``."""

    @overload
    def __get__(self, document: None, cls: Any = None) -> AttachmentsDescriptor: ...
    @overload
    def __get__(self, document: object, cls: Any = None) -> Attachments: ...
    def __get__(self, document: Any, cls: Any = None) -> AttachmentsDescriptor | Attachments:
        if document is None:
            return self
        if document.is_nested:
            raise CouchbaseModelError(
                f"{named(document)} is a part of a document, which has the attachments."
            )
        return Attachments(document)


def attaches(field: Any) -> bool:
    """Return whether the field's files are saved as attachments."""
    return getattr(getattr(field, "storage", field), "keeps_in_document", False)


def attaching(model: Any) -> tuple[Any, ...]:
    """Return the fields of a class whose files are saved as attachments."""
    if "_attaching_cache" not in model.__dict__:
        model._attaching_cache = tuple(filter(attaches, model._meta.concrete_fields))
    found: tuple[Any, ...] = model._attaching_cache
    return found


def release(document: Any, fields: Iterable[Any]) -> None:
    """Delete the attachments that were values of these fields, and no longer belong to any
    field."""
    found = attaching(type(document))
    for field in [each for each in found if each in fields]:
        former = document._base.get(values.json_key(field))
        if isinstance(former, str) and former in document.attachments:
            kept = {getattr(getattr(document, each.attname), "name", None) for each in found}
            if former not in kept:
                del document.attachments[former]


def upload_rest(document: Any) -> None:
    """Write the large attachments of a document that has just been saved."""
    for name in tuple(document._uploads):
        Attachment(document, name).save()


def written(document: Any, rev: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a written body with stubs for the attachments that were sent in it. The document gets
    the stubs."""
    sent = body.get(ATTACHMENTS)
    if not isinstance(sent, dict) or not any(_has_data(meta) for meta in sent.values()):
        return body
    stubs = {name: stub_of(meta, rev) if _has_data(meta) else meta for name, meta in sent.items()}
    metas = _metas(document)
    _set(document, {
        name: stubs[name] if sent.get(name) == meta else meta for name, meta in metas.items()
    })  # fmt: skip
    return {**body, ATTACHMENTS: stubs}


def _has_data(meta: Any) -> bool:
    return isinstance(meta, dict) and "data" in meta


def stub_of(meta: Mapping[str, Any], rev: str) -> dict[str, Any]:
    """Return the stub of an attachment that is sent in a document's JSON."""
    data = base64.b64decode(meta["data"])
    known = {key: meta[key] for key in ("content_type", "encoding") if key in meta}
    return {
        **known,
        "encoded_length" if "encoding" in known else "length": len(data),
        "digest": digest_of(hashlib.sha1(data, usedforsecurity=False).digest()),
        "revpos": canonical.generation(rev),
        "stub": True,
    }


def guessed(name: str) -> str:
    """Return the content type that a file's name suggests."""
    kind, encoding = mimetypes.guess_type(name)
    return DEFAULT_TYPE if kind is None or encoding else kind


def _metas(document: Any) -> dict[str, dict[str, Any]]:
    """Return the metadata of attachments from a document's JSON. Values that a phone wrote in
    another form are left out."""
    found = document.extra.get(ATTACHMENTS)
    if not isinstance(found, dict):
        return {}
    return {name: meta for name, meta in found.items() if isinstance(meta, dict)}


def _set(document: Any, metas: dict[str, dict[str, Any]]) -> None:
    if metas:
        document.extra[ATTACHMENTS] = metas
    else:
        document.extra.pop(ATTACHMENTS, None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _written_alone(document: Any, rev: str, name: str, stub: dict[str, Any] | None) -> None:
    """Record an attachment that has been written, or deleted, without the document."""
    expires = document._base.get(EXPIRES)
    metas, uploads = _metas(document), dict(document._uploads)
    stored = dict(document._base.get(ATTACHMENTS) or {})
    for stubs in (metas, stored):
        stubs.pop(name, None)
        if stub is not None:
            stubs[name] = stub
    uploads.pop(name, None)
    document._uploads = MappingProxyType(uploads)
    _set(document, metas)
    base = {key: value for key, value in document._base.items() if key != ATTACHMENTS}
    document.rev = rev
    document._base = {**base, ATTACHMENTS: stored} if stored else base
    if expires is not None:
        # Gateways forget the expiry with each write that does not repeat it.
        body = {key: value for key, value in document._base.items() if key not in GATEWAY_KEYS}
        answer = gateway_of(type(document)).save_json(document.get_uid(), {**body, "_rev": rev})
        document.rev = answer.json()["rev"]
