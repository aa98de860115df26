"""The change feed: the documents that a user may read, in the order in which they were written.

A feed contains the documents in the user's channels, and documents that leave these channels. If a
channel was granted after the position that the client asks for, the feed also contains the older
documents in the channel (the backfill). They have the sequence of the grant in front of their own:
``5:3``. The rules are those of a real gateway (13-changes.json).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from django_cbtools.canonical import dumps

from ..access import STAR, Reader
from ..database import Database
from ..documents import documents, listing
from ..documents.documents import Document
from ..errors import GatewayError
from ..principals import users
from . import changelog, revocations
from .sequences import START, SequenceId

#: How many documents are read at a time for ``include_docs``.
_BATCH = 50


@dataclass(frozen=True)
class Wish:
    """The options of a client's request for a changes feed.

    ``since`` is the position after which the feed begins. ``limit`` is the largest number of
    entries; 0 means no limit. ``channels`` restricts the feed to these channels; STAR means all
    channels of the reader. ``uids`` restricts it to these documents. ``active_only`` leaves out
    tombstones and documents that left a channel, until the client waits. ``all_leaves`` shows all
    leaf revisions of documents in conflict. ``by_version`` shows versions instead of revision ids.
    ``include_docs`` adds the documents. ``revocations`` adds the documents of channels that the
    reader has lost.
    """

    since: SequenceId = START
    limit: int = 0
    channels: Sequence[str] = (STAR,)
    uids: Sequence[str] | None = None
    active_only: bool = False
    all_leaves: bool = False
    by_version: bool = False
    include_docs: bool = False
    revocations: bool = False


class Entry(NamedTuple):
    """An entry of a feed. ``leaves`` are other leaf revision ids; ``document`` is JSON text."""

    seq: SequenceId
    uid: str
    rev: str = ""
    cv: str = ""
    deleted: bool = False
    removed: Sequence[str] = ()
    branched: bool = False
    leaves: Sequence[str] = ()
    document: str = ""
    revoked: bool = False

    def text(self, *, by_version: bool) -> str:
        """Return the entry as JSON."""
        revs = [f'{{"rev":{dumps(rev)}}}' for rev in (self.rev, *self.leaves) if rev]
        if by_version and self.cv:
            revs = [f'{{"cv":{dumps(self.cv)}}}']
        return "".join((
            '{"seq":', self.seq.json, ',"id":', dumps(self.uid),
            ',"deleted":true' if self.deleted else "",
            f',"removed":{dumps(sorted(self.removed))}' if self.removed else "",
            f',"doc":{self.document}' if self.document else "",
            ',"changes":[', ",".join(revs), "]",
            ',"revoked":true}' if self.revoked else "}",
        ))  # fmt: skip


def _entry(change: changelog.Change) -> Entry:
    return Entry(
        SequenceId(change.sequence, change.trigger), change.uid, change.rev, change.cv,
        change.deleted, change.removed, change.branched, revoked=change.revoked,
    )  # fmt: skip


class Feed:
    """A feed that a client follows.

    Each :meth:`read` goes on where the previous one ended. ``last`` is the client's position, and
    ``remaining`` is how many more entries its limit allows.
    """

    def __init__(self, database: Database, wish: Wish) -> None:
        self.database = database
        self.wish = wish
        self.last = wish.since
        self.remaining = wish.limit
        self._since = wish.since
        self._known: frozenset[str] | None = None

    @property
    def is_full(self) -> bool:
        """True if the client has received as many entries as its limit allows."""
        return self.wish.limit > 0 and not self.remaining

    def show_gone(self) -> None:
        """From here on, show tombstones and documents that left a channel (no ``active_only``)."""
        self.wish = replace(self.wish, active_only=False)

    def read(self, reader: Reader, upto: int) -> Iterator[Entry]:
        """Yield the new entries for the reader, up to the sequence ``upto``.

        The reader must be loaded after ``upto`` was read from the database. Otherwise a channel
        that was granted in between would never be sent.
        """
        found: Iterable[Entry]
        if self.wish.uids is None:
            found = self._changes(reader, upto)
        else:
            found = self._changes_of(reader, self.wish.uids)
        if self.wish.limit:
            found = islice(found, self.remaining)
        for entry in self._complete(reader, found):
            self.last = entry.seq
            if self.wish.limit:
                self.remaining -= 1
            yield entry
        if self._since.before(upto):
            self._since = SequenceId(upto)

    def was_written_to(self, reader: Reader, upto: int) -> bool:
        """Return whether a document in the feed's channels was written after the user's last
        change."""
        channels = self._open_to(reader, upto)
        found = changelog.read(self.database, list(channels), reader.sequence, upto, limit=1)
        return any(found)

    def _open_to(self, reader: Reader, upto: int) -> dict[str, int]:
        """Return the channels that the feed follows, each with the sequence of its grant."""
        if STAR in self.wish.channels:
            channels = dict(reader.channels)
        else:
            opened = {name: reader.since(name) for name in self.wish.channels}
            channels = {name: since for name, since in opened.items() if since}
        return {name: since for name, since in channels.items() if since <= max(upto, 1)}

    def _changes(self, reader: Reader, upto: int) -> Iterator[Entry]:
        channels = self._open_to(reader, upto)
        new = channels.keys() - self._known if self._known is not None else set()
        self._known = frozenset(channels)
        found = self._of_channels(
            {name: self._start(added, name in new) for name, added in channels.items()}, upto
        )
        feeds: list[Iterable[Entry]] = [found]
        if self._since.before(reader.sequence) and reader.sequence <= upto:
            name = reader.name or users.GUEST
            feeds.append([Entry(SequenceId(reader.sequence), f"_user/{name}")])
        if self.wish.revocations and not self.wish.active_only:
            revoked = revocations.read(self.database, reader, self._since, upto)
            feeds.append(map(_entry, revoked))
        return heapq.merge(*feeds, key=lambda entry: entry.seq.order)

    def _start(self, added: int, is_new: bool) -> SequenceId:
        """Return the position at which to start reading a channel that was granted at ``added``."""
        since = self._since
        is_later = added > 1 and since.before(added) and since.trigger < added
        if is_new or is_later:
            return SequenceId(0, added)
        if since.trigger > added:
            # The client is in the middle of another channel's backfill, and has read this channel
            # up to the sequence that triggered it.
            return SequenceId(since.trigger - 1, 0, since.low)
        return since

    def _of_channels(self, starts: dict[str, SequenceId], upto: int) -> Iterator[Entry]:
        """Yield the changes in channels, each channel from its own position."""
        wish = self.wish
        changes = changelog.follow(
            self.database, starts, upto, limit=self.remaining, live=wish.active_only
        )
        return map(_entry, changes)

    def _changes_of(self, reader: Reader, uids: Sequence[str]) -> Iterator[Entry]:
        """Yield the changes of documents that are asked for by id."""
        since = self._since.number
        entries = []
        for _, document in listing.named(self.database, uids, bodies=False):
            if document is None or document.sequence <= since:
                continue
            left = [
                name for name in reader.visible(document.removals)
                if document.removals[name].end > since and not reader.reads_all_himself
            ]  # fmt: skip
            if left or reader.reads_all_himself or reader.visible(document.channels):
                deleted = document.deleted or any(document.removals[name].deleted for name in left)
                entries.append(
                    Entry(
                        SequenceId(document.sequence), document.uid, document.rev, document.cv,
                        deleted, left, len(document.tree.leaves()) > 1,
                    )
                )  # fmt: skip
        yield from sorted(entries, key=lambda entry: entry.seq.order)

    def _complete(self, reader: Reader, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Add the document bodies and the other leaves that the client asked for."""
        wish = self.wish
        if not wish.include_docs and not wish.all_leaves:
            yield from entries
            return
        entries = iter(entries)
        while batch := list(islice(entries, _BATCH)):
            uids = {entry.uid for entry in batch if wish.include_docs or entry.branched}
            found = documents.find(self.database, list(uids)) if uids else {}
            for entry in batch:
                document = found.get(entry.uid)
                yield self._about(entry, document, reader) if document else entry

    def _about(self, entry: Entry, document: Document, reader: Reader) -> Entry:
        wish = self.wish
        tree = document.tree
        leaves = tree.leaves() if wish.all_leaves and entry.branched else []
        # A tree with an inner tombstone looks branched in the index, but may have only one leaf.
        if len(leaves) > 1:
            others = [rev for rev in leaves if rev != entry.rev]
            entry = entry._replace(
                deleted=entry.deleted and all(map(tree.is_deleted, others)),
                leaves=[
                    rev for rev in others if not (wish.active_only and tree.is_deleted(rev))
                ],
            )  # fmt: skip
        if wish.include_docs:
            try:
                shown = documents.revision_of(self.database, document, entry.rev)
            except GatewayError:
                return entry
            entry = entry._replace(document=shown.shown_to(reader, asked=True).text())
        return entry
