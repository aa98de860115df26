"""Runs the replications that are stored with the databases of a file, in one process of several."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django_cbtools import conf

from ...blip.active import leading
from ...database import ONLINE, Database
from ...databases import administration, replications
from ...databases.replications import RESETTING, RUNNING, STOPPED, Replication
from ...errors import GatewayError
from ..pools import Pools, run
from .running import Running, tasks

logger = logging.getLogger(__name__)

#: The interval (in seconds) at which the stored replications are looked at.
INTERVAL = 0.5
#: The interval (in seconds) at which the process shows that it is alive.
BEAT = 2.0

_Key = tuple[str, str]


class Manager:
    """Runs stored replications on a thread of its own, from :meth:`start` to :meth:`stop`."""

    def __init__(self, alias: str | None, pools: Pools) -> None:
        self.node = os.urandom(8).hex()
        self._given = alias
        self._pools = pools
        self._running: dict[_Key, Running] = {}
        self._kept: dict[_Key, dict[str, Any]] = {}
        self._beat = 0.0
        self._named = ""
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

    @property
    def _alias(self) -> str:
        return self._given or conf.gateway_alias()

    async def _run(self) -> None:
        self._loop, self._woken = asyncio.get_running_loop(), asyncio.Event()
        replications.listeners.add(self.wake)
        try:
            while not self._is_over:
                try:
                    await self._look()
                except Exception:
                    # The file may be in use, or be made anew.
                    logger.debug("Stored replications cannot be read", exc_info=True)
                self._woken.clear()
                waiting = asyncio.ensure_future(self._woken.wait())
                await asyncio.wait((waiting,), timeout=INTERVAL)
                waiting.cancel()
        finally:
            replications.listeners.discard(self.wake)
            await self._end()
            if replications.nodes.get(self._named) == self.node:
                del replications.nodes[self._named]

    async def _end(self) -> None:
        for key in list(self._running):
            await self._stop(key)
        try:
            await self._on_thread(self._leave)
        except Exception:
            logger.debug("The process could not say that it ends", exc_info=True)

    async def _on_thread(self, work: Callable[[], Any]) -> Any:
        return await run(self._pools.of("POST"), self._alias, None, work)

    # ------------------------------------------------- what is stored

    def _read(self) -> dict[_Key, tuple[Database, Replication]]:
        """Return the replications that this process has to run."""
        alias = self._named = self._alias
        replications.nodes.setdefault(alias, self.node)
        found: dict[_Key, tuple[Database, Replication]] = {}
        for name in administration.names(alias):
            database = administration.open_database(alias, name)
            if database is None:
                continue
            for id, stored in replications.listed(database).items():
                if database.state == ONLINE:
                    found[name, id] = database, stored
        if not found or not self._claims(next(iter(found.values()))[0]):
            return {}
        return found

    def _claims(self, database: Database) -> bool:
        """Return whether this is the process that runs the replications of the file."""
        if time.monotonic() - self._beat < BEAT:
            return True
        with database.atomic():
            if replications.node(database) not in ("", self.node):
                return False
            database.execute("DELETE FROM cbtools_nodes WHERE id <> %s", [self.node])
            database.execute(
                "INSERT OR REPLACE INTO cbtools_nodes (id, beat) VALUES (%s, %s)",
                [self.node, time.time()],
            )
        self._beat = time.monotonic()
        return True

    def _leave(self) -> None:
        if not self._beat:
            return
        for name in administration.names(self._alias)[:1]:
            database = Database.open(self._alias, name)
            with database.atomic():
                database.execute("DELETE FROM cbtools_nodes WHERE id = %s", [self.node])

    # ------------------------------------------------- what runs

    async def _look(self) -> None:
        """Let each replication have the state that it shall have."""
        stored = await self._on_thread(self._read)
        for key in [key for key in self._running if key not in stored]:
            running = self._running[key]
            await self._stop(key)
            if await self._on_thread(partial(self._is_gone, key)):
                await self._reset(key, running)
        for key, (database, replication) in stored.items():
            await self._align(key, database, replication)

    def _is_gone(self, key: _Key) -> bool:
        database = Database.find(self._alias, key[0])
        return database is not None and key[1] not in replications.listed(database)

    async def _align(self, key: _Key, database: Database, stored: Replication) -> None:
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

    async def _start(self, key: _Key, database: Database, stored: Replication) -> None:
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

    async def _stop(self, key: _Key) -> None:
        """End a replication, and store what it has done."""
        running = self._running.pop(key)
        await running.stop()
        try:
            database = await self._on_thread(partial(Database.find, self._alias, key[0]))
            if database is not None:
                await self._keep(key, database, running)
        finally:
            replications.running.pop((self._alias, *key), None)

    async def _keep(self, key: _Key, database: Database, running: Running) -> None:
        status = running.status()
        if self._kept.get(key) != status:
            self._kept[key] = status
            await self._on_thread(partial(replications.keep, database, key[1], status))

    async def _aim(self, database: Database, id: str, target: str) -> None:
        await self._on_thread(partial(replications.aim, database, id, target))

    async def _reset(self, key: _Key, running: Running) -> None:
        database = await self._on_thread(partial(Database.find, self._alias, key[0]))
        for replicator in running.replicators:
            await self._on_thread(partial(leading.reset, database, replicator.task))

    def _forget(self, database: Database, stored: Replication) -> None:
        """Forget how far a replication has come, and what it has done."""
        self._kept.pop((database.name, stored.id), None)
        for task in tasks(stored.id, stored.config, "", database):
            leading.reset(database, task)
        replications.keep(database, stored.id, {})


def _check(database: Database, running: Running) -> None:
    """Raise a GatewayError if the replication cannot begin: its user or a collection is missing."""
    for replicator in running.replicators:
        leading.check(database, replicator.task)
