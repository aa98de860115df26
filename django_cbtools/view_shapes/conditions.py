"""The conditions under which a map function emits rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import shapes
from .shapes import Emission, Literal, Value

#: ``doc.doc_type``.
TYPE = shapes.Member(shapes.Document(), "doc_type")


def doc_type(emission: Emission) -> str | None:
    """Return the doc_type of all documents that an emission has rows of. None if there are
    several."""
    for condition in emission.reach:
        for value in _required(condition, True):
            if isinstance(value, shapes.Compare) and shapes.known(value.left) == TYPE:
                found = value.right
                if isinstance(found, Literal) and isinstance(found.value, str):
                    return found.value
    return None


def _required(value: Value, positive: bool) -> Iterator[Value]:
    """Yield the values that must be truthy so that ``value`` is truthy, or falsy if ``positive`` is
    false."""
    value = shapes.known(value)
    if isinstance(value, shapes.Not):
        yield from _required(value.of, not positive)
    elif isinstance(value, shapes.And if positive else shapes.Or):
        pair: Any = value
        yield from _required(pair.left, positive)
        yield from _required(pair.right, positive)
    elif positive and not (isinstance(value, shapes.Compare) and value.operator[0] != "="):
        yield value
