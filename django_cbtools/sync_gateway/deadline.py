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
    """Set a deadline for calls in this context. An earlier deadline of the caller stays in
    force."""
    token = _moment.set(min(_moment.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _moment.reset(token)


def remaining() -> float:
    """Return the seconds until the deadline: infinity if there is none, and never less than 0."""
    return max(0.0, _moment.get() - time.monotonic())


def socket_timeout(timeout: float | None) -> float | None:
    """Return the seconds that a socket may wait: its own timeout, or the time until the deadline if
    that is shorter. None means no limit.

    Raises TimeoutError if the deadline has passed.
    """
    left = remaining()
    if left == 0:
        raise TimeoutError("the deadline has passed")
    if timeout is None:
        return None if left == math.inf else left
    return min(timeout, left)
