"""Connections that enforce the deadline of a call.

A socket's timeout starts again with every byte that arrives, so a slow response would never end.
Here, each wait is limited to the remaining time.
"""

from __future__ import annotations

import http.client
import io
import os
import queue
import ssl
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from ..deadline import socket_timeout


class _Reader(io.RawIOBase):
    """A socket's file that limits each read to the deadline."""

    def __init__(self, sock: Any, file: io.RawIOBase) -> None:
        self._sock = sock
        self._file = file
        self._timeout = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(socket_timeout(self._timeout))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Lines(io.BufferedReader):
    """A socket's file that rejects a response whose headers are cut. http.client would take it for
    a whole response with an empty body."""

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if len(line) != size and not line.endswith(b"\n"):
            raise ConnectionResetError("the answer breaks off")
        return line


class _WithDeadline:
    """A connection of http.client that limits sending and receiving to the deadline."""

    sock: Any
    connect: Any
    #: The head of a request, which is sent with its body in one packet. None means to send at once.
    _head: bytes | None = None

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        self._head = b""
        super().endheaders(*args, **kwargs)  # type: ignore[misc]

    def getresponse(self) -> Any:
        if self._head:
            self.send(b"")
        return super().getresponse()  # type: ignore[misc]

    def send(self, data: Any) -> None:
        if self._head == b"":
            self._head = data
            return
        if self._head is not None:
            data, self._head = self._head + data, None
        if self.sock is None:
            self.connect()
        # urllib3 leaves the timeout for connecting set, which must not apply to sending.
        self.sock.settimeout(socket_timeout(None))
        super().send(data)  # type: ignore[misc]

    def response_class(self, sock: Any, **kwargs: Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(sock, **kwargs)
        response.fp = _Lines(_Reader(sock, response.fp.detach()))
        return response


class _Connection(_WithDeadline, HTTPConnection):  # type: ignore[misc]
    pass


class _TLSConnection(_WithDeadline, HTTPSConnection):  # type: ignore[misc]
    def connect(self) -> None:
        try:
            super().connect()
        except (ssl.SSLError, ConnectionError) as error:
            # Nothing has been sent yet. Later, such an error leaves the outcome of the request
            # open.
            raise NewConnectionError(self, f"TLS failed: {error}") from error


class _Idle(queue.LifoQueue[Any]):
    """A pool's idle connections.

    urllib3 closes them with the pool. In a forked child this could wait for ever, since a thread
    that only exists in the parent may hold the lock.
    """

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._process = os.getpid()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if self._process == os.getpid():
            return super().get(block, timeout)
        if not self.queue:
            raise queue.Empty
        return self._get()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection
    QueueCls = _Idle


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection
    QueueCls = _Idle


_POOLS = {"http": _Pool, "https": _TLSPool}


class Adapter(HTTPAdapter):
    """A transport adapter for requests with such connections."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        if type(manager) is ProxyManager:  # SOCKS has connections of its own
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def close(self) -> None:
        """Close the connections: idle ones at once, others when they have their answer.

        urllib3 closes them when nobody refers to their pool any more. The traceback of an exception
        may refer to it for long.
        """
        managers = (self.poolmanager, *self.proxy_manager.values())
        pools = [pool for each in managers for pool in map(each.pools.get, each.pools.keys())]
        super().close()
        for pool in filter(None, pools):
            pool.close()
