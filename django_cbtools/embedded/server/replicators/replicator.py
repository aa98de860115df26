"""A replication in one direction: it connects, replicates, and connects again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ...blip.active import leading
from ...blip.active.progress import Counts, Refusal
from ...blip.active.session import TRANSIENT, ActiveSession
from ...blip.active.task import Task
from ...database import ONLINE, Database, under_maintenance
from ...databases import administration
from ...errors import GatewayError, missing
from ..pools import Pools, run
from ..replication import DONE, Replication
from .remote import Remote
from .sockets import NotConnected, Socket, opened

logger = logging.getLogger(__name__)

STARTING, RUNNING, RECONNECTING = "starting", "running", "reconnecting"
STOPPED, FAILED = "stopped", "error"
#: After how many seconds a connection is tried again: at first, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
#: How long (in seconds) a connection may take to write its checkpoint when it is told to end.
GRACE = 10.0


class Failed(Exception):
    """A replication cannot go on. ``is_final`` says that trying again would not help.

    ``is_first`` says that there has been no connection yet.
    """

    is_first = False

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class Replicator:
    """A replication in one direction.

    ``gives_up`` says when the next connection is not tried: it is called with the error, and with
    the number of connections in a row that have failed. ``report`` is called with revisions that
    are refused.
    """

    def __init__(
        self, alias: str, database: str, task: Task, remote: Remote, pools: Pools,
        gives_up: Callable[[Failed, int], bool],
        report: Callable[[Refusal], None] = lambda refusal: None,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:  # fmt: skip
        self.task = task
        self.state, self.error = STARTING, ""
        self.counts = Counts()
        #: The last sequence up to which all is replicated.
        self.last = ""
        self._where = alias, database
        self._remote = remote
        self._pools = pools
        self._gives_up = gives_up
        self._report = report
        self._longest_pause = longest_pause
        self._session: ActiveSession | None = None
        self._has_connected = False
        self._is_stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask the replication to end: it writes its checkpoint, and closes the connection."""
        self._is_stopping.set()
        if self._session is not None:
            self._session.stop()

    async def run(self) -> None:
        """Replicate until all is done, or until :meth:`stop` is called. Raises Failed."""
        failures = 0
        while not self._is_stopping.is_set():
            before = replace(self.counts)
            try:
                await self._run_once()
                break
            except Failed as error:
                failures = 1 if self.counts != before else failures + 1
                self.error, error.is_first = str(error), not self._has_connected
                if self._gives_up(error, failures):
                    self.state = FAILED
                    raise
                self.state = RECONNECTING
                logger.info("%s: %s. It is tried again.", self.task.id, error)
            pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 30), self._longest_pause)
            await self._sleep(pause)
        self.state, self.error = STOPPED, ""

    async def _sleep(self, seconds: float) -> None:
        stopping = asyncio.ensure_future(self._is_stopping.wait())
        try:
            await asyncio.wait((stopping,), timeout=seconds)
        finally:
            stopping.cancel()

    async def _run_once(self) -> None:
        connecting = asyncio.ensure_future(self._connect())
        stopping = asyncio.ensure_future(self._is_stopping.wait())
        try:
            await asyncio.wait((connecting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done() and self._session is not None:
                await asyncio.wait((connecting,), timeout=GRACE)
            if connecting.done():
                connecting.result()
        finally:
            for task in (connecting, stopping):
                task.cancel()
            await asyncio.gather(connecting, stopping, return_exceptions=True)

    async def _connect(self) -> None:
        try:
            async with opened(self._remote) as socket:
                await self._replicate(socket)
        except NotConnected as error:
            # Whoever is refused once will be refused again, unless the gateway is just busy.
            is_final = 400 <= error.status < 500 and error.status not in (408, 429)
            raise Failed(str(error), is_final=is_final) from error
        except GatewayError as error:
            raise Failed(error.reason, is_final=error.status not in TRANSIENT) from error
        finally:
            self._session = None

    async def _replicate(self, socket: Socket) -> None:
        session = await self._on_thread(partial(self._open, socket.protocol))
        self._session, self._has_connected = session, True
        if self._is_stopping.is_set():
            session.stop()
        self.state, self.error = RUNNING, ""
        replication = Replication(session, self._pools, socket.send)
        closing = await replication.run(socket.receive, leading.lead(session))
        self.last = _highest(session) or self.last
        if closing is not None:
            await socket.close(*closing)
        if session.failure is not None:
            raise session.failure
        if closing is None:
            raise Failed(socket.closing)
        if closing[0] != DONE:
            raise Failed(closing[1])

    def _open(self, protocol: str) -> ActiveSession:
        return leading.opened(database(*self._where), self.task, protocol, self.counts, self._told)

    def _told(self, refusal: Refusal) -> None:
        logger.warning(
            "%s: document %r at %s was not replicated: %s %s",
            self.task.id, refusal.uid, refusal.rev, refusal.status, refusal.reason,
        )  # fmt: skip
        self._report(refusal)

    async def _on_thread(self, work: Callable[[], Any]) -> Any:
        return await run(self._pools.of("POST"), self._where[0], None, work)

    def sequence(self) -> str:
        """Return the last sequence up to which all is replicated, '' if there is none."""
        session = self._session
        return (_highest(session) if session is not None else "") or self.last


def _highest(session: ActiveSession) -> str:
    return next((place.progress.last for place in session.places if place.progress.last), "")


def database(alias: str, name: str) -> Database:
    """Return a database of this gateway.

    Raises a GatewayError if there is none (404), or if it is not online (503).
    """
    found = administration.open_database(alias, name)
    if found is None:
        administration.ensure(alias)
        found = administration.open_database(alias, name)
    if found is None:
        raise missing(f'no such database "{name}"')
    if found.state != ONLINE:
        raise under_maintenance(found.state)
    return found
