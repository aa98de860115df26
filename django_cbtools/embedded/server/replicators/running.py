"""The state of a stored replication that is running, in one direction or in both."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...blip.active.progress import Counts
from ...blip.active.task import PULL, PUSH, Part, Task, UnknownCollection
from ...database import Collection, Database
from ...databases import replication_configs
from ...databases.replications import Replication
from ..pools import Pools
from .remote import Remote
from .replicator import FAILED, RECONNECTING, RUNNING, STARTING, STOPPED, Failed, Replicator

logger = logging.getLogger(__name__)

#: After so many connections in a row that fail, a replication without a longest pause ends.
_TRIES = 10
_DIRECTIONS = {"push": (PUSH,), "pull": (PULL,), "pushAndPull": (PUSH, PULL)}
#: What is shown of the counts, for each direction.
_SHOWN = {
    PULL: {
        "docs_read": "documents", "docs_checked_pull": "checked", "docs_purged": "removed",
        "rejected_by_local": "refused",
    },
    PUSH: {
        "docs_written": "documents", "docs_checked_push": "checked",
        "doc_write_failures": "refused", "doc_write_conflict": "conflicts",
        "rejected_by_remote": "rejected",
    },
}  # fmt: skip
_LAST = {PULL: "last_seq_pull", PUSH: "last_seq_push"}
#: The states of which one counts for both directions, the first of them first.
_RANKS = (RUNNING, FAILED, RECONNECTING, STARTING, STOPPED)


class Running:
    """A stored replication that runs. Raises ValueError if its address is malformed."""

    def __init__(self, database: Database, stored: Replication, pools: Pools) -> None:
        self.config = stored.config
        self.error = ""
        self._id = stored.id
        #: The counts of earlier runs are added.
        self._before = dict(stored.status)
        self._task: asyncio.Task[None] | None = None
        remote = _remote(database, self.config)
        self._backoff = self.config.get("max_backoff_time", 0)
        self.replicators = [
            Replicator(
                database.alias, database.name, task, remote, pools,
                self._gives_up, longest_pause=60.0 * (self._backoff or 5),
            )
            for task in tasks(stored.id, self.config, remote.name, database)
        ]  # fmt: skip

    def _gives_up(self, error: Failed, failures: int) -> bool:
        """Return whether the replication ends with an error, as on a real gateway.

        If one side lacks a collection, it does at once.
        """
        is_unknown = isinstance(error.__cause__, UnknownCollection)
        return is_unknown or (not self._backoff and failures >= _TRIES)

    def start(self, tell: Callable[[], None]) -> None:
        """Begin to replicate. ``tell`` is called at the end."""
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(lambda _: tell())

    async def _run(self) -> None:
        done = await asyncio.gather(
            *(replicator.run() for replicator in self.replicators), return_exceptions=True
        )
        for error in done:
            if isinstance(error, Exception) and not isinstance(error, Failed):
                logger.error("Replication %r failed", self._id, exc_info=error)
                self.error = "Internal error: look at the server's log"

    @property
    def is_over(self) -> bool:
        return self._task is None or self._task.done()

    async def stop(self) -> None:
        """End the replication, and wait until it has ended."""
        for replicator in self.replicators:
            replicator.stop()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def state(self) -> str:
        states = {replicator.state for replicator in self.replicators}
        if self.error:
            return FAILED
        return next(state for state in _RANKS if state in states)

    def status(self) -> dict[str, Any]:
        """Return what the replication has done, as answers show it."""
        found: dict[str, Any] = {}
        for direction in (PULL, PUSH):
            counts, last = self._done(direction)
            for name, attribute in _SHOWN[direction].items():
                number = self._before.get(name, 0) + getattr(counts, attribute)
                found |= {name: number} if number else {}
            found |= {_LAST[direction]: last} if last else {}
        found |= {"replication_id": self._id, "status": self.state}
        error = self.error or next((it.error for it in self.replicators if it.error), "")
        return {**found, "error_message": error} if error else found

    def _done(self, direction: str) -> tuple[Counts, str]:
        for replicator in self.replicators:
            if replicator.task.direction == direction:
                last = replicator.sequence() or self._before.get(_LAST[direction], "")
                return replace(replicator.counts), last
        return Counts(), ""


def _remote(database: Database, config: Mapping[str, Any]) -> Remote:
    user = config.get("remote_username") or config.get("username", "")
    password = config.get("remote_password") or config.get("password", "")
    remote = Remote.parse(config["remote"], user, password)
    skips = bool(database.option("unsupported.sgr_tls_skip_verify"))
    return replace(remote, is_trusted=skips)


def tasks(id: str, config: Mapping[str, Any], remote: str, database: Database) -> list[Task]:
    """Return the tasks of a stored replication, one for each direction."""
    channels = replication_configs.channels(config)
    if config.get("collections_enabled"):
        ours = config.get("collections_local") or [".".join(it) for it in database.collections()]
        theirs = config.get("collections_remote") or ours
        each = [list(it) for it in channels] if channels and isinstance(channels[0], list) else None
        parts = tuple(
            Part(
                Collection(*name.split(".", 1)), theirs[place] or name,
                tuple(each[place]) if each else tuple(map(str, channels)),
            )
            for place, name in enumerate(ours)
        )  # fmt: skip
    else:
        parts = (Part(channels=tuple(map(str, channels))),)
    return [
        Task(
            id, direction, remote, parts, is_continuous=bool(config.get("continuous")),
            removes=bool(config.get("purge_on_removal")), run_as=config.get("run_as", ""),
        )
        for direction in _DIRECTIONS[config["direction"]]
    ]  # fmt: skip
