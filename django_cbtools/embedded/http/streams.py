"""Streamed bodies of answers: the protocol by which they wait, and a reader for threads."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import TypeAlias

from .. import callers


class Waiting(ABC):
    """A pause, which a stream yields when it has nothing to send until something happens.

    The reader of the stream calls :meth:`begin`, waits until ``wake`` is called or until the time
    ``until`` (of time.monotonic()), calls :meth:`end`, and goes on reading the stream. To make the
    stream end, the reader sets ``is_over`` before it goes on.
    """

    until: float
    is_over = False

    @abstractmethod
    def begin(self, wake: Callable[[], None]) -> None:
        """Call ``wake``, on any thread, once the stream may have something to send."""

    @abstractmethod
    def end(self) -> None:
        """Stop calling ``wake``."""


#: The pieces of a stream may be read on different threads. Between two pieces, a stream must not
#: keep anything that belongs to a thread, such as a cursor or a transaction.
Stream: TypeAlias = Generator["bytes | Waiting", None, None]


def blocking(stream: Stream) -> Generator[bytes, None, None]:
    """Yield the pieces of a stream; the calling thread blocks while the stream waits."""
    try:
        for piece in stream:
            if isinstance(piece, Waiting):
                _wait(piece)
            else:
                yield piece
    finally:
        stream.close()


def in_turns(stream: Stream, caller: str | None) -> Stream:
    """Yield the pieces of a stream; each is made in a turn of the caller."""
    try:
        while True:
            with callers.computing(caller):
                piece = next(stream, None)
            if piece is None:
                return
            yield piece
    finally:
        stream.close()


def _wait(waiting: Waiting) -> None:
    woken = threading.Event()
    waiting.begin(woken.set)
    try:
        # A lock cannot wait longer than TIMEOUT_MAX. Waking early does no harm.
        with callers.pausing():
            woken.wait(min(waiting.until - time.monotonic(), threading.TIMEOUT_MAX))
    finally:
        waiting.end()
