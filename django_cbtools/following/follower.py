"""Following the feed: each change is handed on, in order, at least once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from itertools import islice

from django.db import connections

from django_cbtools.exceptions import SyncGatewayException, SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.feed.change import Change
from django_cbtools.sync_gateway.feed.changes import Changes

from .checkpoints import Checkpoint
from .database import Database, end, number
from .delivery import Delivery, made_by_us
from .health import Health
from .parked import ParkingLot
from .stopping import Stop, Stopped

logger = logging.getLogger(__name__)

#: Seconds that a long poll waits, between two checkpoints, and while the gateway is down (these
#: double, up to the last).
POLL, SAVE, DOWN, LONGEST_DOWN = 10.0, 2.0, 1.0, 30.0
#: Seconds before a receiver that has failed is called again.
PAUSES = (1.0, 2.0, 4.0)
#: Changes that are read at once, and in one answer.
_BATCH, _ANSWER = 50, 1000


class Follower:
    """Hands changes on, and remembers how far it has come.

    ``tell`` is called with its health, again and again, also while nothing happens.
    """

    def __init__(
        self,
        name: str,
        delivery: Delivery,
        stop: Stop,
        tell: Callable[[Health], None],
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        self.health = Health(name)
        self._checkpoint, self._parked = Checkpoint(name), ParkingLot(name)
        self._delivery, self._stop, self._tell, self._pauses = delivery, stop, tell, pauses
        self._since = self._saved = ""
        self._saved_at = 0.0
        self._has_followed = False

    def run(self, since: str | None = None, *, once: bool = False) -> None:
        """Follow the feed from the checkpoint, or from ``since`` ("now": from its end); with
        ``once``, up to what there is.

        Raises CheckpointError, TooManyFailures, and where the gateway refuses at the beginning
        (with ``once``: ever) SyncGatewayException.
        """
        self._say("starting")
        try:
            self._persist(lambda: self._begin(since), once)
            while not self._stop.requested:
                self._persist(lambda: self._follow(once), once)
                if once:
                    break
        except Stopped:
            pass
        except Exception as error:
            self.health.error = str(error)
            raise
        finally:
            self._end()

    def _persist(self, work: Callable[[], None], once: bool) -> None:
        """Do it, again and again where the gateway is down."""
        pause = DOWN
        while True:
            before = self._since
            try:
                work()
            except SyncGatewayException as error:
                # A gateway that starts again may say anything.
                is_down = self._has_followed or isinstance(error, SyncGatewayUnavailable)
                if once or not is_down:
                    raise
                pause = DOWN if self._since != before else pause
                self.health.error = str(error)
                self._say("waiting for the gateway")
                logger.warning("%s Following goes on in %.0f seconds.", error, pause)
                self._stop.sleep(pause)
                pause = min(pause * 2, LONGEST_DOWN)
            else:
                self.health.error = ""
                return

    def _begin(self, since: str | None) -> None:
        with self._stop.waiting():
            given = end() if since == "now" else since
            self._since = self._checkpoint.load(Database.now(), given)
            self.health.failed = len(self._parked.all())
        self._saved = "" if given is not None else self._since
        self._say("following")

    def _follow(self, once: bool) -> None:
        """Read one answer, and hand on what is in it."""
        feed = SyncGateway.changes(
            self._since,
            feed="normal" if once else "longpoll",
            timeout=None if once else POLL,
            limit=0 if once else _ANSWER,
            include_docs=True,
            revocations=True,
            request_plus=once,
        )
        count = 0
        with closing(feed):
            while batch := self._next(feed):
                _close_old_connections()
                count += len(batch)
                ours = made_by_us(batch)
                for change in batch:
                    self._handle(change, (change.uid, change.rev) in ours)
                    self._since = change.seq
                    self.health.handled += 1
                    if time.monotonic() - self._saved_at > SAVE or self._stop.requested:
                        self._save()
                    if self._stop.requested:
                        return
            self._since = feed.since
        self._has_followed = True
        self._save(is_end=once or count < _ANSWER)
        _close_old_connections()

    def _next(self, feed: Changes) -> list[Change]:
        with self._stop.waiting():
            return list(islice(feed, _BATCH))

    def _handle(self, change: Change, by_us: bool) -> None:
        """Hand a change on; it is parked where that fails for good."""
        failures = self._delivery.hand_on(change, by_us)
        for pause in self._pauses:
            if not failures:
                return
            self._stop.sleep(pause)
            failures = self._delivery.hand_on(change, by_us, [each.receiver for each in failures])
        if failures:
            self.health.failed = self._parked.add(change, by_us, failures)
            logger.error(
                "Document %r is parked: %s. See manage.py failed_sg_changes.",
                change.uid, "; ".join(f"{name or 'all'}: {error!r}" for name, error in failures),
            )  # fmt: skip

    def _save(self, *, is_end: bool = False) -> None:
        """Note how far it is; ``is_end`` is whether there is no more at present."""
        database = Database.now()
        if self._since != self._saved:
            self._checkpoint.save(self._since, database)
            self._saved = self._since
        self._saved_at = time.monotonic()
        # Gateways take sequences that they do not use.
        self.health.lag = 0 if is_end else max(database.last - number(self._since), 0)
        self._say("following")

    def _end(self) -> None:
        if self._since and self._since != self._saved:
            try:
                self._checkpoint.save(self._since)
            except SyncGatewayException as error:
                logger.warning("%s Some changes will be handed on once more.", error)
        self._say("stopped")

    def _say(self, state: str) -> None:
        self.health.state, self.health.since = state, self._since
        self._tell(self.health)


def _close_old_connections() -> None:
    """As Django does around requests; not within a transaction, which is the caller's."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
