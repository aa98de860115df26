"""Places that threads take in turn, first come, first served: Python's locks promise no order."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

_every: WeakSet[Turns] = WeakSet()


class Turns:
    """Places for threads, given in the order in which they come.

    One user may have ``each`` of them at a time (None: all). A user who has that many is passed
    over until he gives one back.
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
        """Wait for a place and hold it. ``user`` None has no limit of his own."""
        self.enter(user)
        try:
            yield
        finally:
            self.leave(user)

    def enter(self, user: str | None = None, timeout: float | None = None) -> bool:
        """Wait for a place; returns False if none was free within ``timeout`` seconds."""
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
        """Give a place back, to the next one who waits."""
        with self._lock:
            # In a forked child all places are free, also the one that is given back here.
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
        """Stop waiting; returns False if the place has been given by now."""
        with self._lock:
            if waiter[1].is_set():
                return False
            self._waiting.remove(waiter)
            return True


def _begin_anew() -> None:
    """In a forked child: the threads of the parent do not exist there."""
    for turns in _every:
        turns._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
