"""Descriptions of writes: a whole document, some of its fields, or a tombstone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from django_cbtools.exceptions import (
    CouchbaseModelError,
    CouchbaseValueError,
    DocumentExists,
    SyncGatewayConflict,
    shown,
)
from django_cbtools.sync_gateway.facade import gateway_of

from ..channels import check_channels
from ..document import ATTACHMENTS, EXPIRES, GATEWAY_KEYS, named
from ..telling import conflict
from .attachments import attaches

if TYPE_CHECKING:
    from .deletion import DocumentDeletion
    from .saving import DocumentSaving


#: The keys that programs must not set, since the gateway gives them a meaning.
_NOT_FOR_PROGRAMS = GATEWAY_KEYS | {"_purged", "_removed", "_sync"}
#: The keys that stay with a document, whatever else is in ``extra``.
_SPECIAL = frozenset((ATTACHMENTS, EXPIRES))


class Written:
    """The base class of objects that describe the part of a document to be written."""


class Changed(Written):
    """A document with changes in some of its fields, and in ``updated``. The rest is as it was
    loaded.

    ``expiry`` says whether the expiry is among the changes.

    Raises CouchbaseModelError if the document has never been saved, is in no channel, or has a
    value that its field cannot store. Raises SyncGatewayConflict if the loaded document is known to
    be stale.
    """

    def __init__(
        self, document: DocumentSaving, fields: Collection[Any], *, expiry: bool = False
    ) -> None:
        uid = document.get_uid()
        if document.rev is None:
            raise CouchbaseModelError(
                f"Document {shown(uid)} has no revision: load it, or save it as a whole, first."
            )
        check_values(document, fields)
        if document._meta.get_field("extra") in fields:
            check_extra(document)
        updated = document._meta.get_field("updated")
        if updated not in fields:
            document.updated = timezone.now()
        self.document, self.rev, self.uid = document, document.rev, uid
        body = with_fields(document, {*fields, updated})
        if expiry:
            body[EXPIRES] = document.extra.get(EXPIRES)
        self.body = document._sealed(body)
        check_channels(self.body.get("channels"), type(document))

    def get_uid(self) -> str:
        return self.uid

    def to_dict(self) -> dict[str, Any]:
        return self.body

    def saved_as(self, rev: str, document: Mapping[str, Any]) -> None:
        self.rev = rev
        self.document.saved_as(rev, document)


class Whole(Written):
    """A whole document. Its JSON is made once."""

    def __init__(self, document: DocumentSaving) -> None:
        body = document.to_dict()  # before it has a uid, if it cannot be saved
        self.document, self.uid = document, document.get_uid()
        self.body = document._sealed(body)

    @property
    def rev(self) -> str | None:
        rev: str | None = self.document.rev
        return rev

    def get_uid(self) -> str:
        return self.uid

    def to_dict(self) -> dict[str, Any]:
        return self.body

    def saved_as(self, rev: str, document: Mapping[str, Any]) -> None:
        self.document.saved_as(rev, document)


def whole(document: Any) -> Any:
    """Return the description of a document's write: the whole document, or ``document`` itself if
    it is a :class:`Written`."""
    return document if isinstance(document, Written) else Whole(document)


class Tombstone(Written):
    """A document that is deleted for real."""

    def __init__(self, document: DocumentDeletion) -> None:
        self.document, self.rev = document, document.rev

    def get_uid(self) -> str:
        return self.document.get_uid()

    def to_dict(self) -> dict[str, Any]:
        return {"_deleted": True}

    def saved_as(self, rev: str, document: Mapping[str, Any]) -> None:
        self.rev = rev
        self.document.is_gone()


def with_fields(document: DocumentSaving, fields: Collection[Any]) -> dict[str, Any]:
    """Return the JSON that a document was loaded from, with the current values of these fields."""
    base = document._base or _current(document)
    body = {key: value for key, value in base.items() if key not in GATEWAY_KEYS}
    if document._meta.get_field("extra") in fields:
        declared = document.declared_keys()
        kept = declared | _SPECIAL
        body = {key: value for key, value in body.items() if key in kept}
        body |= {key: value for key, value in document.extra.items() if key not in declared}
    for stored in document._stored_fields():
        if stored.field in fields:
            body[stored.key] = document._to_json(stored)
    if any(map(attaches, fields)):
        body.pop(ATTACHMENTS, None)
        body |= {key: document.extra[key] for key in (ATTACHMENTS,) if key in document.extra}
    return body


def _current(document: DocumentSaving) -> dict[str, Any]:
    """Return the gateway's JSON of a document, for an instance that was not made from it."""
    uid = document.get_uid()
    (row,) = gateway_of(type(document)).bulk_get([uid])
    if "doc" not in row or row["value"]["rev"] != document.rev:
        raise conflict(type(document), uid, f"{document.rev} is not its revision")
    found: dict[str, Any] = row["doc"]
    return found


def exists(conflict: SyncGatewayConflict) -> DocumentExists:
    """Return the exception for a new document whose uid is taken, from a conflict."""
    return DocumentExists(
        str(conflict),
        status=conflict.status,
        error=conflict.error,
        reason=conflict.reason,
        uid=conflict.uid,
    )


def check_extra(document: Any) -> None:
    """Raise CouchbaseValueError if ``extra`` has a key with a meaning for the gateway."""
    if not isinstance(document.extra, Mapping):
        raise CouchbaseValueError(
            f"{named(document)}: extra is a dictionary, not {type(document.extra).__name__}."
        )
    for key in document.extra:
        if key in _NOT_FOR_PROGRAMS or str(key).startswith("_sync_"):
            raise CouchbaseValueError(
                f"{named(document)}: extra cannot have {key!r}, which is the "
                "gateway's. (delete() and hard_delete() delete documents.)"
            )


def check_values(document: Any, fields: Iterable[Any]) -> None:
    """Raise CouchbaseValueError if a field is set to an expression, such as F("n") + 1."""
    for field in fields:
        value = getattr(document, field.attname)
        if hasattr(value, "resolve_expression"):
            raise CouchbaseValueError(
                f"{named(document)}: field {field.name} cannot store {value!r}: "
                "only QuerySet.update() has the database compute values."
            )


def alters_data(*methods: Any, **marks: Any) -> None:
    """Mark methods with ``alters_data``, so that templates do not call them, and with other
    attributes."""
    for method in methods:
        vars(method).update(marks, alters_data=True)
