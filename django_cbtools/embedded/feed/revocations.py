"""Finds the documents of channels that a user has lost, for ``revocations=true``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ..access import STAR, Reader
from ..database import Database
from ..documents import channelindex
from ..documents.channelindex import BY_SEQUENCE, Range
from ..documents.documents import Document
from ..principals import revocation
from ..principals.revocation import Access
from . import changelog
from .changelog import Change
from .sequences import LAST, SequenceId

_COLUMNS = f"{changelog.COLUMNS}, document.channels, document.past"


def read(database: Database, reader: Reader, since: SequenceId, upto: int) -> Iterator[Change]:
    """Yield the documents that a client may still have, but whose channels the user has lost.

    Only channels lost after the position ``since`` and up to the sequence ``upto`` count. The
    documents are in the feed's order. If ``since`` is in the middle of a revocation, its remaining
    documents are included. Documents that the user could not read before, or can still read, are
    left out.
    """
    access = revocation.access(database, reader)
    if access is None:
        return
    closed = access.closed(since.low or since.trigger or since.number, since.trigger)
    ranges = [
        Range(name, live, _start(since, end), LAST, end)
        for name, end in closed.items()
        if end <= upto and "\0" not in name
        for live in ((None,) if name == STAR else (True, False))
    ]
    merged = channelindex.merge(database, BY_SEQUENCE, ranges, _COLUMNS, every=True)
    for _, rows in itertools.groupby(merged, key=lambda it: it[0].order(it[1][0])):
        names = []
        for part, (*base, channels, past) in rows:
            document = Document(
                base[1], "", "", base[0], False, "",
                channels_text=channels, removals_text=base[6], past_text=past,
            )  # fmt: skip
            told, end = _told(since, part.trigger), part.trigger
            if base[0] <= since.number or _was_reached(access, document, part.channel, told):
                names.append(part.channel)
        if names and not reader.may_read(document.channels):
            change = changelog.change(base, dict.fromkeys(names, 0))
            if change is not None:
                yield change._replace(trigger=end, revoked=True)


def _start(since: SequenceId, end: int) -> int:
    return since.number if since.trigger and since.trigger == end else 0


def _told(since: SequenceId, end: int) -> int:
    """Return the sequence up to which the client has received revocations."""
    if not since.trigger:
        return since.safe
    return since.trigger - 1 if since.trigger == end else since.trigger


def _was_reached(access: Access, document: Document, channel: str, since: int) -> bool:
    """Return whether the document was in the channel while the user had it.

    Only times at which the user had the channel and lost it after ``since`` count.
    """
    stays = [
        *((name, start, LAST) for name, start in document.channels.items()),
        *((name, left.start, left.end) for name, left in document.removals.items()),
        *((stay.name, stay.start, stay.end) for stay in document.past),
    ]
    return any(
        period.end > since and max(start, period.start) < min(end, period.end)
        for period in access.periods(channel)
        for name, start, end in stays
        if channel in (name, STAR)
    )
