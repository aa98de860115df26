"""How values stand in a document's JSON, and how SQL reads them from there: one table, by type.

The JSON is that of django_cbtools 1.x: ISO 8601 dates and times, decimals as strings, a file as its
name. A value that a phone wrote in another type than the field's is kept as it is; in SQL it counts
as NULL, so that it never breaks a query.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.db import models
from django.utils import dateparse

Field: TypeAlias = "models.Field[Any, Any]"


class Unreadable(ValueError):
    """A JSON value that is not what the field's type stands for."""


@dataclass(frozen=True)
class Kind:
    """How values of one type of field are written and read.

    ``to_json`` and ``from_json`` are None where JSON has the type itself; they never see None.
    ``sql`` is an expression of SQLite's over ``{value}`` (the JSON value as SQL has it), ``{type}``
    (its JSON type) and ``{json}`` (its JSON text).
    """

    sql: str
    to_json: Callable[[Any], Any] | None = None
    from_json: Callable[[Any], Any] | None = None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable(f"expected a text, not {value!r}")
    return value


def _parsed(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    def from_json(value: Any) -> Any:
        parsed = parse(_text(value))
        if parsed is None:
            raise Unreadable(f"{value!r} is not in ISO 8601")
        return parsed

    return from_json


def _date(text: str) -> datetime.date | None:
    return dateparse.parse_date(text[:10])


def _decimal_from_json(value: Any) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Unreadable(f"expected a decimal, not {value!r}")
    try:
        number = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        raise Unreadable(f"{value!r} is no decimal") from None
    if not number.is_finite():
        raise Unreadable(f"{value!r} is not finite")
    return number


def _decimal_to_json(value: Any) -> str:
    try:
        number = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        raise ValueError(f"{value!r} is no decimal") from None
    if not number.is_finite():
        raise ValueError(f"{value} cannot be kept in JSON")
    return str(value)


def _float_to_json(value: Any) -> Any:
    if isinstance(value, float) and value - value != 0:
        raise ValueError(f"{value} cannot be kept in JSON")
    return value


def _iso(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not hasattr(value, "isoformat"):
        raise ValueError(f"{value!r} is no date or time")
    return str(value.isoformat())


def _microseconds(value: Any) -> int:
    if isinstance(value, datetime.timedelta):
        return value // datetime.timedelta(microseconds=1)
    return int(value)


def _duration(value: Any) -> datetime.timedelta:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable(f"expected microseconds, not {value!r}")
    return datetime.timedelta(microseconds=value)


def _binary_to_json(value: Any) -> str:
    return value if isinstance(value, str) else base64.b64encode(bytes(value)).decode()


def _binary(value: Any) -> bytes:
    return base64.b64decode(_text(value), validate=True)


# A date and time in the form that Django's functions for SQLite expect: in UTC, with microseconds
# only where there are some. SQLite itself reads no more than milliseconds.
_ZONE = "ltrim(substr({value}, 20), '.0123456789')"
_FRACTION = f"substr({{value}}, 20, length({{value}}) - 19 - length({_ZONE}))"
_DATETIME = (
    f"CASE WHEN {{type}} = 'text' THEN datetime(substr({{value}}, 1, 19) || {_ZONE}) || "
    f"CASE WHEN rtrim({_FRACTION}, '.0') = '' THEN '' "
    f"ELSE substr({_FRACTION} || '000000', 1, 7) END END"
)
_NUMBER = "CASE WHEN {type} IN ('integer', 'real') THEN {value} END"
_DIGITS = "{value} GLOB '*[0-9]*' AND {value} NOT GLOB '*[^-+.0-9eE]*'"

PLAIN = Kind("{value}")
INTEGER = Kind(_NUMBER)
JSON = Kind("{json}")
_DATE_SHAPE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"

#: By Field.get_internal_type(); PLAIN for all others.
KINDS = {
    "BooleanField": Kind("CASE {type} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"),
    "AutoField": INTEGER,
    "BigAutoField": INTEGER,
    "SmallAutoField": INTEGER,
    "IntegerField": INTEGER,
    "BigIntegerField": INTEGER,
    "SmallIntegerField": INTEGER,
    "PositiveIntegerField": INTEGER,
    "PositiveBigIntegerField": INTEGER,
    "PositiveSmallIntegerField": INTEGER,
    "FloatField": Kind(_NUMBER, to_json=_float_to_json),
    "DecimalField": Kind(
        # The outermost CAST makes SQLite compare it with a text as numbers.
        f"CAST(CASE WHEN {{type}} IN ('integer', 'real') OR ({{type}} = 'text' AND {_DIGITS}) "
        "THEN {value} END AS NUMERIC)",
        _decimal_to_json,
        _decimal_from_json,
    ),
    "DateTimeField": Kind(_DATETIME, _iso, _parsed(dateparse.parse_datetime)),
    "DateField": Kind(
        f"CASE WHEN {{type}} = 'text' AND {{value}} GLOB '{_DATE_SHAPE}' "
        "THEN date(substr({value}, 1, 10)) END",
        _iso,
        _parsed(_date),
    ),
    "TimeField": Kind(
        "CASE WHEN {type} = 'text' AND time({value}) IS NOT NULL THEN {value} END",
        _iso,
        _parsed(dateparse.parse_time),
    ),
    "DurationField": Kind(
        "CASE WHEN {type} = 'integer' THEN {value} END", _microseconds, _duration
    ),
    "UUIDField": Kind(
        "CASE WHEN {type} = 'text' AND length(replace({value}, '-', '')) = 32 "
        "AND {value} NOT GLOB '*[^-0-9a-fA-F]*' THEN lower(replace({value}, '-', '')) END",
        str,
        lambda value: uuid.UUID(_text(value)),
    ),
    "BinaryField": Kind("{value}", _binary_to_json, _binary),
    "FileField": Kind("{value}", str, None),
    "JSONField": JSON,
}


def kind(field: Field) -> Kind:
    """The table's row for a field."""
    if isinstance(field, models.ForeignKey):
        return kind(field.target_field)
    return KINDS.get(field.get_internal_type(), PLAIN)


def json_key(field: Field) -> str:
    """The key of a field in a document's JSON."""
    return str(field.db_column or getattr(field, "json_key", field.name))


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
    "_document": "body",
}


def column_sql(field: Field) -> str:
    """The SQL that reads a field from a row of the gateway's documents."""
    if field.name in OWN_COLUMNS:
        return OWN_COLUMNS[field.name]
    path = literal("$." + quoted_key(json_key(field)))
    return kind(field).sql.format(
        value=f"json_extract(body, {path})",
        type=f"json_type(body, {path})",
        json=f"(body -> {path})",
    )


def quoted_key(key: str) -> str:
    """A key as a JSON path of SQLite's has it; ValueError for one that it cannot have."""
    if '"' in key or "\\" in key:
        raise ValueError(f"{key!r} cannot be a field's key: it has a quote or a backslash in it.")
    return f'"{key}"'
