"""The built-in reduce functions, for rows in the order of views."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from django_cbtools.exceptions import SyncGatewayBadRequest

from .rows import Row

BUILT_IN = ("_count", "_sum", "_stats")


class Partial(NamedTuple):
    """Statistics of rows: the number of rows, the number of values that are no numbers, and the
    sum, minimum, maximum and sum of squares of the numbers."""

    rows: int
    odd: int
    sum: Any
    min: Any
    max: Any
    sumsqr: Any

    @classmethod
    def of(cls, value: Any) -> Partial:
        """Return the statistics of a single row's value."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return cls(1, 1, None, None, None, None)
        return cls(1, 0, value, value, value, float(value) * value)


def reduced(
    rows: list[Row], reduce: str, level: int | None, order: Callable[[Any], Any], name: str
) -> Iterator[Row]:
    """Yield a row for each group of rows, whose values are Partials.

    ``level`` 0 makes one group of all rows, None a group of each key, and another number a group of
    the first items of keys. Raises SyncGatewayBadRequest if a value must be a number and is not.
    """

    def of(row: Row) -> Any:
        return None if level == 0 else order(_key(row.key, level))

    for _, group in groupby(rows, key=of):
        members = list(group)
        key = None if level == 0 else _key(members[0].key, level)
        yield Row("", key, _result(reduce, [row.value for row in members], name))


def _key(key: Any, level: int | None) -> Any:
    return key if level is None or not isinstance(key, list) else key[:level]


def _result(reduce: str, values: list[Partial], name: str) -> Any:
    count = sum(value.rows for value in values)
    if reduce == "_count":
        return count
    if any(value.odd for value in values):
        raise SyncGatewayBadRequest(
            f"View {name} cannot be computed: {reduce} wants numbers, which it does not emit. Look "
            "at its map function: a number that a document has as a text, such as a decimal, is "
            "parseFloat(doc.cost).",
            status=400,
        )
    total = plain(_sum([value.sum for value in values]))
    if reduce == "_sum":
        return total
    least, greatest = min(value.min for value in values), max(value.max for value in values)
    squares = plain(_sum([value.sumsqr for value in values]))
    return {"sum": total, "count": count, "min": plain(least), "max": plain(greatest),
            "sumsqr": squares}  # fmt: skip


def _sum(numbers: list[float]) -> float:
    try:
        return math.fsum(numbers)
    except OverflowError:
        return math.inf


def plain(number: float) -> Any:
    """Return a number in the form in which JavaScript writes it as JSON. Whole numbers are
    integers."""
    number = float(number)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 1e21 else number
