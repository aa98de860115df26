"""How values stand in a document's JSON, and how SQL reads them from there: one table, by type.

The JSON is that of django_cbtools 1.x: ISO 8601 dates and times, decimals as strings, a file as its
name. A value that a phone wrote in another type than the field's is kept as it is; in SQL it counts
as NULL, so that it never breaks a query.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from django.db import models
from django.utils import dateparse

from django_cbtools import canonical

from . import conversions as to
from .conversions import Unreadable
from .preparing import connection

__all__ = [
    "INTEGER",
    "JSON",
    "KINDS",
    "PLAIN",
    "Field",
    "Kind",
    "Unreadable",
    "column_sql",
    "converter",
    "exact_column",
    "exact_columns",
    "is_readable",
    "is_to_document",
    "json_key",
    "kind",
    "literal",
    "other_key",
    "quoted",
    "under_other_key",
]

Field: TypeAlias = "models.Field[Any, Any]"


@dataclass(frozen=True)
class Kind:
    """How values of one type of field are written and read.

    ``from_json`` is None where JSON has the type itself; neither it nor ``to_json`` sees None.
    ``sql`` is an expression of SQLite's over ``{value}`` (the JSON value as SQL has it), ``{type}``
    (its JSON type) and ``{json}`` (its JSON text).

    ``rewrite`` is for values that can be changed in place: of such a value, and the JSON that the
    field was read from (None: it was not), it makes the JSON that is to be written.

    ``convert`` is what a class of fields makes of what a database has, a null included.
    """

    sql: str
    to_json: Callable[[Any], Any] = to.plain_json
    from_json: Callable[[Any], Any] | None = None
    rewrite: Callable[[Any, Any], Any] | None = None
    #: SQL for what is only shown, where ``sql`` is less exact.
    exact: str | None = None
    convert: Callable[[Any], Any] | None = None

    def read(self, raw: Any) -> Any:
        """The value that JSON is; what is null, or no JSON, as it is. ValueError where the type
        has no such value."""
        if raw is not None:
            if not isinstance(raw, (str, int, float, list, dict)):
                return raw
            if self.from_json is not None:
                raw = self.from_json(raw)
        return raw if self.convert is None else self.convert(raw)

    def written(self, field: Field, value: Any) -> Any:
        """What a value of a field is in JSON; raises what ``get_db_prep_save()`` does, or else
        ValueError, TypeError or ArithmeticError."""
        if isinstance(field, models.FileField) and getattr(value, "name", value) is None:
            return None
        prepare = field.get_db_prep_save
        if isinstance(value, datetime.datetime) and _takes_moments_as_django(type(field)):
            # A time without a zone stays as it is, as in 1.x: Django would take it for a local one.
            prepare = partial(field.get_db_prep_value, prepared=True)
        prepared = prepare(value, connection=connection)
        return None if prepared is None else self.to_json(prepared)


def _takes_moments_as_django(kind_of_field: Any) -> bool:
    return all(
        getattr(kind_of_field, name) is getattr(models.DateTimeField, name, None)
        for name in ("get_prep_value", "get_db_prep_save")
    )


# What begins like this is a date or a time to SQLite, or none, and never the time that it is now
# (as "now" would be): the documents that an index cannot take could not be saved.
_DATE_SHAPE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"
_TIME_SHAPE = "[0-2][0-9]:[0-9][0-9]*"


def _is_day(first: str) -> str:
    """That a text begins with a day that there is, from this one on (there is no year 0). SQLite
    takes February the 30th for March only where there is something to compute."""
    day = "substr({value}, 1, 10)"
    return (
        f"{{type}} = 'text' AND {{value}} GLOB '{_DATE_SHAPE}' AND {{value}} >= '{first}' "
        f"AND date({day}, '+0 days') = {day}"
    )


def _second(start: int) -> tuple[str, str]:
    """What stands behind the seconds, from this character on: the fraction as Python writes it,
    which is nothing where it is zero, and the zone."""
    rest = f"substr({{value}}, {start})"
    zone = f"ltrim({rest}, '.0123456789')"
    digits = f"substr({rest}, 1, min(7, length({rest}) - length({zone})))"
    return (
        f"CASE WHEN rtrim({digits}, '.0') = '' THEN '' ELSE substr({digits} || '000000', 1, 7) END",
        # SQLite knows no zones without a colon.
        f"CASE WHEN {zone} GLOB '[-+][0-9][0-9][0-9][0-9]' "
        f"THEN substr({zone}, 1, 3) || ':' || substr({zone}, 4) ELSE {zone} END",
    )


def _moment() -> str:
    """A time in UTC, with microseconds only where there are some, as Django's functions for SQLite
    have it. On the first day, it could be in year 0 there."""
    fraction, zone = _second(20)
    return (
        f"CASE WHEN {_is_day('0001-01-02')} AND substr({{value}}, 12, 2) < '24' "
        f"THEN datetime(substr({{value}}, 1, 19) || {zone}, '+0 days') || {fraction} END"
    )


def _hour() -> str:
    """A time of day, whose zone, if it has one, means nothing."""
    fraction, _ = _second(9)
    return (
        f"CASE WHEN {{type}} = 'text' AND {{value}} GLOB '{_TIME_SHAPE}' AND {{value}} < '24' "
        f"THEN time(substr({{value}}, 1, 8)) || {fraction} END"
    )


# (For the smallest integer of 64 bits, abs() is an error.)
_FINITE = "-1.7976931348623157e308 AND 1.7976931348623157e308"
_NUMERIC = "CAST({value} AS NUMERIC)"


def _decimal(found: str) -> str:
    """What is found where there is a number. A text that is none does not equal the one that it
    begins with."""
    return (
        f"CASE WHEN {{type}} IN ('integer', 'real', 'text') AND {_NUMERIC} = {{value}} "
        f"AND {_NUMERIC} BETWEEN {_FINITE} THEN {found} END"
    )


PLAIN = Kind("{value}")
TEXT = Kind("CASE WHEN {type} = 'text' THEN {value} END", to.text_to_json, to.text)
INTEGER = Kind(
    # What does not fit into 64 bits is a REAL, which no INTEGER equals.
    "CASE WHEN {type} IN ('integer', 'real') AND {value} = CAST({value} AS INTEGER) "
    "THEN CAST({value} AS INTEGER) END",
    to.plain_json,
    to.integer,
)
# A null is NULL, as it is for all other types.
JSON = Kind("nullif({json}, 'null')", to.from_json_text)

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
    "BooleanField": Kind(
        "CASE {type} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END", to.plain_json, to.boolean
    ),
    "FloatField": Kind(
        f"CASE WHEN {{type}} IN ('integer', 'real') AND {{value}} BETWEEN {_FINITE} "
        "THEN CAST({value} AS REAL) END",
        to.real_to_json,
        to.real,
    ),
    "DecimalField": Kind(
        # The CAST makes SQLite compare it with texts as a number.
        f"CAST({_decimal('{value}')} AS NUMERIC)",
        to.decimal_to_json,
        to.exact_decimal,
        exact=_decimal("CASE {type} WHEN 'text' THEN {value} ELSE {json} END"),
    ),
    "DateTimeField": Kind(_moment(), to.iso, to.parsed(to.moment)),
    "DateField": Kind(
        f"CASE WHEN {_is_day('0001-01-01')} THEN substr({{value}}, 1, 10) END",
        to.iso,
        to.parsed(to.day),
    ),
    "TimeField": Kind(_hour(), to.iso, to.parsed(dateparse.parse_time)),
    "DurationField": Kind(INTEGER.sql, to.microseconds, to.duration),
    "UUIDField": Kind(
        "CASE WHEN {type} = 'text' AND length(replace({value}, '-', '')) = 32 "
        "AND {value} NOT GLOB '*[^-0-9a-fA-F]*' THEN lower(replace({value}, '-', '')) END",
        str,
        to.uuid_from_json,
    ),
    "BinaryField": Kind(
        "CASE WHEN {type} = 'text' THEN cbtools_unbase64({value}) END",
        to.binary_to_json,
        to.binary,
    ),
    "JSONField": JSON,
}  # fmt: skip


def kind(field: Field) -> Kind:
    """The table's row for a field; a class of fields may have a ``document_kind`` of its own."""
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
    """What Django's converters make of what a database has for a field; None where it has none.
    They are given JSON text where it is a field of JSON."""
    converters = field.get_db_converters(connection)
    is_json = field.get_internal_type() == "JSONField"

    def convert(raw: Any) -> Any:
        value = json.dumps(raw) if is_json and raw is not None else raw
        try:
            # A field of elements is in no model, and no column.
            expression = field.cached_col if hasattr(field, "model") else models.Value(None, field)
            for each in converters:
                value = each(value, expression, connection)
        except Exception as error:  # whatever a class of fields raises, documents are loaded
            name = type(field).__name__
            raise Unreadable(f"{name} raised {type(error).__name__} when it was read") from error
        return value

    return convert if converters else None


