"""Instances made of documents, fast: most values of JSON are a field's value as they are."""

from __future__ import annotations

import datetime
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from django.conf import settings
from django.db import models

from .document import DOC_TYPE, GATEWAY_KEYS, DocumentJSON, Stored, copied, copy_of
from .fields import natural, values
from .relations import ForeignKey

_ANY = natural.NONE | {str, bool, int, float, list, dict}

_MISSING: Any = object()
_MOST_KNOWN = 1000
#: Integers up to this one are floats as well.
_LARGEST_EXACT = 2**53
_to_moment = datetime.datetime.fromisoformat
#: Whether a text that is a time is the one that ``isoformat()`` gives for it, which takes longer.
_is_as_written = re.compile(
    r"....-..-..T(?!24)..:..:..(?:\.(?!000000)......)?\+00:00", re.DOTALL
).fullmatch


class Shape(NamedTuple):
    """What is to be done to values of some types, by their places, that are not as they are."""

    moments: list[tuple[int, Stored]]
    #: Integers of fields that have floats: JSON of gateways writes 1.0 so.
    wholes: list[tuple[int, Stored]]
    #: Lists and objects.
    mutable: list[tuple[int, Stored]]


class Plan:
    """How documents of a class are read; made once for it."""

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
        #: By the types of a document's values, where they need no look at each of them.
        self._known: dict[tuple[type, ...], Shape] = {}

    def fill(self, instance: DocumentJSON, document: Mapping[str, Any], is_kept: bool) -> None:
        """Set all fields from a document, to their defaults where it has nothing for them.

        Where the document is kept as what was read, the instance gets lists and objects of its own;
        RecursionError where they are too deep.
        """
        for attname in self._images:  # whose files are read where one takes another's place
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
        self._set_all(instance, raws)
        if is_kept:
            for i, stored in shape.mutable:
                setattr(instance, stored.attname, copy_of(raws[i]))
            extra = extra and copied(extra)
        instance.extra = extra
        if shape.moments:
            has_zones = settings.USE_TZ
            for i, stored in shape.moments:
                _read_moment(instance, stored, raws[i], has_zones)
        for i, stored in shape.wholes:
            raw = raws[i]
            if -_LARGEST_EXACT <= raw <= _LARGEST_EXACT:
                setattr(instance, stored.attname, float(raw))
            else:
                instance._from_json(stored, raw)

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
        """What is to be done to values of these types; None where each needs a look."""
        shape = Shape([], [], [])
        for i, (type_, stored) in enumerate(zip(types, self._stored, strict=True)):
            if _is_moment(stored.field):
                if type_ is str:
                    shape.moments.append((i, stored))
                elif type_ not in natural.NONE:
                    return None
            elif type_ not in self._natural[i]:
                return None
            elif type_ is int and type(stored.field) is models.FloatField:
                shape.wholes.append((i, stored))
            elif type_ in (list, dict):
                shape.mutable.append((i, stored))
        if len(self._known) < _MOST_KNOWN:
            self._known[types] = shape
        return shape

    def undeclared(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The members of a document that no field declares."""
        return {key: value for key, value in document.items() if key not in self._declared}


def _setter(names: Sequence[str]) -> Callable[[Any, tuple[Any, ...]], None]:
    """A function that sets these attributes of an instance to the values in a tuple.

    It is compiled, as dataclasses' own are: it takes a third of the time of ``setattr()`` for each.
    """
    lines = [
        f"instance.{name} = values[{i}]"
        if name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
        else f"setattr(instance, {name!r}, values[{i}])"
        for i, name in enumerate(names)
    ]
    namespace: dict[str, Any] = {}
    exec("\n ".join(["def set_all(instance, values):", *lines]), namespace)  # noqa: S102
    found: Callable[[Any, tuple[Any, ...]], None] = namespace["set_all"]
    return found


def _read_moment(instance: DocumentJSON, stored: Stored, raw: str, has_zones: bool) -> None:
    try:
        moment = _to_moment(raw)
    except ValueError:
        return instance._from_json(stored, raw)
    if not has_zones and moment.tzinfo is not None:
        return instance._from_json(stored, raw)
    setattr(instance, stored.attname, moment)
    if not _is_as_written(raw) and moment.isoformat() != raw:
        instance._remember(stored.attname, moment, raw)


def _is_moment(field: Any) -> bool:
    return type(field) is models.DateTimeField


def _natural(field: Any, stored: Stored) -> frozenset[type]:
    if isinstance(field, models.JSONField):
        own = type(field).get_prep_value is not models.JSONField.get_prep_value
        return frozenset() if stored.kind is not values.JSON or own else _ANY
    if type(field) in (models.ForeignKey, ForeignKey):
        return _natural(field.target_field, stored)
    return natural.read(field)
