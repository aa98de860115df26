"""The WebSocket to another gateway, with the events of ASGI that a replication reads and writes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from django_cbtools import __version__

from ...blip.frames import MAX_FRAME
from ...blip.session import PROTOCOLS
from .remote import Remote

#: How long (in seconds) opening and closing a connection may take, and the interval at which the
#: other gateway is asked whether it is still there.
OPENING, CLOSING, PING = 20.0, 5.0, 30.0
#: The most bytes of a reason for which a WebSocket is closed.
_MAX_REASON = 123


class NotConnected(Exception):
    """The other gateway cannot be reached, or refuses the connection.

    ``status`` is the status of its answer, 0 if there was none.
    """

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


class Socket:
    """An open WebSocket. ``protocol`` is the sub-protocol that was agreed on."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.protocol: str = connection.subprotocol or ""

    async def send(self, event: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(event["bytes"])
        except ConnectionClosed as error:
            raise ConnectionError from error

    async def receive(self) -> dict[str, Any]:
        from websockets.exceptions import ConnectionClosed

        try:
            data = await self._connection.recv()
        except ConnectionClosed:
            return {"type": "websocket.disconnect"}
        return {"type": "websocket.receive", "bytes": data if isinstance(data, bytes) else None}

    async def close(self, code: int, reason: str) -> None:
        cut = reason.encode()[:_MAX_REASON].decode("utf-8", "ignore")
        await self._connection.close(code, cut)

    @property
    def closing(self) -> str:
        """The reason why the connection is closed, for messages."""
        code, reason = self._connection.close_code, self._connection.close_reason
        return reason or f"the connection was lost (code {code})"


@asynccontextmanager
async def opened(remote: Remote) -> AsyncIterator[Socket]:
    """Return an asynchronous context manager that opens a WebSocket.

    Raises NotConnected if that fails, ImproperlyConfigured if the package websockets is not
    installed, and OSError if a file with certificates cannot be read.
    """
    try:
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.typing import Subprotocol
    except ImportError as error:
        raise ImproperlyConfigured(
            "Replicating needs websockets: pip install 'django-cbtools[embedded]'."
        ) from error

    class Connect(connect):
        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc  # the credentials are for this address alone

    tls = remote.tls()
    try:
        connection = await Connect(
            remote.socket, subprotocols=[Subprotocol(name) for name in PROTOCOLS],
            additional_headers=remote.headers(),
            user_agent_header=f"django_cbtools/{__version__}", compression=None, ssl=tls,
            max_size=MAX_FRAME, open_timeout=OPENING, close_timeout=CLOSING, ping_interval=PING,
            ping_timeout=PING,
        )  # fmt: skip
    except InvalidStatus as error:
        status = error.response.status_code
        reason = f"unexpected status code {status} from target database"
        raise NotConnected(reason, status) from None
    except ssl.SSLCertVerificationError as error:
        reason = f"the certificate is not trusted: {error.verify_message}"
        raise NotConnected(f'Get "{remote.address}": {reason}') from None
    except (OSError, asyncio.TimeoutError, WebSocketException) as error:
        reason = str(error) or type(error).__name__
        raise NotConnected(f'Get "{remote.address}": {reason}') from None
    try:
        socket = Socket(connection)
        if socket.protocol not in PROTOCOLS:
            raise NotConnected("it speaks none of the sub-protocols " + ", ".join(PROTOCOLS))
        yield socket
    finally:
        await connection.close()
