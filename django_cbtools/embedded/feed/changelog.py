"""What has changed in channels, by sequence: documents as they are, and when they left."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from ..access import STAR
from ..database import Database
from .sequences import LAST

#: How many changes a query reads at most.
PAGE = 2000


class Change(NamedTuple):
    """A revision of a document at its sequence.

    ``removed`` are the channels (of those that were asked for) that it left with that.
    ``branched``: the document has other leaves.
    """

    sequence: int
    uid: str
    rev: str
    cv: str
    deleted: bool
    branched: bool
    removed: tuple[str, ...] = ()


# A tree of revisions is written as a list of strings where it has one branch.
_BRANCHED = "instr(substr(history, 2), '[') > 0"
# In the first version's documents, channels are a list.
_IN_CHANNELS = (
    "AND EXISTS (SELECT 1 FROM json_each(channels) AS channel WHERE "
    "CASE channel.type WHEN 'text' THEN channel.value ELSE channel.key END "
    "IN (SELECT value FROM json_each(%s))) "
)


def read(
    database: Database,
    channels: Collection[str],
    after: int,
    upto: int,
    *,
    limit: int = 0,
    live: bool = False,
) -> Iterator[Change]:
    """What has happened in channels from one sequence (excluded) to another, in order.

    A document comes at its current sequence while it is in a channel, and where it left one.
    ``limit`` (0: none) is how many the caller will read at most; ``live``: he wants no tombstones,
    and none that are gone. There are two queries for a page of changes; one if they are live, or
    of all channels.
    """
    after, upto = min(after, LAST), min(upto, LAST)
    size = min(limit or PAGE, PAGE)
    # No document is in a channel with a NUL, at which SQLite's JSON functions end a text.
    channels = [name for name in channels if "\0" not in name]
    names = sorted(set(channels) - {STAR})

    def staying(after: int) -> list[Change]:
        return _staying(database, channels, names, (after, upto, size), live)

    def leaving(after: int) -> list[Change]:
        return _leaving(database, names, (after, upto, size))

    changes = _pages(staying, after, size)
    if not names or live:
        yield from changes
        return
    last = 0
    for change in heapq.merge(changes, _pages(leaving, after, size), key=_sequence):
        # One that left a channel and stays in another has been given already.
        if change.sequence != last:
            yield change
        last = change.sequence


def _sequence(change: Change) -> int:
    return change.sequence


def _pages(query: Callable[[int], list[Change]], after: int, size: int) -> Iterator[Change]:
    while changes := query(after):
        yield from changes
        if len(changes) < size:
            return
        after = changes[-1].sequence


def _staying(
    database: Database,
    channels: Collection[str],
    names: Collection[str],
    bounds: tuple[int, int, int],
    live: bool,
) -> list[Change]:
    after, upto, size = bounds
    reads_all = STAR in channels
    rows = database.rows(
        f"SELECT sequence, uid, rev, cv, deleted, {_BRANCHED}, removals FROM cbtools_documents "
        "WHERE keyspace = %s AND sequence > %s AND sequence <= %s "
        f"{'AND deleted = 0 ' if live else ''}{'' if reads_all else _IN_CHANNELS}"
        "ORDER BY sequence LIMIT %s",
        [database.keyspace, after, upto, *([] if reads_all else [json.dumps([*channels])]), size],
    )
    return [
        Change(
            sequence, uid, rev, cv, bool(deleted), bool(branched),
            _removed(removals, names, sequence) if names and removals != "{}" else (),
        )
        for sequence, uid, rev, cv, deleted, branched, removals in rows
    ]  # fmt: skip


def _removed(removals: str, names: Collection[str], sequence: int) -> tuple[str, ...]:
    return tuple(
        name for name, (_, end, *_) in json.loads(removals).items()
        if end == sequence and name in names
    )  # fmt: skip


def _leaving(
    database: Database, names: Collection[str], bounds: tuple[int, int, int]
) -> list[Change]:
    after, upto, size = bounds
    rows = database.rows(
        "SELECT json_extract(removal.value, '$[1]') AS ended, uid, "
        "json_extract(removal.value, '$[2]'), json_extract(removal.value, '$[3]'), "
        f"json_extract(removal.value, '$[4]'), {_BRANCHED}, json_group_array(removal.key) "
        "FROM cbtools_documents, json_each(removals) AS removal "
        "WHERE keyspace = %s AND removals <> '{}' AND sequence > %s "
        "AND removal.key IN (SELECT value FROM json_each(%s)) AND ended > %s AND ended <= %s "
        "GROUP BY ended ORDER BY ended LIMIT %s",
        [database.keyspace, after, json.dumps([*names]), after, upto, size],
    )
    return [
        Change(sequence, uid, rev, cv, bool(deleted), bool(branched), tuple(json.loads(removed)))
        for sequence, uid, rev, cv, deleted, branched, removed in rows
    ]
