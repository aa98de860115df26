"""Values that are the same in JSON and in Python, by the class of their field."""

from __future__ import annotations

from typing import Any

from django.db import models

NONE = frozenset((type(None),))
TEXT = NONE | {str}
_INTEGER = NONE | {int}

#: For fields of exactly these classes, values of these types are the same in JSON and in Python. A
#: subclass may override how values are prepared.
_NATURAL: dict[type, frozenset[type]] = {
    models.CharField: TEXT,
    models.TextField: TEXT,
    models.SlugField: TEXT,
    models.EmailField: TEXT,
    models.URLField: TEXT,
    models.FilePathField: TEXT,
    models.FileField: TEXT,
    models.ImageField: TEXT,
    models.BooleanField: NONE | {bool},
    models.IntegerField: _INTEGER,
    models.BigIntegerField: _INTEGER,
    models.SmallIntegerField: _INTEGER,
    models.PositiveIntegerField: _INTEGER,
    models.PositiveBigIntegerField: _INTEGER,
    models.PositiveSmallIntegerField: _INTEGER,
    models.FloatField: _INTEGER | {float},
}


def read(field: Any) -> frozenset[type]:
    """Return the JSON types that a field reads without a conversion. For FloatField, integers still
    become floats."""
    return _NATURAL.get(type(field), frozenset())


def written(field: Any) -> frozenset[type]:
    """Return the types of values that a field writes without a conversion, if :func:`is_writable`
    is true."""
    if isinstance(field, models.FloatField):
        return read(field) - {int}
    return read(field)


def is_writable(value: Any) -> bool:
    """Return whether JSON can certainly represent a value of one of these types. Some strings
    cannot be encoded, and some numbers are not finite."""
    if value.__class__ is str:
        return bool(value.isascii())
    return value.__class__ is not float or value - value == 0
