"""The gateway's own server: the public and the admin port, served by uvicorn on a thread."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from ..blip.frames import MAX_FRAME
from ..http.messages import ADMIN_PORT, PUBLIC_PORT
from .application import Application
from .pools import Pools
from .replicators.manager import Manager

#: The largest head of a request, in bytes, as on a real gateway.
MAX_HEAD_BYTES = 1024 * 1024
#: How many connections may wait to be accepted.
BACKLOG = 2048
#: How long (in seconds) an idle connection is kept open for the next request, and how long answers
#: in progress may take after the server is told to stop.
KEEP_ALIVE, GRACE = 60, 10
#: How long (in seconds) a thread may run before another one does. A request waits for it some
#: twenty times, at each query. Python's own interval is ten times as long.
SWITCH_INTERVAL = 0.0005
#: The interval (in seconds) at which clients of WebSockets are asked whether they are still there,
#: and how long they may take to answer.
PING = 30.0


class Server:
    """A server for both ports of the gateway on one host.

    A port of 0 means any free port. Raises ImproperlyConfigured if uvicorn is not installed.
    """

    def __init__(self, host: str, port: int, admin_port: int, alias: str | None = None) -> None:
        try:
            from . import protocol
        except ImportError as error:
            raise ImproperlyConfigured(
                "Serving the embedded gateway needs uvicorn: "
                "pip install 'django-cbtools[embedded]'."
            ) from error
        self._protocol = protocol
        self._host = host
        self._ports = {PUBLIC_PORT: port, ADMIN_PORT: admin_port}
        self._alias = alias
        self._sockets: list[socket.socket] = []
        self._servers: list[Any] = []
        self._thread: threading.Thread | None = None
        self._pools = Pools()
        self._manager: Manager | None = None

    @property
    def urls(self) -> tuple[str, str]:
        """The URLs of the public and the admin port. They are known once the server has started."""
        public, admin = (_url(sock) for sock in self._sockets)
        return public, admin

    def start(self) -> None:
        """Start to listen on both ports. Raises OSError if a port is in use."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            for port in self._ports.values():
                address = (self._host, port)
                self._sockets.append(
                    socket.create_server(address, family=family, backlog=BACKLOG)
                )  # fmt: skip
        except OSError:
            self.stop()
            raise
        self._switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._servers = [self._server(port) for port in self._ports]
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="gateway-server", daemon=True
        )
        self._thread.start()
        self._manager = Manager(self._alias, self._pools)
        self._manager.start()

    def stop(self) -> None:
        """Stop listening, and wait for requests in progress. Feeds that wait end at once."""
        if self._manager is not None:
            self._manager.stop()
        for server in self._servers:
            server.should_exit = True
        if self._thread is not None:
            self._thread.join()
            sys.setswitchinterval(self._switch_interval)
        for sock in self._sockets:
            sock.close()
        self._pools.close()

    async def _serve(self) -> None:
        await asyncio.gather(
            *(
                server.serve(sockets=[sock])
                for server, sock in zip(self._servers, self._sockets, strict=True)
            )
        )

    def _server(self, port: str) -> Any:
        import uvicorn

        config = uvicorn.Config(
            Application(port, self._alias, self._pools),
            http=self._protocol.Protocol, lifespan="off", interface="asgi3",
            ws=f"{__package__}.websockets:Protocol" if find_spec("websockets") else "none",
            ws_max_size=MAX_FRAME, ws_ping_interval=PING, ws_ping_timeout=PING,
            ws_per_message_deflate=False,
            workers=1, log_config=None, log_level="error", access_log=False,
            proxy_headers=False, server_header=False, backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=GRACE,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )  # fmt: skip
        return self._protocol.PortServer(config)


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
