"""Delivers changes to the receivers of signals, one by one, or to a queue."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from functools import partial
from typing import NamedTuple

from django_cbtools.exceptions import shown
from django_cbtools.models import CouchbaseModel
from django_cbtools.sync_gateway import SyncGateway, keyspaces
from django_cbtools.sync_gateway.documents import authorship
from django_cbtools.sync_gateway.feed.change import Change

from . import queued
from .events import Senders, UnreadableDocument

logger = logging.getLogger(__name__)

#: The name that stands for all receivers of a document that cannot be read.
EVERYBODY = ""


class Failure(NamedTuple):
    """A receiver's name, and the exception that it has raised."""

    receiver: str
    error: Exception


class Delivery:
    """The delivery of a keyspace's changes to their receivers, or to the queue that the settings
    name. Without ``models``, it delivers changes of all classes. The queue's worker sets
    ``enqueue`` to False, to deliver the changes itself."""

    def __init__(
        self,
        models: Sequence[type[CouchbaseModel]] = (),
        keyspace: str | None = None,
        *,
        enqueue: bool = True,
    ) -> None:
        self.keyspace = keyspace
        self._senders = Senders(tuple(models), keyspace)
        self._put = queued.queue() if enqueue else None

    @property
    def unknown(self) -> Counter[str]:
        """The number of ignored documents by doc_type, for doc_types that no class has."""
        return self._senders.unknown

    def hand_on(self, change: Change, by_us: bool, only: Collection[str] = ()) -> list[Failure]:
        """Call the receivers of a change, or only those in ``only``. Return the failures."""
        try:
            event = self._senders.event(change, by_us)
        except UnreadableDocument as error:
            logger.warning("%s", error)
            return [Failure(EVERYBODY, error)]
        if event is None:
            return []
        if self._put is None:
            calls = event.calls()
        else:
            payload = queued.payload(change, event.sender, by_us, self.keyspace)
            calls = [(queued.NAME, partial(self._put, **payload))]
        failures = []
        for name, call in calls:
            if only and name not in only and EVERYBODY not in only:
                continue
            try:
                call()
            except Exception as error:
                logger.warning("%s: document %s failed.", name, shown(change.uid), exc_info=True)
                failures.append(Failure(name, error))
        return failures


def made_by_us(changes: Collection[Change], keyspace: str | None = None) -> set[tuple[str, str]]:
    """Return the changes in a keyspace that this site has made, as pairs of uid and rev."""
    with keyspaces.inside(keyspace):
        return authorship.ours((change.uid, change.rev) for change in changes)


def as_it_is_now(told: Change, keyspace: str | None = None) -> Change | None:
    """Return the change with the present state of a document. If the document no longer exists,
    return ``told`` if that is its deletion, else None."""
    if told.is_lost:
        return told
    gateway = SyncGateway.in_keyspace(keyspace)
    found: list[Change] = list(gateway.changes(doc_ids=[told.uid], include_docs=True))
    if found:
        return found[0]
    return told if told.deleted else None
