"""Documents that a reader has lost, since their channels have been closed to him."""

from __future__ import annotations

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
    """What the reader may have got of channels that have been closed to him since a place in the
    feed, in the feed's order.

    Where the place is in the midst of such documents, only the others come. A document that he
    has reached by then in no way, or that he reaches in another way, is left out.
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
    for part, row in channelindex.merge(database, BY_SEQUENCE, ranges, _COLUMNS):
        *base, channels, past = row
        document = Document(
            base[1], "", "", base[0], False, "",
            channels_text=channels, removals_text=base[6], past_text=past,
        )  # fmt: skip
        told = _told(since, part.trigger)
        if base[0] > since.number and not _was_reached(access, document, part.channel, told):
            continue
        if not reader.may_read(document.channels):
            together = {name: 0 for name, end in closed.items() if end == part.trigger}
            change = changelog.change(base, together)
            if change is not None:
                yield change._replace(trigger=part.trigger, revoked=True)


def _start(since: SequenceId, end: int) -> int:
    return since.number if since.trigger and since.trigger == end else 0


def _told(since: SequenceId, end: int) -> int:
    """Up to which sequence the reader has been told what was closed to him."""
    if not since.trigger:
        return since.safe
    return since.trigger - 1 if since.trigger == end else since.trigger


def _was_reached(access: Access, document: Document, channel: str, since: int) -> bool:
    """Whether the document was in the channel while that was open to him, which ended after a
    sequence."""
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
