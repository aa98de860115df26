"""The conversion of field values to and from a document's JSON, in one table by type.

The JSON is that of django_cbtools 1.x: ISO 8601 dates and times, decimals as strings, a file as its
name. A value that a phone wrote in another type than the field's is kept as it is; in SQL it counts
as NULL, so that it never breaks a query.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, TypeAlias

from django.db import models

from . import conversions as to
from .conversions import Unreadable
from .preparing import connection

__all__ = [
    "INTEGER",
    "JSON",
    "KINDS",
    "OWN_COLUMNS",
    "PLAIN",
    "Field",
    "Kind",
    "Unreadable",
    "converter",
    "is_readable",
    "is_to_document",
    "json_key",
    "kind",
    "other_key",
    "under_other_key",
]

Field: TypeAlias = "models.Field[Any, Any]"


@dataclass(frozen=True)
class Kind:
    """The conversion of one type of field's values to and from JSON.

    ``shape`` is the name of the form that the values have in JSON. Each backend knows how its SQL
    reads values of a shape. ``from_json`` is None if JSON has the type itself. Neither
    ``from_json`` nor ``to_json`` gets None.

    ``rewrite`` is for values that can be changed in place. It takes a value and the JSON that the
    field was read from (None if it was not), and returns the JSON to write.

    ``convert`` applies the converters of a field class to a database value, including null.
    """

    shape: str
    to_json: Callable[[Any], Any] = to.plain_json
    from_json: Callable[[Any], Any] | None = None
    rewrite: Callable[[Any, Any], Any] | None = None
    convert: Callable[[Any], Any] | None = None

    def read(self, raw: Any) -> Any:
        """Return the value of JSON. A null, or a value that is no JSON, is returned unchanged.
        Raise ValueError if the JSON is not a value of the type."""
        if raw is not None:
            if not isinstance(raw, (str, int, float, list, dict)):
                return raw
            if self.from_json is not None:
                raw = self.from_json(raw)
        return raw if self.convert is None else self.convert(raw)

    def written(self, field: Field, value: Any) -> Any:
        """Return the JSON of a field's value. Raise the error of ``get_db_prep_save()``, or
        ValueError, TypeError or ArithmeticError."""
        if isinstance(field, models.FileField) and getattr(value, "name", value) is None:
            return None
        prepare = field.get_db_prep_save
        own: Any = type(field)
        if isinstance(value, datetime.datetime) and _takes_moments_as_django(own):
            # A time without a zone stays so, as in 1.x. Django would take it for local time.
            prepare = partial(field.get_db_prep_value, prepared=True)
        prepared = prepare(value, connection=connection)
        return None if prepared is None else self.to_json(prepared)


@cache
def _takes_moments_as_django(kind_of_field: Any) -> bool:
    return all(
        getattr(kind_of_field, name) is getattr(models.DateTimeField, name, None)
        for name in ("get_prep_value", "get_db_prep_save")
    )


PLAIN = Kind("plain")
TEXT = Kind("text", to.text_to_json, to.text)
INTEGER = Kind("integer", to.plain_json, to.integer)
# A null is NULL, as it is for all other types.
JSON = Kind("json", to.from_json_text)

#: By Field.get_internal_type(); PLAIN for all others.
KINDS = {
    **dict.fromkeys(
        ("CharField", "TextField", "SlugField", "FilePathField", "FileField",
         "GenericIPAddressField"),
        TEXT,
    ),
    **dict.fromkeys(
        ("AutoField", "BigAutoField", "SmallAutoField", "IntegerField", "BigIntegerField",
         "SmallIntegerField", "PositiveIntegerField", "PositiveBigIntegerField",
         "PositiveSmallIntegerField"),
        INTEGER,
    ),
    "BooleanField": Kind("boolean", to.plain_json, to.boolean),
    "FloatField": Kind("real", to.real_to_json, to.real),
    "DecimalField": Kind("decimal", to.decimal_to_json, to.exact_decimal),
    "DateTimeField": Kind("moment", to.iso, to.parsed(to.moment)),
    "DateField": Kind("day", to.iso, to.parsed(to.day)),
    "TimeField": Kind("time", to.time_to_json, to.parsed(to.time_of_day)),
    "DurationField": Kind("integer", to.microseconds, to.duration),
    "UUIDField": Kind("uuid", str, to.uuid_from_json),
    "BinaryField": Kind("binary", to.binary_to_json, to.binary),
    "JSONField": JSON,
}  # fmt: skip

#: The names of fields that are not in a document's body, or that are the whole body.
OWN_COLUMNS = frozenset(("uid", "rev", "st_deleted", "extra", "_document"))


def kind(field: Field) -> Kind:
    """Return the kind of a field. A field class may have its own in ``document_kind``."""
    if isinstance(field, models.ForeignKey):
        return kind(field.target_field)
    own: Kind | None = getattr(field, "document_kind", None)
    if own is not None:
        return own
    found = KINDS.get(field.get_internal_type(), PLAIN)
    if isinstance(field, models.JSONField):
        if type(field).from_db_value is not models.JSONField.from_db_value:
            return replace(found, convert=converter(field))
        return replace(found, from_json=to.decoded(field.decoder)) if field.decoder else found
    convert = converter(field)
    return found if convert is None else replace(found, convert=convert)


def converter(field: Field) -> Callable[[Any], Any] | None:
    """Return a function that applies the field's database converters, or None if the field has
    none. Converters of JSON fields get JSON text."""
    converters = field.get_db_converters(connection)
    is_json = field.get_internal_type() == "JSONField"

    def convert(raw: Any) -> Any:
        value = json.dumps(raw) if is_json and raw is not None else raw
        try:
            # An array's base field belongs to no model, and has no column.
            expression = field.cached_col if hasattr(field, "model") else models.Value(None, field)
            for each in converters:
                value = each(value, expression, connection)
        except Exception as error:  # whatever a class of fields raises, documents are loaded
            name = type(field).__name__
            raise Unreadable(f"{name} raised {type(error).__name__} when it was read") from error
        return value

    return convert if converters else None


def json_key(field: Field) -> str:
    """Return the key of a field in a document's JSON."""
    if field.db_column:
        return field.db_column
    return f"{field.name}_uid" if is_to_document(field) else field.name


def is_to_document(field: Field) -> bool:
    """Return whether the field is a foreign key to a document: the library's ForeignKey or
    Django's."""
    if not isinstance(field, models.ForeignKey):
        return False
    return hasattr(field, "is_by_key") or hasattr(field.remote_field.model, "document_column")


def other_key(field: Field) -> tuple[str, str] | None:
    """Return the other key that may hold a relation's uid, with the prefix that the uid must have
    there, or None.

    The key is the relation's name. Django's relations were stored under it, so any text there is a
    uid. Beside the library's relations, it may be a phone's own text, so a prefix is needed.
    """
    if field.db_column or not is_to_document(field):
        return None
    model: Any = field.related_model
    return field.name, f"{model.uid_prefix}_" if hasattr(field, "is_by_key") else ""


def under_other_key(other: tuple[str, str] | None, document: Mapping[str, Any]) -> str | None:
    """Return the uid under the other key, or None if there is none."""
    raw = other and document.get(other[0])
    return raw if other and isinstance(raw, str) and raw.startswith(other[1]) else None


def is_readable(key: str) -> bool:
    """Return whether SQL can read a document's key of this name."""
    return json.dumps(key, ensure_ascii=False) == f'"{key}"'
