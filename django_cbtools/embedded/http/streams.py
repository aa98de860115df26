"""Bodies that come in pieces: what such a stream yields, and how to read it on a thread."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import TypeAlias


class Waiting(ABC):
    """What a stream yields where it has nothing to send until something happens.

    Whoever reads the stream calls :meth:`begin`, waits until it is woken or until the time
    ``until`` (of time.monotonic()), calls :meth:`end`, and goes on with the stream. Where the
    stream should come to an end, it sets ``is_over`` first.
    """

    until: float
    is_over = False

    @abstractmethod
    def begin(self, wake: Callable[[], None]) -> None:
        """Call ``wake``, on any thread, once the stream may have something to send."""

    @abstractmethod
    def end(self) -> None:
        """Do not call it any more."""


#: A stream may be read on one thread after another: it keeps nothing that belongs to a thread, such
#: as a cursor or a transaction, from one piece to the next.
Stream: TypeAlias = Generator["bytes | Waiting", None, None]


def blocking(stream: Stream) -> Generator[bytes, None, None]:
    """The pieces of a stream; the thread that asks for them waits where the stream does."""
    try:
        for piece in stream:
            if isinstance(piece, Waiting):
                _wait(piece)
            else:
                yield piece
    finally:
        stream.close()


def _wait(waiting: Waiting) -> None:
    woken = threading.Event()
    waiting.begin(woken.set)
    try:
        # A lock does not wait for ever so long.
        woken.wait(min(waiting.until - time.monotonic(), threading.TIMEOUT_MAX))
    finally:
        waiting.end()
