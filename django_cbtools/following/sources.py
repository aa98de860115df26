"""The feeds to follow, one for each keyspace of documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_cbtools.models import CouchbaseModel
from django_cbtools.models.registry import documents
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.feed.changes import Changes
from django_cbtools.sync_gateway.keyspaces import of_class

from .checkpoints import Checkpoint
from .database import Database, end, number
from .delivery import Delivery
from .parked import ParkingLot


class Source:
    """The feed of a keyspace, with the position of a follower in it."""

    def __init__(
        self, name: str, keyspace: str | None, models: Sequence[type[CouchbaseModel]]
    ) -> None:
        self.keyspace = keyspace
        self.parked = ParkingLot(name, keyspace)
        self.delivery = Delivery(models, keyspace)
        self._checkpoint = Checkpoint(name, keyspace)
        #: The position up to which all changes are handled, and the stored one.
        self.since = self._saved = ""
        self.failed = 0
        self.lag: int | None = None

    def begin(self, since: str | None) -> None:
        """Begin at the checkpoint, or at ``since`` ("now" is the end of the feed). Raise
        CheckpointError."""
        given = end(self.keyspace) if since == "now" else since
        self.since = self._checkpoint.load(Database.now(), given)
        self.failed = len(self.parked.all())
        self._saved = "" if given is not None else self.since

    def changes(self, **kwargs: Any) -> Changes:
        """Return the changes after the saved position."""
        gateway = SyncGateway.in_keyspace(self.keyspace)
        feed: Changes = gateway.changes(self.since, include_docs=True, revocations=True, **kwargs)
        return feed

    def save(self, *, is_end: bool = False) -> None:
        """Store the position. ``is_end`` says whether it is the present end of the feed. Raise
        CheckpointError."""
        database = Database.now()
        if self.since != self._saved:
            self._checkpoint.save(self.since, database)
            self._saved = self.since
        # Gateways reserve sequences that they do not use.
        self.lag = 0 if is_end else max(database.last - number(self.since), 0)

    def end(self) -> None:
        """Store the position for the last time, unless it is stored already."""
        if self.since and self.since != self._saved:
            self._checkpoint.save(self.since)


def sources(name: str, models: Sequence[type[CouchbaseModel]] = ()) -> list[Source]:
    """Return the feeds of the keyspaces of the classes (without any: of all classes)."""
    return [Source(name, keyspace, models) for keyspace in followed(models)]


def followed(models: Sequence[type[CouchbaseModel]] = ()) -> list[str | None]:
    """Return the keyspaces of the classes (without any: of all classes)."""
    found = {of_class(model) for model in models or documents()} or {None}
    return sorted(found, key=lambda keyspace: keyspace or "")
