"""The body of a request, which arrives on the event loop and is read on a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from typing import Any

from .. import callers
from ..errors import bad_request
from ..http import limits


class Body:
    """The body of a request. No more of it is received than is asked for."""

    def __init__(self, receive: Callable[[], Awaitable[Any]]) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._data = bytearray()
        self.is_complete = False

    async def begin(self) -> None:
        """Receive the beginning of the body, or all of it if it is small.

        The beginning is larger than any body that is accepted before a login. So no thread waits
        for clients that have not logged in. Raises ConnectionError if the client disconnects.
        """
        while not self.is_complete and len(self._data) <= limits.SMALL:
            await self._take()

    async def _take(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("it did not arrive")
        self._data += message.get("body", b"")
        self.is_complete = not message.get("more_body", False)

    def read(self, limit: int) -> bytes:
        """Return the next bytes of the body, at most ``limit``; none at its end.

        Waits until there are any, so it must not be called on the event loop. Raises a 400
        GatewayError if they do not arrive.
        """
        while not self.is_complete and not self._data:
            try:
                with callers.pausing():
                    asyncio.run_coroutine_threadsafe(self._take(), self._loop).result()
            except (OSError, RuntimeError, CancelledError) as error:
                raise bad_request(f"The request's body cannot be read: {error}") from None
        data = bytes(self._data[:limit])
        del self._data[:limit]
        return data
