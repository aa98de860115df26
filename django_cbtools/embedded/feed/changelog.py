"""What has changed in channels, by sequence: documents as they are, and when they left."""

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

# A tree of revisions is written as a list of strings where it has one branch.
COLUMNS = (
    "document.uid, document.rev, document.cv, document.deleted, "
    "instr(substr(document.history, 2), '[') > 0, document.removals, document.sequence"
)


class Change(NamedTuple):
    """A revision of a document at its sequence.

    ``trigger`` is the sequence by which the reader was let in to what was there before, 0 where
    he was in. ``removed`` are the channels (of those that were asked for) that the document left
    with that. ``branched``: the document has other leaves.
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
    """What has happened in channels from one sequence (excluded) to another, in order.

    ``limit`` (0: none) is how many the caller will read at most; ``live``: he wants no tombstones,
    and none that are gone.
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
    """The changes of channels in the order of a feed, each from its own place on.

    A document comes at its current sequence while it is in a channel, and where it left one. A
    place with a trigger is in the midst of what was in the channel before it was opened.
    """
    upto = min(upto, LAST)
    begins = {name: max(start.safe, start.trigger - 1) for name, start in starts.items()}
    # No document is in a channel with a NUL, at which SQLite's JSON functions end a text.
    ranges = [
        part
        for name, start in starts.items()
        if "\0" not in name
        for part in _ranges(name, start, begins[name], upto, live=live)
    ]
    for part, row in channelindex.merge(database, BY_SEQUENCE, ranges, COLUMNS, limit):
        if part.trigger:
            # What was there before comes as it is, without what it has left since.
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
    """What a row of COLUMNS says to a reader who has channels since ``begins`` says; None where
    the document has been written to meanwhile."""
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
