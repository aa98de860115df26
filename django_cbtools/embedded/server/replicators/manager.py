"""Runs the replications that are stored with the databases of a file, in one process of several."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from django_cbtools import conf

from ...blip.active import checkpoints, leading
from ...database import Database
from ...databases import replications
from ...databases.replications import RESETTING, RUNNING, STOPPED, Replication
from ...errors import GatewayError
from ..pools import Pools, run
from .running import Running, tasks
from .stored import Key, Stored

logger = logging.getLogger(__name__)

#: The interval (in seconds) at which the stored replications are looked at.
INTERVAL = 0.5


class Manager:
    """Runs stored replications on a thread of its own, from :meth:`start` to :meth:`stop`."""

    def __init__(self, alias: str | None, pools: Pools) -> None:
        self._stored = Stored(lambda: alias or conf.gateway_alias())
        self._pools = pools
        self._running: dict[Key, Running] = {}
        self._kept: dict[Key, dict[str, Any]] = {}
        #: What was stored when it was last looked at.
        self._known: dict[Key, tuple[Database, Replication]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event | None = None
        self._is_over = False
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run()), name="gateway-replications", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the replications; they go on when a process is started again."""
        self._is_over = True
        self.wake()
        self._thread.join()

    def wake(self) -> None:
        """Look at the stored replications now. May be called on any thread."""
        if self._loop is not None and self._woken is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def _run(self) -> None:
        self._loop, self._woken = asyncio.get_running_loop(), asyncio.Event()
        replications.listeners.add(self.wake)
        try:
            while not self._is_over:
                await self._tried(self._look)
                self._woken.clear()
                waiting = asyncio.ensure_future(self._woken.wait())
                await asyncio.wait((waiting,), timeout=INTERVAL)
                waiting.cancel()
        finally:
            replications.listeners.discard(self.wake)
            await self._end()

    async def _end(self) -> None:
        for key in list(self._running):
            await self._tried(partial(self._stop, key))
        await self._tried(partial(self._on_thread, self._stored.leave))

    async def _tried(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:
            # The file may be in use, or be made anew.
            logger.debug("Stored replications cannot be read or written", exc_info=True)

    async def _on_thread(self, work: Callable[[], Any]) -> Any:
        return await run(self._pools.of("POST"), self._stored.alias or "default", None, work)

    async def _look(self) -> None:
        """Let each replication have the state that it shall have."""
        stored = await self._on_thread(self._stored.read)
        for key in self._known.keys() - stored.keys():
            if key in self._running:
                await self._stop(key)
            if await self._on_thread(partial(self._stored.is_gone, key)):
                forget = partial(self._forget, *self._known[key])
                await self._tried(partial(self._on_thread, forget))
        self._known = stored
        for key, (database, replication) in stored.items():
            await self._tried(partial(self._align, key, database, replication))

    async def _align(self, key: Key, database: Database, stored: Replication) -> None:
        running = self._running.get(key)
        if stored.target == RUNNING and running is None:
            await self._start(key, database, stored)
        elif running is not None and stored.target != RUNNING:
            await self._stop(key)
        elif running is not None and running.is_over and not running.error:
            await self._keep(key, database, running)
            if running.state == STOPPED:
                del self._running[key]
                replications.running.pop((database.alias, *key), None)
                await self._aim(database, stored.id, STOPPED)
        elif running is not None:
            await self._keep(key, database, running)
        if stored.target == RESETTING:
            await self._on_thread(partial(self._forget, database, stored))
            await self._aim(database, stored.id, STOPPED)

    async def _start(self, key: Key, database: Database, stored: Replication) -> None:
        try:
            running = Running(database, stored, self._pools)
            await self._on_thread(partial(_check, database, running))
        except (GatewayError, ValueError) as error:
            reason = error.reason if isinstance(error, GatewayError) else str(error)
            failed = {**stored.status, "replication_id": stored.id, "status": "error"}
            if stored.status.get("error_message") != reason:
                failed["error_message"] = reason
                await self._on_thread(partial(replications.keep, database, stored.id, failed))
            return
        self._running[key] = running
        replications.running[(database.alias, *key)] = running.status
        running.start(self.wake)

    async def _stop(self, key: Key) -> None:
        """End a replication, and store what it has done."""
        running = self._running.pop(key)
        await running.stop()
        try:
            database = await self._on_thread(partial(Database.find, self._stored.alias, key[0]))
            if database is not None:
                await self._keep(key, database, running)
        finally:
            replications.running.pop((self._stored.alias, *key), None)

    async def _keep(self, key: Key, database: Database, running: Running) -> None:
        status = running.status()
        if self._kept.get(key) != status:
            self._kept[key] = status
            await self._on_thread(partial(replications.keep, database, key[1], status))

    async def _aim(self, database: Database, id: str, target: str) -> None:
        await self._on_thread(partial(replications.aim, database, id, target))

    def _forget(self, database: Database, stored: Replication) -> None:
        """Forget how far a replication has come, and what it has done."""
        self._kept.pop((database.name, stored.id), None)
        for task in tasks(stored.id, stored.config, "", database):
            checkpoints.forget(database, task)
        replications.keep(database, stored.id, {})


def _check(database: Database, running: Running) -> None:
    """Raise a GatewayError if the replication cannot begin: its user or a collection is missing."""
    for replicator in running.replicators:
        leading.check(database, replicator.task)
