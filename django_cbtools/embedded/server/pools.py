"""The thread pools on which requests are answered.

SQLite and V8 block, so they are used on threads and not in the event loop.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ..turns import Turns

#: The numbers of threads for requests that read, for requests that write (SQLite allows one writer
#: at a time, so more threads would only wait for each other), for requests whose body has not fully
#: arrived, and for generating streamed answers.
READERS, WRITERS, UPLOADS, STREAMS = 16, 8, 32, 2


class Pool(ThreadPoolExecutor):
    """A pool of threads that keep their database connections open. Threads start on demand.

    A caller may have a quarter of the threads at most. Where several callers wait, they have turns.
    """

    def __init__(self, name: str, size: int) -> None:
        super().__init__(size, f"gateway-{name}", self._begin)
        self.turns = Turns(size, each=max(1, size // 4))
        self._wrappers: list[BaseDatabaseWrapper] = []

    def close(self) -> None:
        """Wait until the threads have finished their work, and close their connections."""
        self.shutdown()
        for wrapper in self._wrappers:
            wrapper.close()
        self._wrappers.clear()

    def _begin(self) -> None:
        for alias in connections:
            # The thread that calls close() closes the connection.
            connections[alias].inc_thread_sharing()
            self._wrappers.append(connections[alias])


class Pools:
    """A thread pool for each kind of work, so that one kind does not delay another."""

    def __init__(self) -> None:
        self._reads = Pool("reader", READERS)
        self._writes = Pool("writer", WRITERS)
        self.uploads = Pool("upload", UPLOADS)
        self.streams = Pool("stream", STREAMS)

    def of(self, method: str) -> Pool:
        """Return the pool for a request with this method whose body has fully arrived."""
        return self._reads if method in ("GET", "HEAD", "OPTIONS") else self._writes

    def close(self) -> None:
        for pool in (self._reads, self._writes, self.uploads, self.streams):
            pool.close()


async def run(pool: Pool, alias: str, caller: str | None, work: Callable[[], Any]) -> Any:
    """Run a caller's ``work`` on a thread of a pool, and return its result."""
    await pool.turns.enter_async(caller)
    try:
        future = pool.submit(_checked, alias, work)
    except BaseException:
        pool.turns.leave(caller)
        raise
    future.add_done_callback(lambda _: pool.turns.leave(caller))
    return await asyncio.wrap_future(future)


def _checked(alias: str, work: Callable[[], Any]) -> Any:
    """Run the work on a usable connection, and keep the connection open.

    Opening a connection takes longer than most requests, so CONN_MAX_AGE is ignored. Only the
    connection to ``alias`` is checked: Django's request signals check all connections, which takes
    longer.
    """
    connections[alias].close_if_unusable_or_obsolete()
    try:
        return work()
    finally:
        connections[alias].close_at = None


_shared: Pools | None = None
_lock = threading.Lock()


def shared() -> Pools:
    """Return the pools that a gateway mounted in a Django site uses, shared by this process."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = Pools()
        return _shared


def _forget() -> None:
    """Drop the pools in a forked child: their threads exist only in the parent."""
    global _shared, _lock
    _shared, _lock = None, threading.Lock()


@atexit.register
def close() -> None:
    if _shared is not None:
        _shared.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
