"""Reads the changes in channels from the channel index, in the order of their sequences."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..access import STAR
from ..database import Database
from ..documents import channelindex
from ..documents.channelindex import BY_SEQUENCE, Range
from ..documents.documents import Removal
from .sequences import LAST, SequenceId

# A revision tree with one branch, and without a tombstone that has a child, is stored as a list of
# strings. Any other tree contains a nested list, so a second '[' means that it may be branched.
COLUMNS = (
    "document.uid, document.rev, document.cv, document.deleted, "
    "instr(substr(document.history, 2), '[') > 0, document.removals, document.sequence"
)


class Change(NamedTuple):
    """A document as it was written at a sequence.

    ``branched`` is true if it may have several leaf revisions. ``removed`` are the channels that it
    left at this sequence. ``trigger`` is the later sequence at which its channel was granted to the
    reader, or 0. If ``revoked`` is true, ``trigger`` is the sequence at which the reader lost the
    channel.
    """

    sequence: int
    uid: str
    rev: str
    cv: str
    deleted: bool
    branched: bool
    removed: tuple[str, ...] = ()
    trigger: int = 0
    revoked: bool = False


def read(
    database: Database,
    channels: Collection[str],
    after: int,
    upto: int,
    *,
    limit: int = 0,
    live: bool = False,
) -> Iterator[Change]:
    """Yield the changes in channels after one sequence and up to another, in order.

    ``limit`` is the largest number of changes that the caller reads; 0 means no limit. ``live``
    leaves out tombstones and documents that left a channel.
    """
    starts = dict.fromkeys(channels, SequenceId(after))
    return follow(database, starts, upto, limit=limit, live=live)


def follow(
    database: Database,
    starts: Mapping[str, SequenceId],
    upto: int,
    *,
    limit: int = 0,
    live: bool = False,
) -> Iterator[Change]:
    """Yield the changes in channels in the feed's order, each channel from its own position.

    A document appears at its current sequence if it is in a channel, and at each sequence at which
    it left one. A position with a trigger is in the middle of a channel's backfill. ``limit`` and
    ``live`` are as in :func:`read`.
    """
    upto = min(upto, LAST)
    begins = {name: max(start.safe, start.trigger - 1) for name, start in starts.items()}
    # SQLite's JSON functions cut a string at a NUL. No document is in a channel with a NUL in its
    # name, so such channels are left out.
    ranges = [
        part
        for name, start in starts.items()
        if "\0" not in name
        for part in _ranges(name, start, begins[name], upto, live=live)
    ]
    for part, row in channelindex.merge(database, BY_SEQUENCE, ranges, COLUMNS, limit):
        if part.trigger:
            # A backfill does not say which channels a document has left.
            sequence, uid, rev, cv, deleted, branched, *_ = row
            yield Change(
                sequence, uid, rev, cv, bool(deleted), bool(branched), (), part.trigger
            )  # fmt: skip
            continue
        found = change(row, begins)
        if found is not None:
            yield found


def _ranges(name: str, start: SequenceId, begin: int, upto: int, *, live: bool) -> Iterator[Range]:
    if begin > start.safe:
        yield Range(name, True, start.safe, min(start.trigger - 1, upto), start.trigger)
    if begin < upto:
        if name == STAR:
            yield Range(name, live or None, begin, upto)
        else:
            yield Range(name, True, begin, upto)
            if not live:
                yield Range(name, False, begin, upto)


def change(row: Sequence[Any], begins: Mapping[str, int]) -> Change | None:
    """Make a change from a row of COLUMNS; return None if the document has a newer change.

    ``begins`` is the sequence after which the feed follows each channel.
    """
    sequence, uid, rev, cv, deleted, branched, removals, current = row
    left: dict[str, Removal] = {}
    if removals != "{}":
        found = ((name, Removal(*it)) for name, it in json.loads(removals).items())
        left = {name: removal for name, removal in found if removal.end == sequence}
    if sequence != current:
        if not left:
            return None
        _, _, rev, cv, deleted = next(iter(left.values()))
    removed = tuple(name for name in left if name != STAR and begins.get(name, sequence) < sequence)
    return Change(sequence, uid, rev, cv, bool(deleted), bool(branched), removed)
