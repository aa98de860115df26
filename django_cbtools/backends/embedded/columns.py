"""The SQL expressions by which SQLite reads fields of documents, in one table by the shape of their
JSON.

The expressions contain ``{value}`` (the JSON value as SQL has it), ``{type}`` (its JSON type) and
``{json}`` (its JSON text). A value of another type than the field's counts as NULL, so that it
breaks no query.
"""

from __future__ import annotations

from django.db import models

from django_cbtools import canonical
from django_cbtools.models.fields import values

# Texts of this shape are a date or time to SQLite, or none, and never the current time, as "now"
# would be. Documents with a text that an index cannot contain could not be saved.
_DATE_SHAPE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"
_TIME_SHAPE = "[0-2][0-9]:[0-9][0-9]*"


def _is_day(first: str) -> str:
    """Return a condition that a text begins with a date that exists and is not before ``first``.
    The year 0 is excluded. ``date()`` finds February 30 only if it has to compute something, hence
    '+0 days'."""
    day = "substr({value}, 1, 10)"
    return (
        f"{{type}} = 'text' AND {{value}} GLOB '{_DATE_SHAPE}' AND {{value}} >= '{first}' "
        f"AND date({day}, '+0 days') = {day}"
    )


def _second(start: int) -> tuple[str, str]:
    """Return SQL for the fraction of the seconds and for the time zone, which begin at this
    character. The fraction is in Python's form: '' if it is zero, else six digits."""
    rest = f"substr({{value}}, {start})"
    zone = f"ltrim({rest}, '.0123456789')"
    digits = f"substr({rest}, 1, min(7, length({rest}) - length({zone})))"
    return (
        f"CASE WHEN rtrim({digits}, '.0') = '' THEN '' ELSE substr({digits} || '000000', 1, 7) END",
        # SQLite only knows zones with a colon.
        f"CASE WHEN {zone} GLOB '[-+][0-9][0-9][0-9][0-9]' "
        f"THEN substr({zone}, 1, 3) || ':' || substr({zone}, 4) ELSE {zone} END",
    )


def _moment() -> str:
    """Return SQL for a time in UTC, with microseconds if there are any, as Django's functions for
    SQLite expect it. The first day of year 1 is excluded: it could be in year 0 there."""
    fraction, zone = _second(20)
    return (
        f"CASE WHEN {_is_day('0001-01-02')} AND substr({{value}}, 12, 2) < '24' "
        f"THEN datetime(substr({{value}}, 1, 19) || {zone}, '+0 days') || {fraction} END"
    )


def _hour() -> str:
    """Return SQL for a time of day. Its zone, if it has one, is ignored."""
    fraction, _ = _second(9)
    return (
        f"CASE WHEN {{type}} = 'text' AND {{value}} GLOB '{_TIME_SHAPE}' AND {{value}} < '24' "
        f"THEN time(substr({{value}}, 1, 8)) || {fraction} END"
    )


# (For the smallest integer of 64 bits, abs() is an error.)
_FINITE = "-1.7976931348623157e308 AND 1.7976931348623157e308"
_NUMERIC = "CAST({value} AS NUMERIC)"


def _decimal(found: str) -> str:
    """Return SQL for ``found`` if the value is a number, or a text that is one as a whole, else
    NULL."""
    return (
        f"CASE WHEN {{type}} IN ('integer', 'real', 'text') AND {_NUMERIC} = {{value}} "
        f"AND {_NUMERIC} BETWEEN {_FINITE} THEN {found} END"
    )


