"""Creates instances from documents, quickly: most JSON values are the field's value already."""

from __future__ import annotations

import datetime
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from django.conf import settings
from django.core.signals import setting_changed
from django.db import models

from .document import DOC_TYPE, GATEWAY_KEYS, SCALARS, DocumentJSON, Stored, copied, copy_of
from .fields import natural, values
from .relations import ForeignKey

_ANY = natural.NONE | {str, bool, int, float, list, dict}

_MISSING: Any = object()
_MOST_KNOWN = 1000
#: The largest integer up to which all integers are exact as floats.
_LARGEST_EXACT = 2**53
_to_moment = datetime.datetime.fromisoformat
#: A pattern of times that ``isoformat()`` would write in the same way. Calling it takes longer.
_is_as_written = re.compile(
    r"....-..-..T(?!24)..:..:..(?:\.(?!000000)......)?\+00:00", re.DOTALL
).fullmatch


class Shape(NamedTuple):
    """The places of values that need a conversion, for a row of values with known types."""

    moments: list[int]
    #: Integers in FloatFields: gateways write 1.0 as 1.
    wholes: list[int]
    #: Lists and objects.
    mutable: list[int]


class Plan:
    """A plan to read the documents of a class. It is made once for each class."""

    def __init__(self, cls: type[DocumentJSON]) -> None:
        self._stored = cls._stored_fields()
        self._declared = cls.declared_keys() | GATEWAY_KEYS
        self._natural = [_natural(stored.field, stored) for stored in self._stored]
        self._others = [values.other_key(stored.field) for stored in self._stored]
        self._values_of = itemgetter(*(stored.key for stored in self._stored))
        self._set_all = _setter([stored.attname for stored in self._stored])
        self._images = [
            stored.attname for stored in self._stored if isinstance(stored.field, models.ImageField)
        ]
        #: The conversions by the types of a document's values, if each value needs no closer look.
        self._known: dict[tuple[type, ...], Shape] = {}

    def fill(self, instance: DocumentJSON, document: Mapping[str, Any], is_kept: bool) -> None:
        """Set all fields from a document. Fields without a key in it get their defaults.

        If the document is kept as the base of later comparisons, the instance gets copies of its
        lists and objects. Raises RecursionError if they are nested too deeply.
        """
        for attname in self._images:  # replacing a file would read it
            instance.__dict__.pop(attname, None)
        try:
            raws = self._values_of(document)
        except KeyError:
            return self._fill_one_by_one(instance, document, is_kept)
        types = tuple(map(type, raws))
        shape = self._known.get(types) or self._learn(types)
        if shape is None:
            return self._fill_one_by_one(instance, document, is_kept)
        is_whole = len(document) == len(raws) + (DOC_TYPE in document)
        extra = {} if is_whole else self.undeclared(document)
        found, odd = list(raws), []
        if is_kept:
            for i in shape.mutable:
                raw = raws[i]
                is_flat = raw.__class__ is list and SCALARS.issuperset(map(type, raw))
                found[i] = raw.copy() if is_flat else copy_of(raw)
            extra = extra and copied(extra)
        for i in shape.moments:
            try:
                found[i] = _to_moment(raws[i])
            except ValueError:
                odd.append(i)
            else:
                if not (_is_as_written(raws[i]) and _has_zones()):
                    odd.append(i)
        for i in shape.wholes:
            if -_LARGEST_EXACT <= raws[i] <= _LARGEST_EXACT:
                found[i] = float(raws[i])
            else:
                odd.append(i)
        self._set_all(instance, found)
        instance.extra = extra
        for i in odd:
            _read(instance, self._stored[i], raws[i], found[i])

    def _fill_one_by_one(
        self, instance: DocumentJSON, document: Mapping[str, Any], is_kept: bool
    ) -> None:
        if is_kept:
            document = copied(document)
        fields = zip(self._stored, self._natural, self._others, strict=True)
        for stored, types, other in fields:
            raw = document.get(stored.key, _MISSING)
            if raw is _MISSING:
                uid = values.under_other_key(other, document)
                value = stored.field.get_default() if uid is None else uid
                setattr(instance, stored.attname, value)
            elif type(raw) in types and type(stored.field) is not models.FloatField:
                setattr(instance, stored.attname, raw)
            else:
                instance._from_json(stored, raw)
        instance.extra = self.undeclared(document)

    def _learn(self, types: tuple[type, ...]) -> Shape | None:
        """Return the conversions of values with these types, or None if each value has to be
        examined."""
        shape = Shape([], [], [])
        for i, (type_, stored) in enumerate(zip(types, self._stored, strict=True)):
            if _is_moment(stored.field):
                if type_ is str:
                    shape.moments.append(i)
                elif type_ not in natural.NONE:
                    return None
            elif type_ not in self._natural[i]:
                return None
            elif type_ is int and type(stored.field) is models.FloatField:
                shape.wholes.append(i)
            elif type_ in (list, dict):
                shape.mutable.append(i)
        if len(self._known) < _MOST_KNOWN:
            self._known[types] = shape
        return shape

    def undeclared(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members of a document that no field declares."""
        return {key: value for key, value in document.items() if key not in self._declared}


def _setter(names: Sequence[str]) -> Callable[[Any, Sequence[Any]], None]:
    """Return a function that sets these attributes of an instance to the values in a list.

    It is compiled, as the methods of dataclasses are: that takes a third of the time of
    ``setattr()`` calls.
    """
    lines = [
        f"instance.{name} = values[{i}]"
        if name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
        else f"setattr(instance, {name!r}, values[{i}])"
        for i, name in enumerate(names)
    ]
    namespace: dict[str, Any] = {}
    exec("\n ".join(["def set_all(instance, values):", *lines]), namespace)  # noqa: S102
    found: Callable[[Any, Sequence[Any]], None] = namespace["set_all"]
    return found


def _read(instance: DocumentJSON, stored: Stored, raw: Any, found: Any) -> None:
    """Read a value as its field does, unless it has already been read as the datetime ``found``."""
    is_moment = isinstance(found, datetime.datetime)
    if not is_moment or not (_has_zones() or found.tzinfo is None):
        instance._from_json(stored, raw)
    elif found.isoformat() != raw:
        instance._remember(stored.attname, found, raw)


@cache
def _has_zones() -> bool:
    """Return ``USE_TZ``. Reading the settings each time would take longer than reading a
    datetime."""
    return bool(settings.USE_TZ)


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "USE_TZ":
        _has_zones.cache_clear()


# Tests send this signal when they override settings.
setting_changed.connect(_forget, dispatch_uid="django_cbtools.models.loading")


def _is_moment(field: Any) -> bool:
    return type(field) is models.DateTimeField


def _natural(field: Any, stored: Stored) -> frozenset[type]:
    if isinstance(field, models.JSONField):
        own = type(field).get_prep_value is not models.JSONField.get_prep_value
        return frozenset() if stored.kind is not values.JSON or own else _ANY
    if type(field) in (models.ForeignKey, ForeignKey):
        return _natural(field.target_field, stored)
    return natural.read(field)
