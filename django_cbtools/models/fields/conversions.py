"""The conversion of Django field values to JSON and back, by type.

Values that are converted to JSON have passed the field's ``get_db_prep_save()``. ValueError or
TypeError mean that a value cannot be stored, and :exc:`Unreadable` that the JSON has another type.
Their messages do not contain the value, since what phones write must not get into logs.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils import dateparse, timezone

_JSON_NAMES = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "an array",
    dict: "an object",
}


class Unreadable(ValueError):
    """A JSON value of another type than the field's."""

    @classmethod
    def as_(cls, expected: str, value: Any) -> Unreadable:
        return cls(f"expected {expected}, found {_JSON_NAMES.get(type(value), 'something else')}")


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable.as_("a text", value)
    return value


def text_to_json(value: Any) -> str:
    """Return a text. A number becomes its text, as in a text column. Raise UnicodeEncodeError if
    gateways would store another text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise TypeError(f"expected a text, not {type(value).__name__}")
    value.encode()
    return value


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unreadable.as_("a boolean", value)
    return value


def integer(value: Any) -> int:
    """Return an integer, also for a float without a fraction. Raise Unreadable for other values."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable.as_("an integer", value)
    return value


def real(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unreadable.as_("a number", value)
    try:
        number = float(value)
    except OverflowError:
        raise Unreadable("the number is too large") from None
    if number - number != 0:
        raise Unreadable("the number is too large")
    return number


def real_to_json(value: Any) -> float:
    number = float(value)
    if number - number != 0:
        raise ValueError(f"{number} cannot be kept in JSON")
    return number


def exact_decimal(value: Any) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Unreadable.as_("a decimal", value)
    try:
        number = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        raise Unreadable("the text is no decimal") from None
    if not number.is_finite():
        raise Unreadable("the number is not finite")
    return number


def decimal_to_json(value: Any) -> str:
    number = decimal.Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{number} cannot be kept in JSON")
    return str(number)


def iso(value: Any) -> str:
    return str(value.isoformat())


def time_to_json(value: Any) -> str:
    if value.utcoffset() is not None:
        raise ValueError("a time of day has no zone: whoever reads it has no date to apply it")
    return iso(value)


def parsed(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Return a function that reads strings in ISO 8601 by ``parse``."""

    def from_json(value: Any) -> Any:
        try:
            found = parse(text(value))
        except Unreadable:
            raise
        except ValueError:
            found = None
        if found is None:
            raise Unreadable("the text is not in ISO 8601, or is out of range")
        return found

    return from_json


def day(text: str) -> datetime.date | None:
    return dateparse.parse_date(text[:10])


def time_of_day(text: str) -> datetime.time | None:
    return dateparse.parse_time(text.removesuffix("Z"))  # Python 3.10 reads no Z


def moment(text: str) -> datetime.datetime | None:
    found = dateparse.parse_datetime(text.upper())  # some write "t" and "z"
    return None if found is None else in_settings_zone(found)


def in_settings_zone(found: datetime.datetime) -> datetime.datetime:
    """Return a time in the form that USE_TZ asks for: without it, local and naive. A time that was
    written without a zone stays naive, as in 1.x; SQL takes it for UTC."""
    if settings.USE_TZ or found.tzinfo is None:
        return found
    try:
        return timezone.make_naive(found, timezone.get_default_timezone())
    except OverflowError:
        raise Unreadable("the time is out of range") from None


def microseconds(value: Any) -> int:
    if not isinstance(value, datetime.timedelta):
        raise TypeError(f"expected a timedelta, not {type(value).__name__}")
    return value // datetime.timedelta(microseconds=1)


def duration(value: Any) -> datetime.timedelta:
    try:
        return datetime.timedelta(microseconds=integer(value))
    except OverflowError:
        raise Unreadable("the duration is out of range") from None


def uuid_from_json(value: Any) -> uuid.UUID:
    try:
        return uuid.UUID(text(value))
    except Unreadable:
        raise
    except ValueError:
        raise Unreadable("the text is no UUID") from None


def binary(value: Any) -> bytes:
    try:
        return base64.b64decode(text(value), validate=True)
    except Unreadable:
        raise
    except ValueError:
        raise Unreadable("the text is not in base64") from None


def binary_to_json(value: Any) -> str:
    """Return the value in Base64. A string must be Base64 already, as in fixtures."""
    if isinstance(value, str):
        binary(value)
        return value
    return base64.b64encode(bytes(value)).decode()


def plain_json(value: Any) -> Any:
    """Return the value as it is after a round trip through JSON. Raise TypeError if JSON cannot
    represent it."""
    if value.__class__ is int or value.__class__ is bool:
        return value
    return from_json_text(json.dumps(value, allow_nan=False, ensure_ascii=False))


def from_json_text(value: Any) -> Any:
    """Parse the JSON text that fields prepare for a database."""
    return json.loads(value.encode()) if isinstance(value, str) else plain_json(value)


def decoded(decoder: Any) -> Callable[[Any], Any]:
    return lambda value: json.loads(json.dumps(value), cls=decoder)
