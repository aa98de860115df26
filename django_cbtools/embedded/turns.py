"""A semaphore that admits its users by turns.

Python's own locks and semaphores do not guarantee an order.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from weakref import WeakSet

_every: WeakSet[Turns] = WeakSet()


class _Waiter:
    def __init__(self, user: str | None, wake: Callable[[], None]) -> None:
        self.user = user
        self.wake = wake
        self.is_admitted = False


class Turns:
    """A number of places, which users get by turns.

    Where several users wait, each gets a place before one of them gets another. A user's own
    threads get their places in the order in which they arrive. All threads without a user count as
    one user.

    One user may hold at most ``each`` places at a time (None: all). The threads of a user who holds
    that many are skipped until the user releases a place.
    """

    def __init__(self, places: float = 1, each: int | None = None) -> None:
        self._places = places
        self._each = each
        self._begin()
        _every.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._free = self._places
        self._held: Counter[str | None] = Counter()
        #: Each user's threads. The user who has waited longest for a turn comes first.
        self._waiting: dict[str | None, deque[_Waiter]] = {}

    @property
    def waiting(self) -> int:
        """The number of threads and tasks that wait for a place."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

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
        waiter = self._ask(user, admitted.set)
        try:
            admitted.wait(timeout)
        except BaseException:
            self._give_up(waiter)
            raise
        return waiter.is_admitted or not self._withdraw(waiter)

    async def enter_async(self, user: str | None = None) -> None:
        """Wait for a place without blocking the event loop. The caller must call :meth:`leave`."""
        loop = asyncio.get_running_loop()
        admitted = loop.create_future()

        def finish() -> None:
            if not admitted.done():
                admitted.set_result(None)

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(finish)

        waiter = self._ask(user, wake)
        if waiter.is_admitted:
            return
        try:
            await admitted
        except BaseException:
            self._give_up(waiter)
            raise

    def leave(self, user: str | None = None) -> None:
        """Release a place. The next waiting thread gets it."""
        with self._lock:
            # In a forked child all places are free, including the one that is released here.
            self._free = min(self._free + 1, self._places)
            self._held[user] -= 1
            if self._held[user] <= 0:
                del self._held[user]
            self._admit()

    def _ask(self, user: str | None, wake: Callable[[], None]) -> _Waiter:
        waiter = _Waiter(user, wake)
        with self._lock:
            self._waiting.setdefault(user, deque()).append(waiter)
            self._admit()
        return waiter

    def _admit(self) -> None:
        while self._free and (waiter := self._next()) is not None:
            user = waiter.user
            # Whoever gets a place goes to the end.
            own = self._waiting.pop(user)
            own.popleft()
            if own:
                self._waiting[user] = own
            self._free -= 1
            self._held[user] += 1
            waiter.is_admitted = True
            waiter.wake()

    def _next(self) -> _Waiter | None:
        for user, own in self._waiting.items():
            if self._each is None or user is None or self._held[user] < self._each:
                return own[0]
        return None

    def _give_up(self, waiter: _Waiter) -> None:
        if not self._withdraw(waiter):
            self.leave(waiter.user)

    def _withdraw(self, waiter: _Waiter) -> bool:
        """Stop waiting; return False if the thread has already got its place."""
        with self._lock:
            if waiter.is_admitted:
                return False
            own = self._waiting[waiter.user]
            own.remove(waiter)
            if not own:
                del self._waiting[waiter.user]
            return True


def _begin_anew() -> None:
    """Free all places in a forked child, as the parent's threads do not exist there."""
    for turns in _every:
        turns._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
