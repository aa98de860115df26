"""A data node of a cluster that lets nobody in."""

from __future__ import annotations

import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

#: The header of the memcached binary protocol: magic, opcode, length of the key, length of the
#: extras, type of the data, status, length of the body, opaque, CAS.
_HEADER = struct.Struct(">BBHBBHIIQ")
_ANSWER = 0x81
_HELLO, _LIST_MECHANISMS, _AUTHENTICATE, _CONFIGURATION = 0x1F, 0x20, 0x21, 0xB5
_SUCCESS, _WRONG_LOGIN, _NO_ACCESS, _UNKNOWN = 0x00, 0x20, 0x24, 0x81
_ANSWERS = {
    _HELLO: (_SUCCESS, b""),
    _LIST_MECHANISMS: (_SUCCESS, b"SCRAM-SHA512 PLAIN"),
    _AUTHENTICATE: (_WRONG_LOGIN, b""),
    _CONFIGURATION: (_NO_ACCESS, b""),
}


class Node(socketserver.ThreadingTCPServer):
    """It listens on 127.0.0.1; ``certificates`` are those that its clients have shown by TLS."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.tls = tls
        self.certificates: list[Any] = []
        self.host = f"127.0.0.1:{self.server_address[1]}"


class _Connection(socketserver.BaseRequestHandler):
    server: Node

    def handle(self) -> None:
        # The client does not like the node's certificate, or goes away.
        with suppress(OSError):
            self._talk()

    def _talk(self) -> None:
        connection = self.request
        if self.server.tls:
            connection = self.server.tls.wrap_socket(connection, server_side=True)
            self.server.certificates.append(connection.getpeercert())
        with connection, connection.makefile("rwb") as stream:
            while header := stream.read(_HEADER.size):
                _, opcode, _, _, _, _, length, opaque, _ = _HEADER.unpack(header)
                stream.read(length)
                status, body = _ANSWERS.get(opcode, (_UNKNOWN, b""))
                stream.write(
                    _HEADER.pack(_ANSWER, opcode, 0, 0, 0, status, len(body), opaque, 0) + body
                )
                stream.flush()


@contextmanager
def running_node(tls: ssl.SSLContext | None = None) -> Iterator[Node]:
    """A node that runs, by TLS or without."""
    with Node(tls) as node:
        thread = threading.Thread(target=node.serve_forever)
        thread.start()
        yield node
        node.shutdown()
        thread.join()
