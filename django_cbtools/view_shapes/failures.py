"""Finds expressions that may raise a TypeError in JavaScript, which ends a map function."""

from __future__ import annotations

from collections.abc import Iterator

from . import shapes
from .shapes import Failure, Loop, Value

Reach = tuple[Value, ...]


def failures(value: Value, reach: Reach, loops: tuple[Loop, ...]) -> Iterator[Failure]:
    """Yield the failures that the computation of a value can have if all of ``reach`` is truthy."""
    if isinstance(value, shapes.Known):
        return
    if isinstance(value, (shapes.And, shapes.Or)):
        yield from failures(value.left, reach, loops)
        test = value.left if isinstance(value, shapes.And) else shapes.Not(value.left)
        yield from failures(value.right, (*reach, test), loops)
        return
    if isinstance(value, shapes.Choice):
        yield from failures(value.test, reach, loops)
        yield from failures(value.yes, (*reach, value.test), loops)
        yield from failures(value.no, (*reach, shapes.Not(value.test)), loops)
        return
    for part in _parts(value):
        yield from failures(part, reach, loops)
    wanted = _wanted(value)
    if wanted is not None:
        of: Value = value.of  # type: ignore[attr-defined]
        if not _is_always(of, wanted):
            yield Failure((*reach, *_chained(of)), loops, of, wanted)


def _parts(value: Value) -> Iterator[Value]:
    if isinstance(value, shapes.ArrayOf):
        yield from value.items
    elif isinstance(value, shapes.ObjectOf):
        yield from (each for _, each in value.members)
    elif isinstance(value, shapes.Compare):
        yield value.left
    elif hasattr(value, "of"):
        yield value.of


def _wanted(value: Value) -> str | None:
    """Return the type that a value's ``of`` must have, or None if it may have any."""
    if isinstance(value, shapes.Member):
        return None if value.optional else "something"
    if isinstance(value, shapes.Size):
        return "something"
    if isinstance(value, shapes.Has):
        return "iterable"
    if isinstance(value, (shapes.Part, shapes.Lower, shapes.StartsWith)):
        return "text"
    return None


def _is_always(value: Value, wanted: str) -> bool:
    value = shapes.known(value)
    if isinstance(value, shapes.Document):
        return wanted == "something"
    if isinstance(value, shapes.DocumentId):
        return wanted != "array"
    if isinstance(value, (shapes.Part, shapes.Lower)):
        return wanted != "array"
    if isinstance(value, shapes.Literal):
        return isinstance(value.value, str) and wanted != "array"
    return isinstance(value, (shapes.ArrayOf, shapes.ObjectOf)) and wanted == "something"


def _chained(value: Value) -> Iterator[Value]:
    """Yield the conditions under which a chain with ``?.`` in it goes on."""
    while isinstance(value, shapes.Member):
        if value.optional:
            yield shapes.Not(shapes.Compare("==", shapes.Known(value.of), shapes.Literal(None)))
        value = value.of
