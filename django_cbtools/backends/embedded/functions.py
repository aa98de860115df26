"""SQL functions that documents need in addition to Django's.

No index may use them: then only connections with these functions could write the file.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import sqlite3
from collections.abc import Callable
from typing import Any

#: Django's functions of dates and times, which fail at the ends of the calendar.
_OF_TIMES = {
    "django_date_extract": (2, "_sqlite_datetime_extract"),
    "django_date_trunc": (4, "_sqlite_date_trunc"),
    "django_datetime_cast_date": (3, "_sqlite_datetime_cast_date"),
    "django_datetime_cast_time": (3, "_sqlite_datetime_cast_time"),
    "django_datetime_extract": (4, "_sqlite_datetime_extract"),
    "django_datetime_trunc": (4, "_sqlite_datetime_trunc"),
    "django_format_dtdelta": (3, "_sqlite_format_dtdelta"),
}


def register(connection: sqlite3.Connection) -> None:
    """Add the functions to a connection."""
    connection.create_function("cbtools_unbase64", 1, _unbase64, deterministic=True)
    django_functions = importlib.import_module("django.db.backends.sqlite3._functions")
    for name, (count, function) in _OF_TIMES.items():
        null = _null_out_of_range(getattr(django_functions, function))
        connection.create_function(name, count, null, deterministic=True)


def _unbase64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None


def _null_out_of_range(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that returns NULL if a time is out of range in its zone, or a duration has
    more than 64 bits. So a document with "9999-12-31T23:59:59Z" breaks no query."""

    def null_out_of_range(*args: Any) -> Any:
        try:
            found = function(*args)
        except OverflowError:
            return None
        return None if isinstance(found, int) and found.bit_length() > 63 else found

    return null_out_of_range
