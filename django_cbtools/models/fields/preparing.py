"""The stand-in for a database connection that fields need to convert values to and from JSON.

Django's fields convert values for a database, and from it, by methods that take its connection, and
field classes override these methods. Documents call the same methods. This connection is the one of
the documents' alias, but it leaves Python values unchanged: :mod:`.values` converts them to JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.db import connections

from django_cbtools import conf


class _Like:
    """An object that behaves like another one, apart from its own attributes."""

    def __init__(self, other: Callable[[], Any]) -> None:
        self._other = other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._other(), name)


_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode


class _Operations(_Like):
    @staticmethod
    def adapt_json_value(value: Any, encoder: Any) -> str:
        if encoder is None:
            return _encode(value)
        return json.dumps(value, cls=encoder, allow_nan=False, ensure_ascii=False)

    @staticmethod
    def _as_it_is(value: Any, *args: Any) -> Any:
        return value

    adapt_document_json = adapt_json_value
    adapt_datefield_value = adapt_datetimefield_value = adapt_timefield_value = _as_it_is
    adapt_durationfield_value = _as_it_is  # Django 6.1 asks for it
    adapt_decimalfield_value = adapt_integerfield_value = _as_it_is

    @staticmethod
    def adapt_ipaddressfield_value(value: Any) -> Any:
        return value or None  # as all of Django's databases


class _Features(_Like):
    has_native_duration_field = True
    has_native_uuid_field = True
    interprets_empty_strings_as_nulls = False


class _Database(_Like):
    Binary = staticmethod(_Operations._as_it_is)


def _documents() -> Any:
    return connections[conf.document_alias()]


class _Connection(_Like):
    ops = _Operations(lambda: _documents().ops)
    features = _Features(lambda: _documents().features)
    Database = _Database(lambda: _documents().Database)


connection: Any = _Connection(_documents)


def comparing(connection: Any) -> Any:
    """Return a connection with which JSON is prepared for a comparison with values in documents."""
    # The documents' own connection already does so.
    return connection if isinstance(connection, _Connection) else _Comparing(connection)


class _Comparing(_Like):
    def __init__(self, connection: Any) -> None:
        super().__init__(lambda: connection)
        self.ops = _ComparingOperations(lambda: connection.ops)


class _ComparingOperations(_Like):
    @property
    def adapt_json_value(self) -> Any:
        return self.adapt_document_json
