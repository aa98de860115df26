"""Instances made of documents, fast: most values of JSON are a field's value as they are."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.db import models

from .document import DOC_TYPE, GATEWAY_KEYS, DocumentJSON, Stored
from .fields import values
from .relations import ForeignKey

_NONE = frozenset((type(None),))
_TEXT = _NONE | {str}
_INTEGER = _NONE | {int}
_ANY = _NONE | {str, bool, int, float, list, dict}

#: Of fields of exactly these classes, values of these types stand for themselves in JSON and in
#: Python. Whoever subclasses one may have overridden how its values are prepared.
_NATURAL: dict[type, frozenset[type]] = {
    models.CharField: _TEXT,
    models.TextField: _TEXT,
    models.SlugField: _TEXT,
    models.EmailField: _TEXT,
    models.URLField: _TEXT,
    models.FilePathField: _TEXT,
    models.FileField: _TEXT,
    models.ImageField: _TEXT,
    models.BooleanField: _NONE | {bool},
    models.IntegerField: _INTEGER,
    models.BigIntegerField: _INTEGER,
    models.SmallIntegerField: _INTEGER,
    models.PositiveIntegerField: _INTEGER,
    models.PositiveBigIntegerField: _INTEGER,
    models.PositiveSmallIntegerField: _INTEGER,
    models.FloatField: _INTEGER | {float},
}

_MISSING: Any = object()
_MOST_KNOWN = 1000
#: Integers up to this one are floats as well.
_LARGEST_EXACT = 2**53
_to_moment = datetime.datetime.fromisoformat


class Plan:
    """How documents of a class are read; made once for it."""

    def __init__(self, cls: type[DocumentJSON]) -> None:
        self._stored = cls._stored_fields()
        self._declared = cls.declared_keys() | GATEWAY_KEYS
        self._natural = [_natural(stored.field, stored) for stored in self._stored]
        self._others = [values.other_key(stored.field) for stored in self._stored]
        self._attnames = [stored.attname for stored in self._stored]
        self._values_of = itemgetter(*(stored.key for stored in self._stored))
        self._moments = [
            (i, stored) for i, stored in enumerate(self._stored) if _is_moment(stored.field)
        ]
        self._reals = [
            (i, stored)
            for i, stored in enumerate(self._stored)
            if type(stored.field) is models.FloatField
        ]
        self._images = [
            stored.attname for stored in self._stored if isinstance(stored.field, models.ImageField)
        ]
        #: Types of a document's values that need no look at each of them.
        self._known: set[tuple[type, ...]] = set()

    def fill(self, instance: DocumentJSON, document: Mapping[str, Any]) -> None:
        """Set all fields from a document, to their defaults where it has nothing for them."""
        for attname in self._images:  # whose files are read where one takes another's place
            instance.__dict__.pop(attname, None)
        try:
            raws = self._values_of(document)
        except KeyError:
            return self._fill_one_by_one(instance, document)
        types = tuple(map(type, raws))
        if types not in self._known and not self._learn(types):
            return self._fill_one_by_one(instance, document)
        # Not by way of __dict__, which Python makes only for those who ask.
        for attname, raw in zip(self._attnames, raws):  # noqa: B905
            setattr(instance, attname, raw)
        has_zones = settings.USE_TZ
        for i, stored in self._moments:
            raw = raws[i]
            if raw is not None:
                try:
                    moment = _to_moment(raw)
                except ValueError:
                    moment = None
                if moment is None or not (has_zones or moment.tzinfo is None):
                    instance._from_json(stored, raw)
                    continue
                setattr(instance, stored.attname, moment)
                if moment.isoformat() != raw:
                    instance._remember(stored.attname, moment, raw)
        for i, stored in self._reals:
            raw = raws[i]
            if raw.__class__ is int:  # JSON of gateways writes 1.0 so
                if -_LARGEST_EXACT <= raw <= _LARGEST_EXACT:
                    setattr(instance, stored.attname, float(raw))
                else:
                    instance._from_json(stored, raw)
        is_whole = len(document) == len(raws) + (DOC_TYPE in document)
        instance.extra = {} if is_whole else self.undeclared(document)

    def _fill_one_by_one(self, instance: DocumentJSON, document: Mapping[str, Any]) -> None:
        fields = zip(self._stored, self._natural, self._others, strict=True)
        for stored, natural, other in fields:
            raw = document.get(stored.key, _MISSING)
            if raw is _MISSING:
                uid = values.under_other_key(other, document)
                value = stored.field.get_default() if uid is None else uid
                setattr(instance, stored.attname, value)
            elif type(raw) in natural and type(stored.field) is not models.FloatField:
                setattr(instance, stored.attname, raw)
            else:
                instance._from_json(stored, raw)
        instance.extra = self.undeclared(document)

    def _learn(self, types: tuple[type, ...]) -> bool:
        moments = {i for i, _ in self._moments}
        found = all(
            type_ in (_TEXT if i in moments else natural)
            for i, (type_, natural) in enumerate(zip(types, self._natural, strict=True))
        )
        if found and len(self._known) < _MOST_KNOWN:
            self._known.add(types)
        return found

    def undeclared(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The members of a document that no field declares."""
        return {key: value for key, value in document.items() if key not in self._declared}


def _is_moment(field: Any) -> bool:
    return type(field) is models.DateTimeField


def _natural(field: Any, stored: Stored) -> frozenset[type]:
    if isinstance(field, models.JSONField):
        own = type(field).get_prep_value is not models.JSONField.get_prep_value
        return frozenset() if stored.kind is not values.JSON or own else _ANY
    if type(field) in (models.ForeignKey, ForeignKey):
        return _natural(field.target_field, stored)
    return _NATURAL.get(type(field), frozenset())
