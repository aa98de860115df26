"""Reading the changes of channels from the index, in the order of their sequences."""

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

# A tree of revisions that has one branch, and no tombstone below another revision, is written as a
# list of strings.
COLUMNS = (
    "document.uid, document.rev, document.cv, document.deleted, "
    "instr(substr(document.history, 2), '[') > 0, document.removals, document.sequence"
)


class Change(NamedTuple):
    """A document as it was written at a sequence.

    ``branched``: it may have several leaf revisions. ``removed`` are the channels that it left at
    this sequence. ``trigger`` is the sequence that granted its channel to the reader after that,
    or 0. ``revoked``: the trigger is the sequence at which the reader lost the channel.
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
    """Yield the changes of channels from one sequence (excluded) to another, in order.

    ``limit`` is the most that the caller reads (0: no limit). ``live`` leaves out tombstones and
    documents that left a channel.
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
    """Yield the changes of channels in the feed's order, each channel from its own position.

    A document comes at its current sequence if it is in a channel, and at each sequence at which it
    left one. A position with a trigger is in the middle of a channel's backfill.
    """
    upto = min(upto, LAST)
    begins = {name: max(start.safe, start.trigger - 1) for name, start in starts.items()}
    # No channel of a document has a NUL in its name, where SQLite's JSON functions cut a string.
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
    """Make a change from a row of COLUMNS; None if the document was written in the meantime.

    ``begins`` says from which sequence on the feed follows each channel.
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
