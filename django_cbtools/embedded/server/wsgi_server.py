"""Cheroot's WSGI server, with what it leaves to be desired."""

from __future__ import annotations

import contextlib
import errno
import logging
import selectors
import socket
import sys
import time
from typing import Any

from cheroot import wsgi
from cheroot.server import HTTPConnection, HTTPRequest

from ..http.messages import MAX_BODY_BYTES
from .application import IS_GONE
from .request_body import Body, ChunkedBody
from .threads import Threads

#: The longest line and headers of a request, in bytes.
MAX_HEADER_BYTES = 1024 * 1024
#: How many connections may wait to be accepted; those beyond are reset.
BACKLOG = 128
#: How many connections are kept for a client's next request.
KEPT = 100

logger = logging.getLogger(__name__)


class Request(HTTPRequest):
    def read_request_headers(self) -> bool:
        if not super().read_request_headers():  # type: ignore[no-untyped-call]
            return False
        # Cheroot takes what Python takes for a number: -1, +1, 1_0.
        if not self.inheaders.get(b"Content-Length", b"0").isdigit():
            self.simple_response("400 Bad Request", "Malformed Content-Length Header.")
            return False
        return True


class Gateway(wsgi.Gateway_10):
    def __init__(self, request: HTTPRequest) -> None:
        source = request.conn.rfile
        length = int(request.inheaders.get(b"Content-Length", 0))
        request.rfile = ChunkedBody(source) if request.chunked_read else Body(source, length)
        super().__init__(request)
        self.env[IS_GONE] = request.conn.is_gone

    def start_response(self, *args: Any, **kwargs: Any) -> Any:
        # What has not been read would be taken for the next request.
        self.req.close_connection |= not self.req.rfile.skip()
        return super().start_response(*args, **kwargs)


class Connection(HTTPConnection):
    RequestHandlerClass = Request

    def is_gone(self) -> bool:
        """Whether the client has closed his end (or the server is being stopped)."""
        with selectors.DefaultSelector() as selector:
            try:
                selector.register(self.socket, selectors.EVENT_READ)
                return bool(selector.select(0)) and not self.socket.recv(1, socket.MSG_PEEK)
            except (OSError, ValueError):
                return True

    def close(self) -> None:
        if self.linger:
            # Cheroot would leave the socket to the garbage collector. What has not been read would
            # take the answer with it.
            self.linger = False
            with contextlib.suppress(OSError):
                self.socket.settimeout(0)
                self.socket.recv(MAX_HEADER_BYTES)
        super().close()
        # What a client that has gone was not sent would be tried again by the garbage collector,
        # which complains.
        with contextlib.suppress(OSError):
            self.wfile.close()


class WSGIServer(wsgi.Server):
    """A threaded server of one application; OSError from ``prepare()`` where the port is taken."""

    ConnectionClass = Connection
    max_request_header_size = MAX_HEADER_BYTES
    max_request_body_size = MAX_BODY_BYTES
    keep_alive_conn_limit = KEPT
    expiration_interval = 0.1  # it looks then, too, whether it is to stop

    def __init__(self, host: str, port: int, application: Any) -> None:
        super().__init__((host, port), application, request_queue_size=BACKLOG)
        self.gateway = Gateway
        self.requests = Threads(self._serve, f"gateway-{application.port}")

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        logger.log(level, msg, exc_info=traceback)
        error = sys.exc_info()[1]
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            time.sleep(0.1)  # cheroot tries at once to accept the connection again

    def _serve(self, connection: Any) -> None:
        keeps = False
        try:
            keeps = connection.communicate()
        finally:
            if keeps:
                self.put_conn(connection)
            else:
                connection.close()
