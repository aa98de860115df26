"""Conditions on the keys of a view that exclude rows at the query service.

All requested rows meet them, but other rows may meet them, too. The exact selection is done
afterwards, in the order of views.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from django_cbtools.view_shapes import shapes
from django_cbtools.view_shapes.conditions import TYPE, doc_type
from django_cbtools.view_shapes.shapes import Emission, Literal, Value

from ..columns import literal
from . import indexed, texts
from .asked import UNSET, Asked
from .expressions import Compiler

#: Conditions, all of which hold; None where there can be no row.
Conditions = list[str] | None

_compiler = Compiler()


class Narrowing:
    """Conditions on the keys of emissions. ``args`` gets the values of their parameters."""

    def __init__(self, asked: Asked) -> None:
        self.args: list[Any] = []
        #: True if all rows that fulfil the conditions have the requested key.
        self.is_exact = False
        self._asked = asked
        self._fields = indexed.Fields(None)

    def __call__(self, emission: Emission) -> Conditions:
        asked = self._asked
        self._fields = indexed.Fields(doc_type(emission) or self._asked_type(emission))
        if asked.keys is not None:
            return self._any(emission.key, asked.keys)
        if asked.startkey is not UNSET and _is_same(asked.startkey, asked.endkey):
            self.is_exact = not (asked.startkey_docid or asked.endkey_docid) and asked.inclusive_end
            return self._equal(emission.key, asked.startkey)
        return self._between(emission.key, asked.lowest, asked.highest)

    def _asked_type(self, emission: Emission) -> str | None:
        """Return the doc_type that the query's keys name, or None."""
        key, asked = shapes.known(emission.key), self._asked
        if asked.keys is not None or not isinstance(key, shapes.ArrayOf):
            return None
        lows, highs = _list(asked.lowest), _list(asked.highest)
        for item, low, high in zip(key.items, lows, highs, strict=False):
            if not _is_same(low, high):
                return None
            if shapes.known(item) == TYPE and isinstance(low, str):
                return low
        return None

    def _arg(self, value: Any) -> str:
        self.args.append(value)
        return f"${len(self.args)}"

    def _any(self, value: Value, keys: list[Any]) -> Conditions:
        if not isinstance(shapes.known(value), shapes.ArrayOf) and all(map(_is_scalar, keys)):
            there = [form for key in keys if key is not None for form in _forms(key)]
            same = {self._fields.expression(value, form) for form in there}
            sql = same.pop() if len(same) == 1 and None not in keys else _compiler.value(value)
            found = f"{sql} IN {self._arg(there)}"
            return [f"({found} OR {sql} IS NOT VALUED)" if None in keys else found]
        each = [self._equal(value, key) for key in keys]
        possible = [conditions for conditions in each if conditions is not None]
        if not possible:
            return None
        if [] in possible:
            return []
        return [f"({' OR '.join(' AND '.join(conditions) for conditions in possible)})"]

    def _equal(self, value: Value, key: Any) -> Conditions:
        value = shapes.known(value)
        if isinstance(value, shapes.ArrayOf):
            if not isinstance(key, (list, tuple)) or len(key) != len(value.items):
                return None
            found = [self._equal(*pair) for pair in zip(value.items, key, strict=True)]
            return _joined(found)
        if isinstance(value, shapes.ObjectOf):
            self.is_exact = False
            return [] if isinstance(key, dict) else None
        if isinstance(value, Literal):
            return [] if _is_same(_composed(value.value), _composed(key)) else None
        sql = self._fields.expression(value, key)
        if key is None:
            return [f"{sql} IS NOT VALUED"]
        if value == TYPE and isinstance(key, str):
            # A literal: an index of that type serves it.
            return [f"{sql} = {literal(key)}"]
        if isinstance(key, (list, tuple)):
            self.is_exact = False
            return [f"ISARRAY({sql})"]
        if isinstance(key, dict):
            self.is_exact = False
            return [f"ISOBJECT({sql})"]
        forms = _forms(key)
        if len(forms) > 1:
            return [f"{sql} IN {self._arg(forms)}"]
        arg = self._arg(key)
        in_array = self._fields.in_array(value, key)
        return [f"{sql} = {arg}", *([] if in_array is None else [in_array.format(arg)])]

    def _between(self, value: Value, low: Any, high: Any) -> Conditions:
        value = shapes.known(value)
        if isinstance(value, shapes.ArrayOf):
            return self._array_between(value, low, high)
        if isinstance(value, (Literal, shapes.ObjectOf)):
            return []
        sql = _compiler.value(value)
        if isinstance(low, str) and isinstance(high, str):
            return self._texts_between(self._fields.expression(value, low), low, high)
        found = []
        has_low = low is not UNSET and low is not None
        if has_low:
            found.append(f"{sql} >= {self._bound(low)}")
        if high is None:
            found.append(f"{sql} IS NOT VALUED")
        elif high is not UNSET and not isinstance(high, dict):
            is_lower = "<=" if isinstance(high, (bool, int, float)) else "<"
            condition = f"{sql} {is_lower} {self._bound(high, above=True)}"
            found.append(condition if has_low else f"({condition} OR {sql} IS NOT VALUED)")
        return found

    def _texts_between(self, sql: str, low: str, high: str) -> Conditions:
        is_text = [f"{sql} >= ''", f"{sql} < []"]
        found = texts.prefix(low, high)
        if found is None:
            return is_text
        compared = f"LOWER({sql})" if found.has_letters else sql
        first, beyond = self._arg(found.first), self._arg(found.beyond)
        others = f"REGEXP_CONTAINS({sql}, {literal(texts.OTHERS)})"
        # With OR, the service would scan another index for the others, and fetch all documents.
        is_within = f"{compared} >= {first} AND {compared} < {beyond}"
        return [*is_text, f"CASE WHEN {is_within} THEN TRUE ELSE {others} END"]

    def _bound(self, key: Any, above: bool = False) -> str:
        """Return the parameter for a key, or the lowest (with ``above``, highest) value of the
        key's type. Texts are ordered in another way here, and arrays with nulls are not ordered at
        all."""
        if isinstance(key, (bool, int, float)):
            return self._arg(key)
        ends = ("''", "[]", "{}")
        kind = 0 if isinstance(key, str) else 1 if isinstance(key, (list, tuple)) else 2
        return ends[kind + above]

    def _array_between(self, value: shapes.ArrayOf, low: Any, high: Any) -> Conditions:
        if isinstance(low, dict):
            return None
        if high is not UNSET and not isinstance(high, (list, tuple, dict)):
            return None
        lows = list(low) if isinstance(low, (list, tuple)) else []
        highs = list(high) if isinstance(high, (list, tuple)) else None
        found: Conditions = []
        for place, item in enumerate(value.items):
            low = lows[place] if place < len(lows) else UNSET
            if highs is None:
                high = UNSET
            elif place < len(highs):
                high = highs[place]
            else:
                return None  # it is longer than the last one
            if low is UNSET or not _is_same(low, high):
                return _joined([found, self._between(item, low, high)])
            found = _joined([found, self._equal(item, low)])
        return found


def _list(key: Any) -> list[Any]:
    return list(key) if isinstance(key, (list, tuple)) else []


def _joined(each: list[Conditions]) -> Conditions:
    found: list[str] = []
    for conditions in each:
        if conditions is None:
            return None
        found += conditions
    return found


def _is_scalar(key: Any) -> bool:
    return not isinstance(key, (list, tuple, dict))


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same: ``1`` and ``1.0`` are, ``1`` and ``true`` are
    not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_is_same(one[name], other[name]) for name in one)
    return bool(one == other)


def _composed(key: Any) -> Any:
    return unicodedata.normalize("NFC", key) if isinstance(key, str) else key


def _forms(key: Any) -> list[Any]:
    """Return a text as it is, composed, and decomposed. Views take these for equal."""
    if not isinstance(key, str) or key.isascii():
        return [key]
    forms = (key, *(unicodedata.normalize(form, key) for form in ("NFC", "NFD")))
    return list(dict.fromkeys(forms))
