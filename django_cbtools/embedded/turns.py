"""A semaphore that admits threads in the order in which they arrive.

Python's own locks and semaphores do not guarantee an order.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

_every: WeakSet[Turns] = WeakSet()


class Turns:
    """A number of places, which threads get in the order in which they arrive.

    One user may hold at most ``each`` places at a time (None: all). The threads of a user who holds
    that many are skipped until the user releases a place.
    """

    def __init__(self, places: int = 1, each: int | None = None) -> None:
        self._places = places
        self._each = each
        self._begin()
        _every.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._free = self._places
        self._held: Counter[str | None] = Counter()
        self._waiting: deque[tuple[str | None, threading.Event]] = deque()

    @contextmanager
    def turn(self, user: str | None = None) -> Iterator[None]:
        """Return a context manager that waits for a place and holds it.

        If ``user`` is None, the limit for each user does not apply.
        """
        self.enter(user)
        try:
            yield
        finally:
            self.leave(user)

    def enter(self, user: str | None = None, timeout: float | None = None) -> bool:
        """Wait for a place; return False if there was none within ``timeout`` seconds.

        The caller must call :meth:`leave` if the result is True.
        """
        admitted = threading.Event()
        waiter = (user, admitted)
        with self._lock:
            self._waiting.append(waiter)
            self._admit()
        try:
            admitted.wait(timeout)
        except BaseException:
            if not self._withdraw(waiter):
                self.leave(user)
            raise
        return admitted.is_set() or not self._withdraw(waiter)

    def leave(self, user: str | None = None) -> None:
        """Release a place. The next waiting thread gets it."""
        with self._lock:
            # In a forked child all places are free, including the one that is released here.
            self._free = min(self._free + 1, self._places)
            self._held[user] -= 1
            if self._held[user] <= 0:
                del self._held[user]
            self._admit()

    def _admit(self) -> None:
        passed: deque[tuple[str | None, threading.Event]] = deque()
        while self._free and self._waiting:
            waiter = self._waiting.popleft()
            user, admitted = waiter
            if self._each is not None and user is not None and self._held[user] >= self._each:
                passed.append(waiter)
                continue
            self._free -= 1
            self._held[user] += 1
            admitted.set()
        self._waiting.extendleft(reversed(passed))

    def _withdraw(self, waiter: tuple[str | None, threading.Event]) -> bool:
        """Stop waiting; return False if the thread has already got its place."""
        with self._lock:
            if waiter[1].is_set():
                return False
            self._waiting.remove(waiter)
            return True


def _begin_anew() -> None:
    """Free all places in a forked child, as the parent's threads do not exist there."""
    for turns in _every:
        turns._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
