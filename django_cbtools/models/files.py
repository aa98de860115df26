"""Fields for files that are stored as attachments of their document."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import models
from django.db.models.fields.files import FieldFile, ImageFieldFile
from django.urls import NoReverseMatch, reverse
from django.utils.deconstruct import deconstructible

from django_cbtools.exceptions import CouchbaseModelError, SyncGatewayNotFound
from django_cbtools.sync_gateway.keyspaces import of_class

from .writing.attachments import Attachment


class NoURL(AttributeError, ValueError):
    """A file has no URL: neither the site's URLs nor its admin's have a view of it.

    Form fields and REST framework take a file with such an attribute for one without a URL.
    """


def url_of(document: Any, name: str) -> str:
    """Return the URL of an attachment: from ``django_cbtools.transfers.urls`` if the site includes
    it, else from the admin. Raise NoURL if there is none."""
    opts = document._meta
    place = {"uid": document.uid, "name": name}
    if (keyspace := of_class(type(document))) is not None:
        place["keyspace"] = keyspace
    query = urlencode(place, errors="replace")
    for view in ("cb_attachment", f"admin:{opts.app_label}_{opts.model_name}_attachment"):
        try:
            return f"{reverse(view)}?{query}"
        except NoReverseMatch:
            continue
    raise NoURL(
        f"Attachment {name!r} has no URL: include django_cbtools.transfers.urls in the site's URLs."
    )


@deconstructible(path="django_cbtools.models.AttachmentStorage")
class AttachmentStorage(Storage):
    """A storage for a FileField or an ImageField of a document. It stores files as attachments.

    The name of a file is the name of its attachment. A new file is sent to the gateway when its
    document is saved. A replaced file is deleted then.
    """

    keeps_in_document = True

    def __init__(self) -> None:
        #: The document of the files. The storage of a field itself has none.
        self._document: Any = None

    @property
    def document(self) -> Any:
        if self._document is None:
            raise CouchbaseModelError(
                "AttachmentStorage has files of documents: only a field of a document uses it."
            )
        return self._document

    def bound_to(self, document: Any) -> AttachmentStorage:
        """Return the storage of a document's files."""
        storage = type(self)()
        storage._document = document
        return storage

    def attachment(self, name: str) -> Attachment:
        """Return the attachment of a file. Raise FileNotFoundError if there is none."""
        try:
            found: Attachment = self.document.attachments[name]
        except KeyError:
            raise FileNotFoundError(
                f"document {self.document.uid} has no attachment {name!r}."
            ) from None
        return found

    def exists(self, name: str) -> bool:
        return name in self.document.attachments

    def size(self, name: str) -> int:
        return self.attachment(name).length or 0

    def url(self, name: str | None) -> str:
        return url_of(self.document, name or "")

    def delete(self, name: str) -> None:
        """Delete a file when its document is saved."""
        if self.exists(name):
            del self.document.attachments[name]

    def _save(self, name: str, content: Any) -> str:
        self.document.attachments.add(name, content)
        return name

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        if mode not in ("r", "rb"):
            raise ValueError(f"An attachment cannot be opened by {mode!r}: save a new one instead.")
        return _Opened(self.attachment(name))


class _Opened(File):  # type: ignore[type-arg]
    """An open attachment that can be opened again."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        super().__init__(self._contents(), attachment.name)
        self.size = attachment.length or 0

    def _contents(self) -> Any:
        try:
            return self._attachment.open()
        except SyncGatewayNotFound as error:
            raise FileNotFoundError(str(error)) from error

    def open(self, mode: Any = None, *args: Any, **kwargs: Any) -> Any:
        if self.closed:
            self.file = self._contents()
        self.seek(0)
        return self


class AttachmentFile(FieldFile):
    """The file of a field, which is an attachment of the field's document."""

    @property
    def storage(self) -> Any:
        """The storage of the files of the document that the field is of: a copy has its own."""
        storage: Any = self.field.storage
        return storage.bound_to(self.instance)

    @storage.setter
    def storage(self, storage: Any) -> None:
        """Django sets that of the field, which is asked each time."""

    @property
    def attachment(self) -> Attachment:
        """The attachment. Raises FileNotFoundError if the document has none with the file's
        name."""
        found: Attachment = self.storage.attachment(self.name)
        return found

    @property
    def content_type(self) -> str:
        """The type of the attachment, or '' if it is unknown."""
        return self.attachment.content_type


class AttachmentField(models.FileField):
    """A FileField that stores the file as an attachment of its document."""

    attr_class = AttachmentFile

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("storage", AttachmentStorage())
        super().__init__(*args, **kwargs)


class AttachmentImageFile(AttachmentFile, ImageFieldFile):
    """The image of a field, which is an attachment of the field's document."""


class AttachmentImageField(AttachmentField, models.ImageField):
    """An ImageField that stores the image as an attachment of its document."""

    attr_class = AttachmentImageFile


#: The library's file classes, by those of Django's fields.
_IN_DOCUMENTS: dict[Any, Any] = {
    FieldFile: AttachmentFile,
    ImageFieldFile: AttachmentImageFile,
}


def keep_in_document(field: Any) -> None:
    """Give a field whose storage is in documents a file class that knows its document."""
    storage = getattr(field, "storage", None)
    if isinstance(field, models.FileField) and isinstance(storage, AttachmentStorage):
        field.attr_class = _IN_DOCUMENTS.get(field.attr_class, field.attr_class)
