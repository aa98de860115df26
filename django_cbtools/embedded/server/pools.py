"""The threads on which requests are answered: SQLite and V8 are asked on threads, not in a loop."""

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

#: How many threads there are for requests that read, for those that write (SQLite has one writer at
#: a time: more would wait for each other), for those whose body is still on its way, and for the
#: pieces of answers that are sent as they come.
READERS, WRITERS, UPLOADS, STREAMS = 16, 8, 32, 2


class Pool(ThreadPoolExecutor):
    """Threads, made when they are needed, that keep their connections to databases."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__(size, f"gateway-{name}", self._begin)
        self._wrappers: list[BaseDatabaseWrapper] = []

    def close(self) -> None:
        """Let the threads finish their work, and close their connections."""
        self.shutdown()
        for wrapper in self._wrappers:
            wrapper.close()
        self._wrappers.clear()

    def _begin(self) -> None:
        for alias in connections:
            # Another thread closes it, see above.
            connections[alias].inc_thread_sharing()
            self._wrappers.append(connections[alias])


class Pools:
    """A pool for each kind of work, so that none keeps another waiting."""

    def __init__(self) -> None:
        self._reads = Pool("reader", READERS)
        self._writes = Pool("writer", WRITERS)
        self.uploads = Pool("upload", UPLOADS)
        self.streams = Pool("stream", STREAMS)

    def of(self, method: str) -> Pool:
        """The pool for a request whose body is there."""
        return self._reads if method in ("GET", "HEAD", "OPTIONS") else self._writes

    def close(self) -> None:
        for pool in (self._reads, self._writes, self.uploads, self.streams):
            pool.close()


async def run(pool: Pool, alias: str, work: Callable[[], Any]) -> Any:
    """What ``work`` returns, which is done on a thread of a pool."""
    return await asyncio.get_running_loop().run_in_executor(pool, _checked, alias, work)


def _checked(alias: str, work: Callable[[], Any]) -> Any:
    """Do the work on a connection that is in order, and keep it.

    To open it takes longer than most requests, so that it is never too old. Django's signals, which
    look after all connections, take longer, too.
    """
    connections[alias].close_if_unusable_or_obsolete()
    try:
        return work()
    finally:
        connections[alias].close_at = None


_shared: Pools | None = None
_lock = threading.Lock()


def shared() -> Pools:
    """The pools of this process, for the gateway in a site."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = Pools()
        return _shared


def _forget() -> None:
    """In a forked child: the threads are the parent's."""
    global _shared, _lock
    _shared, _lock = None, threading.Lock()


@atexit.register
def close() -> None:
    if _shared is not None:
        _shared.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
