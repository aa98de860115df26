"""A program that asks its gateway before and after it forks: all of its processes do, and all end.

It prints a line for each that has had its answers.
"""

from __future__ import annotations

import contextlib
import gc
import http.cookiejar
import multiprocessing
import os
import sys
import threading
from typing import Any

from urllib3 import PoolManager
from urllib3.connectionpool import HTTPConnectionPool

from django_cbtools.sync_gateway.transport import transport
from tests.programs import fork
from tests.sync_gateway.forks.setup import ask, configure


def say(who: str) -> None:
    ask(who)
    os.write(1, f"{who}\n".encode())  # all at once: processes write side by side


def locks() -> list[Any]:
    """All locks of the client's, and of what it is made of."""
    found: list[Any] = [transport._lock]
    for thing in gc.get_objects():
        if isinstance(thing, HTTPConnectionPool):
            found.append(thing.pool.mutex)
        elif isinstance(thing, PoolManager):
            found.append(thing.pools.lock)
        elif isinstance(thing, http.cookiejar.CookieJar):
            found.append(thing._cookies_lock)
    assert len(found) > 3
    return found


def hold_locks(held: threading.Event, done: threading.Event) -> None:
    with contextlib.ExitStack() as stack:
        for lock in locks():
            stack.enter_context(lock)
        held.set()
        done.wait()


if __name__ == "__main__":
    configure()
    say("parent")
    fork(say, "child", "grandchild")
    fork(say)

    # The server answers it when the child has been there.
    thread = threading.Thread(target=say, args=["parent's thread"])
    thread.start()
    print(sys.stdin.readline(), end="", flush=True)
    fork(say, "child of one who waits")
    thread.join()

    held, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=hold_locks, args=[held, done])
    thread.start()
    held.wait()
    fork(say, "child of locks", "grandchild of locks")
    done.set()
    thread.join()

    worker = multiprocessing.get_context("fork").Process(target=say, args=["worker"])
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    say("parent again")