def json_key(field: Field) -> str:
    """The key of a field in a document's JSON."""
    if field.db_column:
        return field.db_column
    return f"{field.name}_uid" if is_to_document(field) else field.name


def is_to_document(field: Field) -> bool:
    """Whether a field is a relation to a document, ours or Django's."""
    if not isinstance(field, models.ForeignKey):
        return False
    return hasattr(field, "is_by_key") or hasattr(field.remote_field.model, "document_column")


def other_key(field: Field) -> tuple[str, str] | None:
    """Another key that a document may have a relation under, where it has none under the field's:
    the relation's name; and what a uid begins with there. Whatever is there is a uid to Django's
    relations, which were stored so; beside ours, it may be a text of the phones'."""
    if field.db_column or not is_to_document(field):
        return None
    model: Any = field.related_model
    return field.name, f"{model.uid_prefix}_" if hasattr(field, "is_by_key") else ""


def under_other_key(other: tuple[str, str] | None, document: Mapping[str, Any]) -> str | None:
    """The uid that is there; None where there is none."""
    raw = other and document.get(other[0])
    return raw if other and isinstance(raw, str) and raw.startswith(other[1]) else None


# ----------------------------------------------------------------------- SQL


def quoted(name: str) -> str:
    """A name, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text, quoted for SQL."""
    return "'" + text.replace("'", "''") + "'"


