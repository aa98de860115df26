"""Reads the documents of channels from an index, in the order of their ids or sequences.

The index is the table cbtools_memberships, which SQLite triggers maintain (see schema). It is read
in ranges, one or more for each channel, and the ranges are merged. The cost depends on the number
of documents that are read and on the number of ranges, not on the number of documents in the
database or in the channels.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..access import STAR
from ..database import Database

BY_ID = "uid"
BY_SEQUENCE = "sequence"

#: How many rows all ranges together hold in memory at once, and how many rows one of several ranges
#: reads first.
_ROWS = 4000
_FIRST = 8

_OF_CHANNEL = (
    "SELECT member.{order}, {columns} FROM cbtools_memberships AS member "
    "CROSS JOIN cbtools_documents AS document "
    "ON document.keyspace = member.keyspace AND document.uid = member.uid "
    "WHERE member.keyspace = %s AND member.channel = %s AND member.live = %s "
    "AND member.{order} {after} %s {until}ORDER BY member.{order} LIMIT %s"
)
_OF_ALL = (
    "SELECT document.{order}, {columns} FROM cbtools_documents AS document {index}"
    "WHERE document.keyspace = %s {live}AND document.{order} {after} %s {until}"
    "ORDER BY document.{order} LIMIT %s"
)
_HEADS = (
    "SELECT key, (SELECT {order} FROM cbtools_memberships AS member WHERE member.keyspace = %s "
    "AND member.channel = json_extract(range.value, '$[0]') "
    "AND member.live = json_extract(range.value, '$[1]') "
    "AND member.{order} {after} json_extract(range.value, '$[2]') "
    "ORDER BY {order} LIMIT 1) AS head "
    "FROM json_each(%s) AS range WHERE head IS NOT NULL"
)
#: A range of sequences excludes its start; a range of ids includes it.
_AFTER = {BY_ID: ">=", BY_SEQUENCE: ">"}
#: Indexes of the documents that are not deleted.
_LIVE = {BY_ID: "cbtools_documents_live", BY_SEQUENCE: "cbtools_documents_live_sequence"}


class Range(NamedTuple):
    """The documents of a channel between two places. STAR stands for all documents.

    A place is an id or a sequence. A range of sequences excludes ``after``; a range of ids includes
    it. Both include ``upto`` (None: the range has no end).

    If ``live`` is true, the range contains documents that are in the channel and not deleted. If it
    is false, the range contains tombstones and documents that have left the channel. None means
    both, and is allowed with STAR only. If there is a ``trigger``, the whole range is sorted just
    before that sequence.
    """

    channel: str
    live: bool | None
    after: Any
    upto: Any = None
    trigger: int = 0

    def order(self, place: Any) -> tuple[Any, bool, Any]:
        """Return the key by which the places of different ranges are compared."""
        return self.trigger or place, not self.trigger, place


def merge(
    database: Database,
    order: str,
    ranges: Sequence[Range],
    columns: str,
    limit: int = 0,
    *,
    every: bool = False,
) -> Iterator[tuple[Range, tuple[Any, ...]]]:
    """Yield the rows of several ranges in order, by id or by sequence.

    A place that several ranges share comes once or, with ``every``, once for each range. A row
    consists of its place and the values of ``columns``, which are SQL expressions; the table of
    documents is called ``document`` in them. ``limit`` is the largest number of rows that the
    caller will take (0: no limit).
    """
    most = max(_ROWS // max(len(ranges), 1), _FIRST)
    most = min(most, limit) if limit else most
    readers = [_rows(database, order, part, columns, most, len(ranges)) for part in ranges]
    heap: list[tuple[Any, int, tuple[Any, ...] | None]] = [
        (ranges[number].order(place), number, None)
        for number, place in _heads(database, order, ranges)
    ]
    heapq.heapify(heap)
    last: Any = None
    while heap:
        place, number, row = heap[0]
        if row is not None and (every or place != last):
            last = place
            yield ranges[number], row
        row = next(readers[number], None)
        if row is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (ranges[number].order(row[0]), number, row))


def _heads(database: Database, order: str, ranges: Sequence[Range]) -> Iterator[tuple[int, Any]]:
    """Yield the indexes of ranges that may have rows, each with a place at or before its first."""
    asked = []
    for number, part in enumerate(ranges):
        if part.channel == STAR or len(ranges) == 1:
            yield number, part.after
        else:
            asked.append(number)
    if asked:
        # One query for all of them, as most have no new rows.
        parts = [ranges[number] for number in asked]
        bounds = [[part.channel, int(bool(part.live)), part.after] for part in parts]
        sql = _HEADS.format(order=order, after=_AFTER[order])
        for key, place in database.rows(sql, [database.keyspace, json.dumps(bounds)]):
            upto = parts[key].upto
            if upto is None or place <= upto:
                yield asked[key], place


def _rows(
    database: Database, order: str, part: Range, columns: str, most: int, ranges: int
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a range, read in pages. Pages grow, as the caller may need few rows."""
    size = most if ranges == 1 else min(_FIRST, most)
    after, operator = part.after, _AFTER[order]
    until = [] if part.upto is None else [part.upto]
    while True:
        sql, params = _query(order, part, columns, operator)
        rows = database.rows(sql, [database.keyspace, *params, after, *until, size])
        yield from rows
        if len(rows) < size:
            return
        after, operator = rows[-1][0], ">"
        size = min(size * 4, most)


def _query(order: str, part: Range, columns: str, after: str) -> tuple[str, list[Any]]:
    table, sql, params = "member", _OF_CHANNEL, [part.channel, int(bool(part.live))]
    if part.channel == STAR:
        table, sql, params = "document", _OF_ALL, []
    return sql.format(
        order=order,
        columns=columns,
        after=after,
        until="" if part.upto is None else f"AND {table}.{order} <= %s ",
        live="AND document.deleted = 0 " if part.live else "",
        index=f"INDEXED BY {_LIVE[order]} " if part.live else "",
    ), params
