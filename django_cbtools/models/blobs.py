"""Blobs: small bytes in a document, as Couchbase Lite has them.

The document has an object that describes the blob, and an attachment with its contents, which is
named ``blob_`` and the JSON pointer of the object: ``blob_/photo``.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from django_cbtools.exceptions import CouchbaseModelError, SyncGatewayNotFound, shown
from django_cbtools.sync_gateway.transport.uploads import DEFAULT_TYPE, digest_of, uploading

from .fields import values
from .files import url_of

TYPE = "@type"


class Blob:
    """Bytes with a content type, stored as a Couchbase Lite blob.

    ``Blob(data, content_type)`` creates a blob from bytes or a binary file, which is read at once.
    The blob of a document that was loaded reads its contents from the gateway.
    """

    def __init__(self, data: Any, content_type: str | None = None) -> None:
        kind = content_type or getattr(data, "content_type", None) or DEFAULT_TYPE
        with uploading(data, kind) as upload:
            self._data: bytes | None = upload.read()
            self._meta: dict[str, Any] = {
                TYPE: "blob",
                "content_type": upload.content_type,
                "digest": digest_of(hashlib.sha1(self._data, usedforsecurity=False).digest()),
                "length": len(self._data),
            }
        self._place: tuple[Any, str] | None = None

    @classmethod
    def _of(cls, document: Any, name: str, meta: dict[str, Any], data: bytes | None) -> Blob:
        blob = cls.__new__(cls)
        blob._data, blob._meta, blob._place = data, meta, (document, name)
        return blob

    def __repr__(self) -> str:
        return f"<Blob: {self.length} bytes of {self.content_type}>"

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blob) and self._meta == other._meta

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def content_type(self) -> str:
        """The content type, such as ``image/png``."""
        return str(self._meta.get("content_type") or DEFAULT_TYPE)

    @property
    def digest(self) -> str:
        """The SHA-1 digest of the contents, in the gateway's format."""
        return str(self._meta.get("digest") or "")

    @property
    def length(self) -> int | None:
        """The number of bytes, or None if it is unknown."""
        length = self._meta.get("length")
        return length if isinstance(length, int) else None

    @property
    def name(self) -> str:
        """The name of the attachment, or ``""`` if the blob belongs to no document."""
        return self._place[1] if self._place else ""

    @property
    def attachment(self) -> Any:
        """The attachment with the contents.

        Raises CouchbaseModelError if the document has not been saved, and SyncGatewayNotFound if it
        has no such attachment.
        """
        if self._place is None:
            raise CouchbaseModelError("A Blob is an attachment once its document has been saved.")
        document, name = self._place
        found = document.attachments
        # Phones move blobs within a document without renaming the attachment.
        for each in [name, *found]:
            if each in found and self.digest in ("", found[each].digest):
                return found[each]
        uid = shown(str(document.uid))
        raise SyncGatewayNotFound(
            f"document {uid} has no attachment with the contents of {name!r}.", uid=document.uid
        )

    @property
    def url(self) -> str:
        """The URL of the contents. Raises NoURL if they have none."""
        attachment = self.attachment
        return url_of(attachment.document, attachment.name)

    def open(self, *, start: int = 0, end: int | None = None) -> Any:
        """Return the contents as a binary file, which must be closed.

        ``start`` and ``end`` are offsets in bytes and limit the file to a range; ``end`` is
        excluded.
        """
        if self._data is None:
            return self.attachment.open(start=start, end=end)
        return io.BytesIO(self._data[start:end])

    def read(self) -> bytes:
        """Return the contents as bytes."""
        with self.open() as file:
            data: bytes = file.read()
        return data


class _Descriptor:
    def __init__(self, field: BlobField) -> None:
        self.field = field

    def __get__(self, document: Any, cls: Any = None) -> Any:
        if document is None:
            return self
        value = document.__dict__.get(self.field.attname)
        if isinstance(value, dict) and value.get(TYPE) == "blob":
            return Blob._of(document, self.field.attachment_name, value, None)
        return value

    def __set__(self, document: Any, value: Any) -> None:
        if isinstance(value, (bytes, bytearray, memoryview)) or (
            hasattr(value, "read") and not isinstance(value, Blob)
        ):
            value = Blob(value)
        if isinstance(value, Blob) and value._place is not None and value._data is None:
            # The attachment belongs to another document or to another key.
            is_own = value._place == (document, self.field.attachment_name)
            value = value._meta if is_own else Blob(value.read(), value.content_type)
        document.__dict__[self.field.attname] = value


class BlobField(models.JSONField):
    """A field for small binary data, stored as a Couchbase Lite blob. Its value is a Blob or None.

    It can also be set to bytes or a binary file. False (a form's cleared file) becomes None.
    """

    keeps_in_document = True
    description = "Bytes"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("null", True)
        super().__init__(*args, **kwargs)

    @property
    def attachment_name(self) -> str:
        """The name that Couchbase Lite gives the attachment."""
        key = values.json_key(self).replace("~", "~0").replace("/", "~1")
        return f"blob_/{key}"

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, _Descriptor(self))

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(value._meta if isinstance(value, Blob) else value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        value = value._meta if isinstance(value, Blob) else value
        return super().get_db_prep_value(value, connection, prepared)

    def pre_save(self, document: Any, add: bool) -> Any:
        value = document.__dict__.get(self.attname)
        if isinstance(value, Blob):
            document.attachments.add(self.attachment_name, value._data, value.content_type)
            document.__dict__[self.attname] = value._meta
        elif value is None and self.attachment_name in document.attachments:
            del document.attachments[self.attachment_name]
        return getattr(document, self.attname)

    def to_python(self, value: Any) -> Any:
        return value

    def validate(self, value: Any, document: Any) -> None:
        if value is not None and not isinstance(value, Blob):
            raise ValidationError(_("These are no bytes."), code="invalid")

    def value_to_string(self, document: Any) -> Any:
        return self.get_prep_value(self.value_from_object(document))

    def save_form_data(self, document: Any, data: Any) -> None:
        if data is not None:
            setattr(document, self.name, data or None)

    def formfield(self, **kwargs: Any) -> Any:
        return models.Field.formfield(self, **{"form_class": forms.FileField, **kwargs})
