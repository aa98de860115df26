"""Reduces the rows of an index in groups, with a built-in or a JavaScript function."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from .. import javascript
from ..errors import GatewayError
from .designs import BUILT_IN_REDUCES
from .index import Index, function_world

# An item of a sort key (see collation.js): a number, a string, a constant, or a bracket.
_TOKEN = re.compile(r"4.{16}|5[^ ]* |.")

#: How many rows a JavaScript reduce function gets at once; the results are reduced again.
CHUNK = 1000


class Row(NamedTuple):
    """A row of a query's result. ``key`` and ``value`` are JSON; reduced rows have no ``id``."""

    id: str | None
    key: str
    value: str


class Range(NamedTuple):
    """A range of an index's rows, described as an SQL condition with an order."""

    view: int
    condition: str
    condition_params: list[Any]
    descending: bool

    @property
    def where(self) -> str:
        return f"view = %s AND {self.condition}"

    @property
    def params(self) -> list[Any]:
        return [self.view, *self.condition_params]

    @property
    def order(self) -> str:
        way = " DESC" if self.descending else ""
        return f"sort_key{way}, uid{way}, position{way}"


class _Partial(NamedTuple):
    """The results of the built-in reduce functions for some rows. They can be added up.

    ``odd`` is the number of values that are not numbers.
    """

    sort_key: str
    key: str
    rows: int
    odd: int
    sum: float
    min: float
    max: float
    sumsqr: float

    def __add__(self, other: _Partial) -> _Partial:  # type: ignore[override]
        return _Partial(
            self.sort_key,
            self.key,
            self.rows + other.rows,
            self.odd + other.odd,
            self.sum + other.sum,
            min(self.min, other.min),
            max(self.max, other.max),
            self.sumsqr + other.sumsqr,
        )


class Grouping(NamedTuple):
    """The level by which a reduced view's rows are grouped.

    If ``level`` is None, they are grouped by whole keys; if it is 0, all rows are one group;
    otherwise they are grouped by the first ``level`` items of array keys. Keys with the same sort
    key are equal.
    """

    level: int | None

    def of(self, sort_key: str) -> str:
        """Return the part of a sort key that all rows of the same group share."""
        if self.level == 0:
            return ""
        if self.level is None or not sort_key.startswith("6"):
            return sort_key
        depth, items = 0, 0
        for token in _TOKEN.finditer(sort_key, 1):
            depth += (token[0] in "67") - (token[0] == " ")
            items += depth == 0
            if items == self.level:
                return sort_key[: token.end()]
        return sort_key

    def key(self, key: str) -> str:
        """Return the key of a group, given the key of one of its rows (both are JSON)."""
        if self.level == 0:
            return "null"
        if self.level is None or not key.startswith("["):
            return key
        return _dumps(json.loads(key)[: self.level])


def reduced_rows(index: Index, reduce: str, found: Range, group: Grouping) -> Iterator[Row]:
    """Yield a row for each group of the rows in a range. An empty range has no groups.

    Raises a 400 GatewayError if a JavaScript reduce function does not compile, and a 500
    GatewayError if it fails or if a built-in one meets values that are not numbers.
    """
    if reduce in BUILT_IN_REDUCES:
        return _built_in(index, reduce, found, group)
    return _javascript(index, reduce, found, group)


def _built_in(index: Index, reduce: str, found: Range, group: Grouping) -> Iterator[Row]:
    number = "CAST(value AS REAL)"
    numbers = (
        "sum(coalesce(json_type(value), '') NOT IN ('integer', 'real')), "
        f"total({number}), min({number}), max({number}), total({number} * {number})"
    )
    partials = map(
        _Partial._make,
        index.database.rows(
            "SELECT sort_key, min(key), count(*), "
            f"{'0, 0, 0, 0, 0' if reduce == '_count' else numbers} "
            f"FROM cbtools_view_rows WHERE {found.where} GROUP BY sort_key "
            f"ORDER BY sort_key{' DESC' if found.descending else ''}",
            found.params,
        ),
    )
    for _, members in groupby(partials, key=lambda partial: group.of(partial.sort_key)):
        total = functools.reduce(_Partial.__add__, members)
        if total.odd:
            raise GatewayError(
                500, f"Internal error: {reduce} wants numbers, which {index.name} does not emit"
            )
        yield Row(None, group.key(total.key), _dumps(_result(reduce, total)))


def _result(reduce: str, total: _Partial) -> Any:
    if reduce == "_count":
        return total.rows
    if reduce == "_sum":
        return _plain(total.sum)
    return {
        "sum": _plain(total.sum),
        "count": total.rows,
        "min": _plain(total.min),
        "max": _plain(total.max),
        "sumsqr": _plain(total.sumsqr),
    }


def _plain(number: float) -> float | None:
    # JSON has no infinity. JavaScript writes null instead.
    if not math.isfinite(number):
        return None
    return int(number) if float(number).is_integer() and abs(number) < 2**53 else number


def _javascript(index: Index, reduce: str, found: Range, group: Grouping) -> Iterator[Row]:
    rows = index.database.rows(
        "SELECT sort_key, key, value FROM cbtools_view_rows "
        f"WHERE {found.where} ORDER BY {found.order}",
        found.params,
    )
    name = f"reduce function of {index.name}"
    with function_world(index.database, reduce, index.name, "reduce") as world:

        def call(keys: Sequence[str] | None, values: Sequence[str]) -> str:
            keys_text, again = ("null", "true") if keys is None else (_array(keys), "false")
            text = f'["reduce",{keys_text},{_array(values)},{again}]'
            try:
                return world.call_text(text, javascript.TIME_LIMIT)
            except javascript.JavaScriptError as error:
                raise GatewayError(500, f"Internal error: the {name} failed: {error}") from error

        for _, members in groupby(rows, key=lambda row: group.of(row[0])):
            pairs = [(key, value) for _, key, value in members]
            results = [
                call([key for key, _ in chunk], [value for _, value in chunk])
                for chunk in (pairs[i : i + CHUNK] for i in range(0, len(pairs), CHUNK))
            ]
            while len(results) > 1:
                results = [
                    call(None, results[i : i + CHUNK]) for i in range(0, len(results), CHUNK)
                ]
            yield Row(None, group.key(pairs[0][0]), results[0])


def _array(texts: Sequence[str]) -> str:
    return f"[{','.join(texts)}]"


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
