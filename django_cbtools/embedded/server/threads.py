"""The threads that serve connections."""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from cheroot.server import HTTPConnection
from django.db import connections

#: How many connections are served at once, and how many more may wait for a thread.
MAX_THREADS = 200
MAX_WAITING = 200
#: How long (seconds) a thread that has nothing to do waits for more.
IDLE = 10.0

logger = logging.getLogger(__name__)

_Inbox: TypeAlias = "queue.SimpleQueue[HTTPConnection | None]"


class Threads:
    """As many threads as there are connections to serve, up to ``MAX_THREADS``.

    It is what cheroot asks of a pool; its own has a fixed number of threads, all of which could be
    taken by feeds that wait for something to happen. A database connection belongs to a thread,
    and is closed with it: the thread that was busy last is the next one to be.
    """

    def __init__(self, serve: Callable[[HTTPConnection], None], name: str) -> None:
        self._serve = serve
        self._name = name
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        # Each thread has an inbox, by which it is known.
        self._idle: list[_Inbox] = []
        self._serving: dict[_Inbox, HTTPConnection] = {}
        self._waiting: deque[HTTPConnection] = deque()
        self._stopping = False

    def start(self) -> None:
        """Threads are made when they are needed."""
        self._stopping = False

    def put(self, connection: HTTPConnection) -> None:
        """Have a connection served; raises queue.Full where too many wait already."""
        with self._lock:
            if self._stopping:
                connection.close()
            elif self._idle:
                self._give(self._idle.pop(), connection)
            elif len(self._threads) < MAX_THREADS:
                inbox: _Inbox = queue.SimpleQueue()
                thread = threading.Thread(
                    target=self._run, args=[inbox], name=self._name, daemon=True
                )
                thread.start()
                self._threads.add(thread)
                self._give(inbox, connection)
            elif len(self._waiting) < MAX_WAITING:
                self._waiting.append(connection)
            else:
                raise queue.Full

    def stop(self, timeout: float) -> None:
        """End the threads, for which ``timeout`` seconds are given.

        Nothing more is read from a connection: whoever waits on its behalf finds the client gone.
        """
        with self._lock:
            self._stopping = True
            for inbox in self._idle:
                inbox.put(None)
            self._idle.clear()
            for connection in self._waiting:
                connection.close()
            self._waiting.clear()
            for connection in self._serving.values():
                with suppress(OSError):
                    connection.socket.shutdown(socket.SHUT_RD)
            threads = list(self._threads)
        deadline = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _give(self, inbox: _Inbox, connection: HTTPConnection) -> None:
        self._serving[inbox] = connection
        inbox.put(connection)

    def _run(self, inbox: _Inbox) -> None:
        try:
            connection = inbox.get()
            while connection is not None:
                try:
                    self._serve(connection)
                except Exception:
                    logger.exception("A connection of the embedded gateway broke.")
                connection = self._next(inbox)
        finally:
            connections.close_all()
            with self._lock:
                self._serving.pop(inbox, None)
                self._threads.discard(threading.current_thread())

    def _next(self, inbox: _Inbox) -> HTTPConnection | None:
        """The next connection to serve; None: the thread is to end."""
        with self._lock:
            del self._serving[inbox]
            if self._stopping:
                return None
            if self._waiting:
                self._give(inbox, self._waiting.popleft())
            else:
                self._idle.append(inbox)
        try:
            return inbox.get(timeout=IDLE)
        except queue.Empty:
            with self._lock:
                if inbox in self._idle:
                    self._idle.remove(inbox)
                    self._threads.discard(threading.current_thread())
                    return None
            return inbox.get()  # somebody was quicker
