"""Reads the stream of an answer asynchronously. A stream that waits does not occupy a thread."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from ..http.streams import Stream, Waiting


class Ending:
    """Tells whether an answer should end, because its client has left or the server is stopping.

    ``is_lost`` means that the connection is lost, and nothing more can be sent.
    """

    def __init__(self) -> None:
        self.is_set = False
        self.is_lost = False
        self.callback: Callable[[], None] | None = None

    def set(self) -> None:
        self.is_set = True
        if self.callback is not None:
            self.callback()


class Pieces:
    """An asynchronous iterator over the pieces of a stream, as bytes.

    ``run`` runs a function on a thread; it is used to read the stream.
    """

    def __init__(
        self,
        stream: Stream,
        run: Callable[[Callable[[], Any]], Awaitable[Any]],
        ending: Ending | None = None,
    ) -> None:
        self._stream = stream
        self._run = run
        self._ending = ending or Ending()
        # The stream may still be read on a thread when the client leaves and it is closed.
        self._lock = threading.Lock()

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        while not self._ending.is_lost:
            piece = await self._run(self._next)
            if piece is None:
                break
            if isinstance(piece, bytes):
                return piece
            await self._wait(piece)
            piece.is_over = self._ending.is_set
        raise StopAsyncIteration

    def _next(self) -> bytes | Waiting | None:
        with self._lock:
            return next(self._stream, None)

    def close(self) -> None:
        """Close the stream, so that it releases its resources."""
        with self._lock:
            self._stream.close()

    async def _wait(self, waiting: Waiting) -> None:
        await wait(waiting, self._ending)


async def wait(waiting: Waiting, ending: Ending) -> None:
    """Wait until a pause is over, or until the answer should end."""
    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def finish() -> None:
        if not woken.done():
            woken.set_result(None)

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(finish)

    if ending.is_set:
        return
    ending.callback = finish
    seconds = waiting.until - time.monotonic()
    timer = loop.call_later(max(0.0, seconds), finish) if seconds < math.inf else None
    waiting.begin(wake)
    try:
        await woken
    finally:
        waiting.end()
        ending.callback = None
        if timer is not None:
            timer.cancel()
