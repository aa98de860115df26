"""The gateway over HTTP: its two ports, each with a threaded server."""

from __future__ import annotations

import threading

from django.core.exceptions import ImproperlyConfigured

from ..http.messages import ADMIN_PORT, PUBLIC_PORT
from .application import Application


class Server:
    """Both ports of the gateway on one host; a port of 0 is any that is free."""

    def __init__(self, host: str, port: int, admin_port: int, alias: str | None = None) -> None:
        try:
            from .wsgi_server import WSGIServer
        except ImportError as error:
            raise ImproperlyConfigured(
                "Serving the embedded gateway needs cheroot: "
                "pip install 'django-cbtools[embedded]'."
            ) from error
        self._servers = [
            WSGIServer(host, number, Application(name, alias))
            for name, number in ((PUBLIC_PORT, port), (ADMIN_PORT, admin_port))
        ]
        self._threads: list[threading.Thread] = []

    @property
    def urls(self) -> tuple[str, str]:
        """The addresses of the public and the admin port; known once the server is started."""
        public, admin = (f"http://{s.bind_addr[0]}:{s.bind_addr[1]}" for s in self._servers)
        return public, admin

    def start(self) -> None:
        """Listen; OSError where a port is taken."""
        try:
            for server in self._servers:
                server.prepare()
        except OSError:
            self.stop()
            raise
        for server in self._servers:
            thread = threading.Thread(target=server.serve, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop listening, and answer who is being served; feeds that wait end at once."""
        stops = [threading.Thread(target=server.stop) for server in self._servers]
        for thread in stops:
            thread.start()
        for thread in stops + self._threads:
            thread.join()
