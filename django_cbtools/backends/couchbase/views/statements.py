"""Statements that select a view's rows: ``[id, key, value, place]`` each."""

from __future__ import annotations

from collections.abc import Callable

from django_cbtools.view_shapes import View, shapes
from django_cbtools.view_shapes.shapes import Emission, Failure

from .. import columns
from .expressions import DOCUMENT, DOCUMENT_ID, NAME, Compiler

#: A function that returns conditions on an emission's key, or None if there are no rows.
Narrow = Callable[[Emission], list[str] | None]
#: The type of value that each kind of loop needs, or the function fails.
_LOOPS_OVER = {"each": "array", "of": "iterable", "count": "something"}

_compiler = Compiler()
#: The compiler of conditions outside of a row's own loops, with other names for elements.
_within = Compiler("x")


def statement(view: View, keyspace: str, narrow: Narrow) -> str | None:
    """Return the statement that selects a view's rows, or None if there can be none."""
    parts = []
    for emission in view.emissions:
        conditions = narrow(emission)
        if conditions is not None:
            parts.append(_select(emission, view.failures, keyspace, conditions))
    if len(parts) < 2:
        return parts[0] if parts else None
    return " UNION ALL ".join(f"({part})" for part in parts)


def grouped(sql: str) -> str:
    """Return a statement that counts and sums the rows of another one for each key: ``[key,
    partial]``, see :class:`.reduces.Partial`."""
    value, square = "r[2]", "r[2] * r[2]"
    odd = f"SUM(CASE WHEN ISNUMBER({value}) THEN 0 ELSE 1 END)"
    totals = ["COUNT(*)", odd, f"SUM({value})", f"MIN({value})", f"MAX({value})", f"SUM({square})"]
    row = f"[r[1], [{', '.join(totals)}]]"
    return f"SELECT RAW {row} FROM ({sql}) AS r GROUP BY r[1]"


def limited(sql: str, number: int, descending: bool) -> str:
    """Return a statement for the first rows of another one, whose rows have all the same key."""
    way = " DESC" if descending else ""
    order = f"ORDER BY r[0]{way}, r[3]{way}"
    return f"SELECT RAW r FROM ({sql}) AS r {order} LIMIT {number}"


def _select(
    emission: Emission, failures: tuple[Failure, ...], keyspace: str, narrowed: list[str]
) -> str:
    loops = list(emission.loops)
    places = [
        f"UNNEST_POS({_compiler.alias(loops.pop(0))})" if each is None else str(each)
        for each in emission.place
    ]
    key, value = _compiler.value(emission.key), _compiler.value(emission.value)
    row = f"[{DOCUMENT_ID}, {key}, {value}, [{', '.join(places)}]]"
    unnests = [
        f" UNNEST {_compiler.source(loop)} AS {_compiler.alias(loop)}" for loop in emission.loops
    ]
    conditions = [_compiler.true(each) for each in emission.reach]
    for failure in failures:
        conditions += _without(failure, emission)
    # All queries have this condition, and so do all indexes.
    conditions += [columns.is_document(NAME), *narrowed]
    where = " AND ".join(each for each in dict.fromkeys(conditions) if each != "TRUE")
    return f"SELECT RAW {row} FROM {keyspace} AS {DOCUMENT}{''.join(unnests)} WHERE {where}"


def _without(failure: Failure, emission: Emission) -> list[str]:
    """Return the conditions that a failure does not happen to the document of a row."""
    if not failure.loops:
        first = emission.loops[0] if emission.loops else None
        if first is not None and (_LOOPS_OVER.get(first.kind), shapes.known(first.source)) == (
            failure.wanted, shapes.known(failure.of)
        ):  # fmt: skip
            return []  # it has no turn then
        if failure.reach == emission.reach[: len(failure.reach)]:
            return [_compiler.good(failure)]
    return [f"NOT {_within.failing(failure)}"]
