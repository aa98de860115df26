"""The conversion of documents to JSON and back."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import Field, FileField
from django.db.models.fields.files import FieldFile

from django_cbtools.exceptions import CouchbaseValueError, shown
from django_cbtools.sync_gateway.calls.client import parse

from .fields import natural, values
from .fields.mismatches import mismatch

#: The key of ``extra``, and of the JSON, that says when a document expires.
EXPIRES = "_exp"
#: The key of ``extra``, and of the JSON, that has the attachments: their stubs, by name.
ATTACHMENTS = "_attachments"
#: Members of a document that belong to the gateway.
GATEWAY_KEYS = frozenset(("_id", "_rev", "_cv", "_deleted", "_revisions"))
DOC_TYPE = "doc_type"

#: Exceptions of a value that its field cannot store.
_UNWRITABLE = (TypeError, ValueError, ArithmeticError, ValidationError, RecursionError)


class Stored(NamedTuple):
    """A field, with its key in the JSON and its attribute."""

    key: str
    attname: str
    field: values.Field
    kind: values.Kind
    #: The types of values that are written as they are.
    natural: frozenset[type]


class DocumentJSON:
    """The part of CouchbaseModel that converts documents to JSON and back."""

    uid: Any
    channels: Any
    extra: dict[str, Any]
    #: The collection of the documents, ``"scope.collection"``, or None for the default one.
    keyspace: ClassVar[str | None] = None
    #: The values that were read, by attribute, with their JSON, if that could be another one.
    _read: dict[str, tuple[Any, Any]] = {}  # of the class, and empty
    #: The JSON of values that ``pre_save()`` has prepared, by attribute, each with the value.
    _prepared: dict[str, tuple[Any, Any]] = {}  # of the class, and empty
    #: The JSON that the instance was loaded from, or was last saved as. It is text until it is
    #: needed.
    _was: dict[str, Any] | str
    #: True while the instance is filled from the gateway's document.
    _is_loading = False
    #: True while ``from_dict()`` gets values of the program, not JSON.
    _is_given_values = False

    if TYPE_CHECKING:
        _meta: Any
        _init_names_cache: frozenset[str]
        _stored_cache: tuple[Stored, ...]
        _attaching_cache: tuple[values.Field, ...]

        def get_doc_type(self) -> str: ...
        def get_uid(self) -> str: ...

    @classmethod
    def _init_names(cls) -> frozenset[str]:
        """Return the keyword arguments of ``__init__()``: the fields' names and attributes, and
        ``pk``."""
        if "_init_names_cache" not in cls.__dict__:
            cls._init_names_cache = frozenset(
                name
                for field in cls._meta.concrete_fields
                for name in (field.name, field.attname, "pk")
            )
        return cls._init_names_cache

    @classmethod
    def _is_given(cls, key: str) -> bool:
        """Return whether form data may contain the key as the name of a field."""
        return key in cls._init_names() and key not in ("uid", "rev", "pk", "extra")

    @classmethod
    def _stored_fields(cls) -> tuple[Stored, ...]:
        if "_stored_cache" not in cls.__dict__:
            cls._stored_cache = tuple(
                Stored(
                    values.json_key(field),
                    field.attname,
                    field,
                    values.kind(field),
                    natural.written(field),
                )
                for field in cls._meta.concrete_fields
                if field.name not in ("uid", "rev", "extra")
            )
        return cls._stored_cache

    @classmethod
    def declared_keys(cls) -> frozenset[str]:
        """Return the JSON keys that the fields are stored under, and ``doc_type``."""
        return frozenset((DOC_TYPE, *(stored.key for stored in cls._stored_fields())))

    @property
    def _base(self) -> dict[str, Any]:
        """The JSON that the instance was loaded from, or that it was last saved as."""
        was = self._was
        if isinstance(was, str):
            self._was = was = remembered(parse(was))
        return was

    @_base.setter
    def _base(self, document: dict[str, Any]) -> None:
        self._was = document

    # ------------------------------------------------------------------- JSON

    def to_dict(self) -> dict[str, Any]:
        """Return the document as a dictionary of JSON values.

        Override it, together with :meth:`from_dict`, to store more.
        """
        return {**self.extra, **self.fields_as_json(), DOC_TYPE: self.get_doc_type()}

    def fields_as_json(self) -> dict[str, Any]:
        """Return the values of the fields as JSON, by key."""
        return {stored.key: self._to_json(stored) for stored in self._stored_fields()}

    def _to_json(self, stored: Stored) -> Any:
        value = getattr(self, stored.attname)
        if (
            value.__class__ in stored.natural
            and stored.attname not in self._read
            and natural.is_writable(value)
        ):
            return value
        prepared = self._prepared.get(stored.attname)
        if prepared is not None and prepared[0] is value:
            return prepared[1]
        return self._written(stored, value)

    def _written(self, stored: Stored, value: Any) -> Any:
        """Return the JSON of a field's value. It is the JSON that was read if nothing has
        changed."""
        read = self._read.get(stored.attname)
        rewrite = stored.kind.rewrite
        try:
            if rewrite is not None:
                return None if value is None else rewrite(value, read and read[1])
            if read is not None and _is_as_read(stored, value, *read):
                return read[1]
            return stored.kind.written(stored.field, value)
        except _UNWRITABLE as error:
            raise CouchbaseValueError(
                f"{named(self)}: field {stored.field.name} cannot store {value!r}: {error}"
            ) from error

    def prepare_field(self, field: Any, add: bool) -> None:
        """Prepare a field for a save: its ``pre_save()`` stores files and sets times.

        The value that ``pre_save()`` returns is saved. The attribute may keep another value.
        """
        if getattr(field.pre_save, "__func__", None) is Field.pre_save:
            return  # it returns the attribute's value
        is_file = isinstance(field, FileField)
        if is_file and not isinstance(getattr(self, field.attname), FieldFile):
            return  # a value that is no file for its field
        value = field.pre_save(self, add)
        if value is not getattr(self, field.attname):
            for stored in self._stored_fields():
                if stored.field is field:
                    prepared = self._written(stored, value)
                    self._prepared = {
                        **self._prepared,
                        field.attname: (getattr(self, field.attname), prepared),
                    }

    def from_dict(self, dict_payload: Mapping[str, Any]) -> None:
        """Set fields from a document's JSON, or from the cleaned data of a form. Other keys stay.

        Values that a field cannot read are kept unchanged, with a warning. Keys that no field
        declares are added to ``extra``.
        """
        rest = dict(dict_payload)
        for stored in self._stored_fields():
            if stored.key in rest:
                self._from_json(stored, rest.pop(stored.key))
            elif self._is_loading:
                other = values.other_key(stored.field)
                if (uid := values.under_other_key(other, rest)) is not None:
                    self._from_json(stored, uid)
        for key, value in rest.items():
            # Form data have fields' names as keys. In a document, a phone's key with the name of a
            # field is undeclared.
            if not self._is_loading and self._is_given(key):
                setattr(self, key, value)
            elif key not in GATEWAY_KEYS and key != DOC_TYPE:
                self.extra[key] = value

    def from_cleaned_data(self, cleaned_data: Mapping[str, Any]) -> None:
        """Set fields from the cleaned data of a form, whose values are not JSON."""
        self._is_given_values = True
        try:
            self.from_dict(cleaned_data)
        finally:
            del self._is_given_values

    def _from_json(self, stored: Stored, raw: Any) -> None:
        value = raw
        if self._is_given_values:
            setattr(self, stored.attname, value)
            return
        try:
            value = stored.kind.read(raw)
        except ValueError as error:
            mismatch(self.uid, stored.field, error)
        setattr(self, stored.attname, value)
        self._remember(stored.attname, value, raw)

    def _untouched(self) -> dict[str, Any]:
        """Return the values that have not changed since they were read, by attribute."""
        found = {}
        for stored in self._stored_fields():
            if stored.attname in self._read:
                value = getattr(self, stored.attname)
                if _is_as_read(stored, value, *self._read[stored.attname]):
                    found[stored.attname] = value
        return found

    def unread(self) -> dict[str, Any]:
        """Return the JSON of values that fields could not read, by the fields' names."""
        found = {stored.field.name: self._unread(stored) for stored in self._stored_fields()}
        return {name: raw for name, raw in found.items() if raw is not None}

    def unread_as(self, name: str) -> Any:
        """Return the value that a field could not read, or None if it could."""
        if not self._read:
            return None
        for stored in self._stored_fields():
            if name in (stored.field.name, stored.attname):
                return self._unread(stored)
        return None

    def _unread(self, stored: Stored) -> Any:
        value, raw = self._read.get(stored.attname, (None, None))
        kind = stored.kind
        if raw is None or value is not raw or kind.rewrite:
            return None
        if getattr(self, stored.attname) is not value:
            return None  # it has been set since
        try:
            kind.read(raw)
        except ValueError:
            return raw
        return None

    def _remember(self, attname: str, value: Any, raw: Any) -> None:
        """Record the JSON that a value was read from."""
        if not self._read:
            self._read = {}
        self._read[attname] = (value, raw)

    def to_json(self) -> str:
        """Return ``to_dict()`` as a JSON string."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def from_json(self, json_payload: str) -> None:
        """Set fields from a JSON string, as ``from_dict()`` does from a dictionary."""
        self.from_dict(json.loads(json_payload))

    def to_dict_nested(self, key: str, parent_dict: dict[str, Any]) -> dict[str, Any]:
        """Put the nested models of the list ``self.<key>`` into ``parent_dict[key]``."""
        parent_dict[key] = [item.to_dict() for item in getattr(self, key)]
        return parent_dict

    def from_dict_nested(
        self, key: str, nested_klass: type[DocumentJSON], dict_payload: Mapping[str, Any]
    ) -> None:
        """Set the list ``self.<key>`` to instances of ``nested_klass``, read from the JSON."""
        items = []
        for payload in dict_payload.get(key) or ():
            item = nested_klass()
            item.from_dict(payload)
            items.append(item)
        setattr(self, key, items)

    # ------------------------------------------------------- channels, references

    def append_channel(self, channel: str) -> None:
        """Add a channel to the document. It takes effect when the document is saved."""
        self.append_to_references_list("channels", channel)

    def clear_channels(self) -> None:
        """Remove all channels from the document. It needs at least one to be saved."""
        self.channels = []

    def get_references_list(self, key: str) -> list[Any]:
        """Return the list in the attribute ``key``, or an empty list."""
        found = getattr(self, key, None)
        return found if isinstance(found, list) else []

    def append_to_references_list(self, key: str, value: Any) -> None:
        """Add a value to the list in the attribute ``key``, unless the list has it already."""
        found = self.get_references_list(key)
        setattr(self, key, found if value in found else [*found, value])

    def delete_from_references_list(self, key: str, value: Any) -> None:
        """Remove a value from the list in the attribute ``key``."""
        setattr(self, key, [item for item in self.get_references_list(key) if item != value])


def _is_as_read(stored: Stored, value: Any, was: Any, raw: Any) -> bool:
    """Return whether a field's value is unchanged since it was read from the JSON ``raw``."""
    try:
        if stored.kind.rewrite is None:
            is_plain = value.__class__ in _UNCHANGING
            return _is_same(was, value) and (is_plain or _is_untouched(stored, value, raw))
        if value is None or raw is None:
            return value is raw
        return _is_same(stored.kind.rewrite(value, raw), raw)
    except _UNWRITABLE:
        return False


