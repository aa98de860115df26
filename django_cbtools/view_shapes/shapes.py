"""The data that a map function is parsed into: expressions, emissions and failures.

Values are JavaScript values. Conditions are values, too, which are truthy or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Value:
    """An expression of JavaScript."""


@dataclass(frozen=True, eq=False)
class Literal(Value):
    """A constant: a text, a number, a boolean, or None for null."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        return hash(repr(self.value))


@dataclass(frozen=True)
class Undefined(Value):
    """JavaScript's undefined."""


@dataclass(frozen=True)
class Document(Value):
    """The document that is given to the map function."""


@dataclass(frozen=True)
class DocumentId(Value):
    """The document's uid, ``meta.id``."""


@dataclass(frozen=True)
class Member(Value):
    """The member of a value at a key or an index. ``optional`` is true for ``?.``."""

    of: Value
    key: str | int
    optional: bool = False


@dataclass(frozen=True)
class Loop:
    """A loop over the elements of ``source``: ``kind`` is "in", "of", "each" or "count"."""

    number: int
    source: Value
    kind: str
    has_index: bool = False


@dataclass(frozen=True)
class Element(Value):
    """The current element of a loop."""

    loop: Loop


@dataclass(frozen=True)
class Index(Value):
    """The current position of a loop: a string in a loop of kind "in", else a number."""

    loop: Loop


@dataclass(frozen=True)
class ArrayOf(Value):
    items: tuple[Value, ...]


@dataclass(frozen=True)
class ObjectOf(Value):
    members: tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Choice(Value):
    """``test ? yes : no``."""

    test: Value
    yes: Value
    no: Value


@dataclass(frozen=True)
class Or(Value):
    left: Value
    right: Value


@dataclass(frozen=True)
class And(Value):
    left: Value
    right: Value


@dataclass(frozen=True)
class Not(Value):
    of: Value


@dataclass(frozen=True)
class Compare(Value):
    """A comparison of a value with a Literal or Undefined. ``operator`` is "===", "==", "<", "<=",
    ">" or ">="."""

    operator: str
    left: Value
    right: Literal | Undefined


@dataclass(frozen=True)
class TypeOf(Value):
    """``typeof of === name``."""

    of: Value
    name: str


@dataclass(frozen=True)
class IsArray(Value):
    """``Array.isArray(of)``."""

    of: Value


@dataclass(frozen=True)
class Has(Value):
    """``of.includes(value)``, and ``of.indexOf(value)`` compared with -1."""

    of: Value
    value: Literal


@dataclass(frozen=True)
class StartsWith(Value):
    """``of.startsWith(text)``."""

    of: Value
    text: str


@dataclass(frozen=True)
class Part(Value):
    """``of.substring(start, end)``; ``end`` None is the text's end."""

    of: Value
    start: int
    end: int | None


@dataclass(frozen=True)
class Lower(Value):
    """``of.toLowerCase()``."""

    of: Value


@dataclass(frozen=True)
class Number(Value):
    """``Number(of)`` or, if ``is_prefix`` is true, ``parseFloat(of)``, which reads the beginning of
    a text."""

    of: Value
    is_prefix: bool = False


@dataclass(frozen=True)
class Size(Value):
    """``of.length``."""

    of: Value


@dataclass(frozen=True)
class Known(Value):
    """A value that has been computed before, so that it cannot fail any more."""

    of: Value


class Failure(NamedTuple):
    """A failure of the map function: all of ``reach`` is truthy, and ``of`` is not ``wanted``. The
    document then has no rows. ``wanted`` is "something" (neither null nor undefined), "text",
    "array" or "iterable" (a text or an array)."""

    reach: tuple[Value, ...]
    loops: tuple[Loop, ...]
    of: Value
    wanted: str


class Emission(NamedTuple):
    """``emit(key, value)``, which is done if all of ``reach`` is truthy, in each turn of its loops.

    ``place`` orders the rows of a document: it has the numbers of statements, and None for the
    turns of loops. ``line`` is the line of the call.
    """

    key: Value
    value: Value
    reach: tuple[Value, ...]
    loops: tuple[Loop, ...]
    place: tuple[int | None, ...]
    line: int


class View(NamedTuple):
    """A view. ``reduce`` is None, the name of a built-in function, or the text of another
    function."""

    emissions: tuple[Emission, ...]
    failures: tuple[Failure, ...]
    reduce: str | None


def known(value: Value) -> Value:
    """Return a value without the marks that it was computed before."""
    while isinstance(value, Known):
        value = value.of
    return value
