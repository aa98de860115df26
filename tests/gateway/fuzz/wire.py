"""Requests as bytes, and connections that send them and take nothing on trust."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any, BinaryIO
from urllib.parse import urlsplit

#: Seconds until a server is taken to hang.
PATIENCE = 120.0
#: Seconds for which a client waits for changes.
FEED = 2.0


@dataclass(frozen=True)
class Request:
    """What is sent to a port.

    ``framing`` is how the body goes: with its ``length``, ``chunked``, with a length that is
    ``longer`` or ``shorter`` than it is, ``cut`` (half of it), ``garbled`` chunks, or ``raw``: the
    body is all there is, without any head. A client who ``leaves`` does not wait for the answer.
    """

    port: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    framing: str = "length"
    leaves: bool = False
    #: The path that it was made for, as in the gateway's table.
    route: str = ""

    @property
    def sent_method(self) -> str:
        """The method, as the server reads it."""
        if self.framing == "raw":
            return self.body.partition(b" ")[0].decode("latin-1")
        return self.method

    @property
    def is_broken(self) -> bool:
        """Whether the server may take it for anything, or just close the connection."""
        return self.framing not in ("length", "chunked")

    @property
    def waits(self) -> bool:
        """Whether it may ask for changes to come, as long as the client is there."""
        asked = self.target.encode() + self.body
        return "_changes" in self.target and (b"longpoll" in asked or b"continuous" in asked)

    def wire(self, prefix: str = "") -> bytes:
        """The bytes that are sent; ``prefix`` is what the port is mounted at."""
        if self.framing == "raw":
            return self.body
        length = {"longer": len(self.body) + 7, "shorter": len(self.body) // 2, "cut": 2 * 10**6}
        lines = [f"{self.method} {prefix}{self.target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        body = self.body
        if self.framing in ("chunked", "garbled"):
            lines.append("Transfer-Encoding: chunked")
            half = len(body) // 2
            parts = [part for part in (body[:half], body[half:]) if part]
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
            if self.framing == "garbled":
                body = body[: len(body) // 2] + b"zz\r\n" + body[len(body) // 2 :]
        elif body or self.method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
            lines.append(f"Content-Length: {length.get(self.framing, len(body))}")
            if self.framing == "cut":
                body = body[: len(body) // 2]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


@dataclass(frozen=True)
class Reply:
    """What came back; ``status`` 0: nothing, the connection was closed."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


class WrongAnswer(Exception):
    """What came back is no HTTP."""


class Hang(Exception):
    """Nothing came back for a long time."""


class _Stream:
    """A socket for http.client, which would throw away what comes after an answer."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def makefile(self, mode: str) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        """The next answer comes by the same file."""

    def flush(self) -> None:
        """An answer that is given up flushes what may be closed by then."""


class Client:
    """A client of one address, whose connection is kept as long as the server keeps it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._prefix = parts.path
        self._socket: socket.socket | None = None

    def close(self) -> None:
        if self._socket is not None:
            self._file.close()
            self._socket.close()
            self._socket = None

    def ask(self, request: Request) -> Reply:
        """The server's answer; raises Hang, WrongAnswer."""
        if self._socket is not None:
            try:
                return self._ask(request)
            except ConnectionError:
                self.close()  # the server had closed it meanwhile
        try:
            return self._ask(request)
        except ConnectionError:
            self.close()
            return Reply(0, [], b"")

    def _ask(self, request: Request) -> Reply:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=PATIENCE)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._file: Any = self._socket.makefile("rb")
        patience = FEED if request.waits else PATIENCE
        self._socket.settimeout(patience)
        try:
            return self._exchange(self._socket, request, time.monotonic() + patience)
        except TimeoutError as error:
            self.close()
            if request.waits:
                return Reply(0, [], b"")
            raise Hang from error
        except HTTPException as error:
            self.close()
            if isinstance(error, ConnectionError):
                raise
            raise WrongAnswer(repr(error)) from error

    def _exchange(self, connection: socket.socket, request: Request, deadline: float) -> Reply:
        refused = False
        try:
            connection.sendall(request.wire(self._prefix))
            if request.is_broken:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            refused = True  # but there may be an answer
        if request.leaves:
            self.close()
            return Reply(0, [], b"")
        method = request.sent_method
        answer = HTTPResponse(_Stream(self._file), method=method)  # type: ignore[arg-type]
        answer.begin()
        body = b""
        while chunk := answer.read1(65536):
            body += chunk
            if time.monotonic() > deadline:
                raise TimeoutError
        if answer.length:
            raise IncompleteRead(body, answer.length)
        reply = Reply(answer.status, answer.getheaders(), body)
        if answer.will_close or request.is_broken or refused:
            self.close()
            return reply
        connection.setblocking(False)
        more = self._file.peek(1)
        if more:
            self.close()
            raise WrongAnswer(f"{reply} is followed by {more[:200]!r}")
        return reply