_INTEGER = (
    # A number that does not fit into 64 bits is a REAL, which equals no INTEGER.
    "CASE WHEN {type} IN ('integer', 'real') AND {value} = CAST({value} AS INTEGER) "
    "THEN CAST({value} AS INTEGER) END"
)
#: By Kind.shape.
SHAPES = {
    "plain": "{value}",
    "text": "CASE WHEN {type} = 'text' THEN {value} END",
    "any text": "CASE WHEN {type} IN ('text', 'integer', 'real') THEN CAST({value} AS TEXT) END",
    "integer": _INTEGER,
    # A JSON null is NULL, as for all other types.
    "json": "nullif({json}, 'null')",
    "array": "CASE WHEN {type} = 'array' THEN {json} END",
    "object": "CASE WHEN {type} = 'object' THEN {json} END",
    # Numbers are numbers. All other values are their JSON text, in which strings have quotes.
    "any": "CASE WHEN {type} IN ('integer', 'real') THEN {value} ELSE {json} END",
    "type": "{type}",
    "raw": "{json}",
    "boolean": "CASE {type} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
    "real": (
        f"CASE WHEN {{type}} IN ('integer', 'real') AND {{value}} BETWEEN {_FINITE} "
        "THEN CAST({value} AS REAL) END"
    ),
    # With the CAST, SQLite compares it with texts as a number.
    "decimal": f"CAST({_decimal('{value}')} AS NUMERIC)",
    "moment": _moment(),
    "day": f"CASE WHEN {_is_day('0001-01-01')} THEN substr({{value}}, 1, 10) END",
    "time": _hour(),
    "uuid": (
        "CASE WHEN {type} = 'text' AND length(replace({value}, '-', '')) = 32 "
        "AND {value} NOT GLOB '*[^-0-9a-fA-F]*' THEN lower(replace({value}, '-', '')) END"
    ),
    "binary": "CASE WHEN {type} = 'text' THEN cbtools_unbase64({value}) END",
}
#: Expressions for columns that are only shown, if the one that is compared is less exact.
_EXACT = {"decimal": _decimal("CASE {type} WHEN 'text' THEN {value} ELSE {json} END")}


def template(field: values.Field) -> str:
    """Return the table's expression for a field."""
    return SHAPES[values.kind(field).shape]


def quoted(name: str) -> str:
    """Return a name, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


#: Fields that have a column of their own in the table of documents.
_OWN = {
    "uid": "uid",
    "rev": "rev",
    "st_deleted": "st_deleted",
    "extra": "body",
    # Each document has a doc_type, so that a member can be put before the others.
    "_document": (
        "CASE WHEN attachments = '{}' AND expires IS NULL THEN body ELSE '{' "
        "|| CASE WHEN attachments = '{}' THEN '' "
        "ELSE '\"_attachments\":' || replace(attachments, ',\"ver\":2', '') || ',' END "
        "|| CASE WHEN expires IS NULL THEN '' ELSE "
        "strftime('\"_exp\":\"%Y-%m-%dT%H:%M:%SZ\",', expires, 'unixepoch') END "
        "|| substr(body, 2) END"
    ),
}


def column_sql(field: values.Field) -> str:
    """Return the SQL that reads a field from a row of the gateway's documents."""
    if field.name in _OWN:
        return _OWN[field.name]
    sql = _of_body(field, template(field))
    if not isinstance(field, models.ForeignKey):
        return sql
    if other := values.other_key(field):
        sql = f"COALESCE({sql}, {_under_other_key(field, *other)})"
    # SQLite uses an index for a join only if neither side is converted, so both need a type.
    return f"CAST({sql} AS {'NUMERIC' if values.kind(field) is values.INTEGER else 'TEXT'})"


def _under_other_key(field: values.Field, name: str, beginning: str) -> str:
    path, there = _path(values.json_key(field)), _path(name)
    return (
        f"CASE WHEN json_type(body, {path}) IS NULL AND json_type(body, {there}) = 'text' "
        f"AND substr(json_extract(body, {there}), 1, {len(beginning)}) = {literal(beginning)} "
        f"THEN json_extract(body, {there}) END"
    )


def exact_columns(field: values.Field) -> dict[str, str]:
    """Return the SQL of the column that shows a field exactly, by the column's name, or an empty
    dictionary."""
    sql = _EXACT.get(values.kind(field).shape)
    return {} if sql is None else {exact_column(field): _of_body(field, sql)}


def exact_column(field: values.Field) -> str:
    return f"{field.column}:exact"


def _of_body(field: values.Field, sql: str) -> str:
    path = _path(values.json_key(field))
    return sql.format(
        value=f"json_extract(body, {path})",
        type=f"json_type(body, {path})",
        json=f"(body -> {path})",
    )


def _path(key: str) -> str:
    return literal("$." + quoted_key(key))


def quoted_key(key: str) -> str:
    """Return a key in the form of SQLite's JSON paths. Raise ValueError for a key that JSON has to
    escape."""
    if not values.is_readable(key):
        raise ValueError(f"{key!r} cannot be a field's key: JSON has to escape something in it.")
    return canonical.escaped(f'"{key}"')  # SQLite compares it with the text that is stored
