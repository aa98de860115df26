"""The HTTP protocol of uvicorn with limits on connections and on how long requests may take."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from contextlib import suppress
from typing import Any

import h11
from h11._receivebuffer import ReceiveBuffer
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol, RequestResponseCycle
from uvicorn.server import Server

from ..errors import GatewayError, phrase
from ..http.answers import Answer
from .application import ENDING
from .pieces import Ending

#: How long (in seconds) a client may take to send a request's head, and its body. For the body, it
#: gets one more second for every RATE bytes that it has sent.
HEAD, BODY, RATE = 20.0, 30.0, 1000
#: The largest number of simultaneous connections to a port.
MAX_CONNECTIONS = 10_000
#: The largest number of lines in a request's head, and in the trailer of a chunked body.
MAX_LINES = 500
#: How many bytes are read from a connection at once. Then it is the other connections' turn.
PIECE = 16 * 1024

# An application cannot tell uvicorn the reason phrase of its answer.
STATUS_PHRASES.update({status: phrase(status).encode() for status in range(100, 1000)})


class _Buffer(ReceiveBuffer):
    """The bytes that h11 has not parsed yet. Limits the headers, which h11 itself does not."""

    def maybe_extract_lines(self) -> list[bytearray] | None:
        lines = super().maybe_extract_lines()
        if lines is not None and len(lines) > MAX_LINES:
            raise h11.RemoteProtocolError("too many headers", error_status_hint=431)
        return lines


class Protocol(H11Protocol, asyncio.BufferedProtocol):
    """A connection to a client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn._receive_buffer = _Buffer()
        self._ending = Ending()
        self.app_state = {**self.app_state, ENDING: self._ending}
        self._has_left = False
        self._received = 0
        #: The request that the client should be sending: the current cycle (None before the first
        #: request), whether it is being answered, and the time and the number of bytes received
        #: when the wait began.
        self._owed: tuple[RequestResponseCycle | None, bool, float, int] | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # asyncio does not set it for a socket that was created without a protocol.
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(503, "Too many connections")

    def get_buffer(self, sizehint: int) -> bytearray:
        self._piece = bytearray(PIECE)
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(memoryview(self._piece)[:nbytes])
        self._piece = bytearray()  # idle connections take no memory
        self.data_received(data)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)

    def handle_events(self) -> None:
        if not self.transport.is_closing():
            super().handle_events()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Handle a client that sends no more: it still gets its answer, but waiting feeds end."""
        self._has_left = True
        if not self._is_answering():
            return False
        if self.cycle.more_body:
            self._refuse(400, "The request's body cannot be read: it stops half way")
            return False
        self._ending.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._ending.is_lost = True
        self._ending.set()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._has_left and not self._is_answering():
            self.transport.close()

    def shutdown(self) -> None:
        self._ending.set()
        if not self._is_answering():
            super().shutdown()
        elif self.cycle.more_body:
            self._refuse(503, "The gateway is being stopped")
        elif self.flow.write_paused:
            self.transport.abort()
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that h11 cannot parse; called while its error is handled."""
        error = sys.exc_info()[1]
        part = "body" if self._is_answering() else "head"
        reason = f"The request's {part} cannot be read: {error or msg}"
        self._refuse(getattr(error, "error_status_hint", 400), reason)

    def check(self, now: float) -> None:
        """Refuse a request that takes too long to arrive. Called about once a second."""
        is_answering = self._is_answering()
        if is_answering:
            is_owed = (
                self.cycle.more_body
                and not self.flow.read_paused
                and not self.cycle.waiting_for_100_continue
            )
        else:
            # The time between two requests is limited by uvicorn itself.
            is_owed = (
                self.cycle is None
                or bool(self.conn.trailing_data[0])
                or self.conn.their_state is h11.SEND_BODY
            )
        if not is_owed:
            self._owed = None
            return
        if self._owed is None or self._owed[:2] != (self.cycle, is_answering):
            self._owed = self.cycle, is_answering, now, self._received
        *_, since, received = self._owed
        limit = BODY + (self._received - received) / RATE if is_answering else HEAD
        if now - since > limit:
            if self._received:
                self._refuse(408, "The request did not arrive in time")
            else:
                self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: int, reason: str) -> None:
        """Close the connection; first send an error unless an answer has already been started."""
        if self._is_answering():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            error = Answer.of_error(GatewayError(status, reason))
            headers = {**error.sent_headers("GET"), "Connection": "close"}
            answer = h11.Response(
                status_code=status, headers=list(headers.items()), reason=error.phrase
            )
            with suppress(h11.LocalProtocolError):  # the answer to HEAD has no body
                for event in (answer, h11.Data(data=error.body), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class PortServer(Server):
    """The server of a port. It checks its connections for requests that take too long."""

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Protocol):
                    connection.check(now)
        return await super().on_tick(counter)
