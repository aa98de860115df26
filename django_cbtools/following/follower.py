"""The follower: it delivers each change of the feed, in order, at least once."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import islice

from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.models import CouchbaseModel
from django_cbtools.sync_gateway.feed.change import Change
from django_cbtools.sync_gateway.feed.changes import Changes

from .delivery import made_by_us
from .health import Health
from .patience import Patience, close_old_connections, reported
from .sources import Source, sources
from .stopping import Stop

logger = logging.getLogger(__name__)

#: The number of seconds that a long poll waits, and the seconds between two checkpoints.
POLL, SAVE = 10.0, 2.0
#: The number of seconds to wait for each of several feeds. They are polled one after another, so
#: that changes are delivered one after another, too.
SHORT_POLL = 1.0
#: The pauses, in seconds, before failed receivers are called again.
PAUSES = (1.0, 2.0, 4.0)
#: The number of changes that are handled at once, and that one response may have.
_BATCH, _ANSWER = 50, 1000


class Follower:
    """Delivers changes, and remembers its position in the feeds.

    It follows some classes, or all if none is given, in all their keyspaces. ``tell`` is called
    repeatedly with its health, even if nothing happens.
    """

    def __init__(
        self,
        name: str,
        models: Sequence[type[CouchbaseModel]],
        stop: Stop,
        tell: Callable[[Health], None],
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        self.health = Health(name)
        self._sources = sources(name, models)
        self._stop, self._tell, self._pauses = stop, tell, pauses
        self._patience = Patience(stop, self._say_down)
        self._saved_at = 0.0

    def run(self, since: str | None = None, *, once: bool = False) -> None:
        """Follow the feeds from the checkpoints, or from ``since`` ("now" is their ends). With
        ``once``, stop at the present end.

        Raises CheckpointError and TooManyFailures. Also raises SyncGatewayException if the gateway
        refuses the first request, or with ``once``, any request.
        """
        with reported(self.health, self._say):
            try:
                for source in self._sources:
                    self._persist(partial(self._begin, source, since), source, once)
                while not self._stop.requested:
                    for source in self._sources:
                        self._persist(partial(self._follow, source, once), source, once)
                    if once:
                        break
            finally:
                self._end()

    @property
    def unknown(self) -> Counter[str]:
        """The number of ignored documents by doc_type, for doc_types that no class has."""
        return sum((source.delivery.unknown for source in self._sources), Counter())

    def _persist(self, work: Callable[[], None], source: Source, once: bool) -> None:
        """Do the work, and repeat it as long as the gateway is down."""
        self._patience.persist(work, lambda: source.since, once=once)
        self.health.error = ""

    def _say_down(self, error: SyncGatewayException, pause: float) -> None:
        self.health.error = str(error)
        self._say("waiting for the gateway")
        logger.warning("%s Following goes on in %.0f seconds.", error, pause)

    def _begin(self, source: Source, since: str | None) -> None:
        with self._stop.waiting():
            source.begin(since)
        self._say("following")

    def _follow(self, source: Source, once: bool) -> None:
        """Read one response of the feed, and deliver its changes."""
        poll = POLL if len(self._sources) == 1 else SHORT_POLL
        feed = source.changes(
            feed="normal" if once else "longpoll",
            timeout=None if once else poll,
            limit=0 if once else _ANSWER,
            request_plus=once,
        )
        count = 0
        with closing(feed):
            while batch := self._next(feed):
                close_old_connections()
                count += len(batch)
                ours = made_by_us(batch, source.keyspace)
                for change in batch:
                    self._handle(source, change, (change.uid, change.rev) in ours)
                    source.since = change.seq
                    self.health.handled += 1
                    if time.monotonic() - self._saved_at > SAVE or self._stop.requested:
                        self._save(source)
                    if self._stop.requested:
                        return
            source.since = feed.since
        self._patience.has_worked = True
        self._save(source, is_end=once or count < _ANSWER)
        close_old_connections()

    def _next(self, feed: Changes) -> list[Change]:
        with self._stop.waiting():
            return list(islice(feed, _BATCH))

    def _handle(self, source: Source, change: Change, by_us: bool) -> None:
        """Deliver a change. If its receivers fail repeatedly, park it."""
        failures = source.delivery.hand_on(change, by_us)
        for pause in self._pauses:
            if not failures:
                return
            self._stop.sleep(pause)
            failures = source.delivery.hand_on(change, by_us, [each.receiver for each in failures])
        if failures:
            source.failed = source.parked.add(change, by_us, failures)
            logger.error(
                "Document %r is parked: %s. See manage.py failed_sg_changes.",
                change.uid, "; ".join(f"{name or 'all'}: {error!r}" for name, error in failures),
            )  # fmt: skip

    def _save(self, source: Source, *, is_end: bool = False) -> None:
        """Store the position. ``is_end`` says whether it is the present end of the feed."""
        source.save(is_end=is_end)
        self._saved_at = time.monotonic()
        self._say("following")

    def _end(self) -> None:
        for source in self._sources:
            try:
                source.end()
            except SyncGatewayException as error:
                logger.warning("%s Some changes will be handed on once more.", error)

    def _say(self, state: str) -> None:
        health, lags = self.health, [source.lag for source in self._sources]
        health.state = state
        health.since = ", ".join(source.since for source in self._sources)
        health.failed = sum(source.failed for source in self._sources)
        health.lag = None if None in lags else max(lag or 0 for lag in lags)
        self._tell(health)
