"""The proxy's own connection to the gateway, and what it passes on of an answer."""

from __future__ import annotations

import contextlib
import http.client
import selectors
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sync_gateway.faults.proxy import Request


@dataclass(frozen=True)
class Answer:
    """What the gateway has answered; ``closes``: it closes the connection."""

    status: str
    headers: list[str]
    body: bytes
    closes: bool


def part_of(answer: Answer, what: str) -> bytes:
    """The bytes of an answer, as far as they come."""
    body, headers = answer.body, [*answer.headers, f"Content-Length: {len(answer.body)}"]
    if what == "nothing":
        return b""
    if what in ("unframed", "empty"):
        headers = [*answer.headers, "Connection: close"]
    head = "\r\n".join([f"HTTP/1.1 {answer.status}", *headers, "", ""]).encode("latin-1")
    if what == "head":
        return head[: len(head) // 2]
    if what == "empty":
        return head
    return head + (body[: len(body) // 2] if what in ("body", "unframed") else body)


class Upstream:
    """The proxy's own connection, kept as long as the gateway keeps it."""

    def __init__(self, address: tuple[str | None, int | None]) -> None:
        self._address = address
        self._socket: socket.socket | None = None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, request: Request) -> Answer:
        connection = self._connected()
        connection.sendall(request.data)
        answer = http.client.HTTPResponse(connection, method=request.method)
        answer.begin()
        body = answer.read()
        if answer.will_close:
            self.close()
        dropped = ("content-length", "transfer-encoding")
        return Answer(
            f"{answer.status} {answer.reason}",
            [f"{name}: {value}" for name, value in answer.getheaders()
             if name.lower() not in dropped],
            body,
            answer.will_close,
        )  # fmt: skip

    def ask_half(self, request: Request) -> None:
        """Send half of a request, and wait until the gateway has done with it."""
        connection = self._connected()
        data = request.data
        connection.sendall(data[: len(data) // 2])
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                pass
        self.close()

    def _connected(self) -> socket.socket:
        if self._socket is not None and is_readable(self._socket):
            self.close()  # there is nothing to read but its end
        if self._socket is None:
            self._socket = socket.create_connection(self._address)  # type: ignore[arg-type]
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket


def is_readable(connection: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0))