def _is_untouched(stored: Stored, value: Any, raw: Any) -> bool:
    """Return whether a value that was made from JSON has not been changed in place."""
    if stored.kind.from_json is None and stored.kind.convert is None:
        return True
    try:
        fresh = stored.kind.read(raw)
    except ValueError:
        return True  # it is the JSON itself
    written = stored.kind.written
    return bool(written(stored.field, value) == written(stored.field, fresh))


def _is_same(one: Any, other: Any) -> bool:
    """Return whether a value is the one that was read, or a copy of it."""
    return one is other or (type(one) is type(other) and repr(one) == repr(other))


# ----------------------------------------------------------------------- copies

#: Types of values that cannot be changed in place.
_UNCHANGING = frozenset(
    (str, int, float, bool, bytes, type(None), datetime.datetime, datetime.date, datetime.time,
     datetime.timedelta, decimal.Decimal, uuid.UUID)
)  # fmt: skip
#: The types of most values, which need no copy. Loading handles them without a closer look.
SCALARS = frozenset((str, int, float, bool, type(None)))


def named(document: Any) -> str:
    """Return the beginning of error messages about a document, which may have no uid yet."""
    return (
        f"Document {shown(str(document.uid))}" if document.uid else f"A new {document._meta.label}"
    )


def remembered(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a document's JSON, or an empty one if it is nested too deeply."""
    try:
        return copied(document)
    except RecursionError:
        # JSON that is nested too deeply to be useful is loaded all the same. A merge treats it as
        # new.
        return {}


def copied(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy of a document's JSON. Raise RecursionError if it is nested too deeply."""
    copy = dict(document)
    for key, value in document.items():
        if value.__class__ not in SCALARS:
            copy[key] = copy_of(value)
    return copy


def copy_of(value: Any) -> Any:
    """Return a deep copy of a JSON value."""
    if isinstance(value, dict):
        return copied(value)
    if not isinstance(value, (list, tuple)):
        return value
    return [item if item.__class__ in SCALARS else copy_of(item) for item in value]


def as_json(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a document as JSON reads it back, without the gateway's members."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    return {key: value for key, value in copy.items() if key not in GATEWAY_KEYS}
