"""Cheroot's WSGI server, with what it leaves to be desired."""

from __future__ import annotations

import contextlib
from typing import Any

from cheroot import wsgi
from cheroot.server import HTTPConnection

from .http import MAX_BODY_BYTES

#: How many requests are answered at once.
THREADS = 10
#: How many connections may wait for a thread; those beyond are reset.
BACKLOG = 128


class Gateway(wsgi.Gateway_10):
    def start_response(self, *args: Any, **kwargs: Any) -> Any:
        # What has not been read of a chunked body would be taken for the next request.
        if self.req.chunked_read and not self.req.rfile.closed:
            self.req.close_connection = True
        return super().start_response(*args, **kwargs)


class Connection(HTTPConnection):
    def close(self) -> None:
        super().close()
        # What a client that has gone was not sent would be tried again by the garbage collector,
        # which complains.
        with contextlib.suppress(OSError):
            self.wfile.close()


class WSGIServer(wsgi.Server):
    """A threaded server of one application; OSError from ``prepare()`` where the port is taken."""

    ConnectionClass = Connection
    max_request_body_size = MAX_BODY_BYTES

    def __init__(self, host: str, port: int, application: Any) -> None:
        super().__init__((host, port), application, numthreads=THREADS, request_queue_size=BACKLOG)
        self.gateway = Gateway
