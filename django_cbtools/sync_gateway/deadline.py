"""Deadlines of calls, however slowly the other side responds."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_moment: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def within(seconds: float) -> Generator[None, None, None]:
    """A deadline for what is done inside; an earlier one of the caller's stays in force."""
    token = _moment.set(min(_moment.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _moment.reset(token)


def remaining() -> float:
    """Seconds until the deadline: infinite where there is none, not below 0."""
    return max(0.0, _moment.get() - time.monotonic())


def socket_timeout(timeout: float | None) -> float | None:
    """Return the seconds that a socket may wait: its own timeout, or the time until the deadline if
    that is shorter. None means no limit.

    Raises TimeoutError where the deadline has passed.
    """
    left = remaining()
    if left == 0:
        raise TimeoutError("the deadline has passed")
    if timeout is None:
        return None if left == math.inf else left
    return min(timeout, left)