#: Fields that have a column of their own in the table of documents.
OWN_COLUMNS = {
    "uid": "uid",
    "rev": "rev",
    "st_deleted": "st_deleted",
    "extra": "body",
    # There is a doc_type in each, so that a member can stand before the others.
    "_document": (
        "CASE WHEN attachments = '{}' AND expires IS NULL THEN body ELSE '{' "
        "|| CASE WHEN attachments = '{}' THEN '' "
        "ELSE '\"_attachments\":' || replace(attachments, ',\"ver\":2', '') || ',' END "
        "|| CASE WHEN expires IS NULL THEN '' ELSE "
        "strftime('\"_exp\":\"%Y-%m-%dT%H:%M:%SZ\",', expires, 'unixepoch') END "
        "|| substr(body, 2) END"
    ),
}


def column_sql(field: Field) -> str:
    """The SQL that reads a field from a row of the gateway's documents."""
    if field.name in OWN_COLUMNS:
        return OWN_COLUMNS[field.name]
    sql = _of_body(field, kind(field).sql)
    if not isinstance(field, models.ForeignKey):
        return sql
    if other := other_key(field):
        sql = f"COALESCE({sql}, {_under_other_key(field, *other)})"
    # SQLite joins by an index only what it compares without converting: both sides have a type.
    return f"CAST({sql} AS {'NUMERIC' if kind(field) is INTEGER else 'TEXT'})"


def _under_other_key(field: Field, name: str, beginning: str) -> str:
    path, there = _path(json_key(field)), _path(name)
    return (
        f"CASE WHEN json_type(body, {path}) IS NULL AND json_type(body, {there}) = 'text' "
        f"AND substr(json_extract(body, {there}), 1, {len(beginning)}) = {literal(beginning)} "
        f"THEN json_extract(body, {there}) END"
    )


def exact_columns(field: Field) -> dict[str, str]:
    """The SQL of the column that shows a field exactly, by its name, where it has one."""
    sql = kind(field).exact
    return {} if sql is None else {exact_column(field): _of_body(field, sql)}


def exact_column(field: Field) -> str:
    return f"{field.column}:exact"


def _of_body(field: Field, sql: str) -> str:
    path = _path(json_key(field))
    return sql.format(
        value=f"json_extract(body, {path})",
        type=f"json_type(body, {path})",
        json=f"(body -> {path})",
    )


def _path(key: str) -> str:
    return literal("$." + quoted_key(key))


def is_readable(key: str) -> bool:
    """Whether SQL can read a key of a document."""
    return json.dumps(key, ensure_ascii=False) == f'"{key}"'


def quoted_key(key: str) -> str:
    """A key as a JSON path of SQLite's has it; ValueError for one that it cannot have."""
    if not is_readable(key):
        raise ValueError(f"{key!r} cannot be a field's key: JSON has to escape something in it.")
    return canonical.escaped(f'"{key}"')  # SQLite compares it with the text that is stored
