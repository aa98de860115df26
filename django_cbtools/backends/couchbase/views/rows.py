"""The selection and order of a view's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, NamedTuple

from .asked import UNSET, Asked
from .collation import Order


class Row(NamedTuple):
    """A row of a view. ``id`` is '' after a reduce."""

    id: str
    key: Any
    value: Any


Sorted = list[tuple[Any, str, Any, Row]]


def order_of(rows: Iterable[Row], asked: Asked) -> Order:
    """Return an order that knows the keys of the rows and of the query."""
    bounds = [key for key in (asked.startkey, asked.endkey) if key is not UNSET]
    return Order([*(row.key for row in rows), *bounds, *(asked.keys or ())])


def chosen(found: list[Any], asked: Asked, order: Callable[[Any], Any]) -> list[list[Row]]:
    """Return the rows that the query selects, in one list for each key of ``keys``, or else in a
    single one.

    ``found`` has pairs of a row and its place among the rows of its document.
    """
    keyed = [(order(row.key), row.id, place, row) for row, place in found]
    keyed.sort(key=itemgetter(0, 1, 2), reverse=asked.descending)
    if asked.keys is None:
        return [[entry[3] for entry in keyed if _is_within(entry, asked, order)]]
    by_key: dict[Any, list[Row]] = {}
    for at, _, _, row in keyed:
        by_key.setdefault(at, []).append(row)
    return [by_key.get(order(key), []) for key in asked.keys]


def _is_within(entry: Any, asked: Asked, order: Callable[[Any], Any]) -> bool:
    at, uid = entry[0], entry[1]
    sign = -1 if asked.descending else 1
    if asked.startkey is not UNSET:
        first = order(asked.startkey)
        if sign * _compared(at, uid, first, asked.startkey_docid) < 0:
            return False
    if asked.endkey is not UNSET:
        last = order(asked.endkey)
        beyond = sign * _compared(at, uid, last, asked.endkey_docid)
        return beyond <= 0 if asked.inclusive_end else beyond < 0
    return True


def _compared(at: Any, uid: str, other: Any, docid: str | None) -> int:
    if at != other:
        return 1 if at > other else -1
    if docid is None or uid == docid:
        return 0
    return 1 if uid > docid else -1
