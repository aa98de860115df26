"""The gateway over HTTP: its two ports, each with a threaded server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_finished, request_started

from django_cbtools import conf

from .errors import bad_request
from .gateway import respond
from .http import ADMIN_PORT, PUBLIC_PORT, Call


class Application:
    """A port of the gateway as a WSGI application; ``alias`` as in DATABASES."""

    def __init__(self, port: str, alias: str | None = None) -> None:
        self.port = port
        self.alias = alias

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        # Django's connections follow these signals: they close what is broken or too old.
        request_started.send(sender=self.__class__, environ=environ)
        try:
            answer = respond(self._call(environ))
            headers = list(answer.headers.items())
            length = answer.content_length()
            if environ["REQUEST_METHOD"] != "HEAD" and answer.status != 204 and length is not None:
                headers.append(("Content-Length", str(length)))
            start_response(f"{answer.status} {answer.phrase}", headers)
            yield from answer.chunks()
        finally:
            request_finished.send(sender=self.__class__)

    def _call(self, environ: dict[str, Any]) -> Call:
        headers = {
            name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        headers["content-type"] = environ.get("CONTENT_TYPE", "")
        return Call(
            port=self.port,
            alias=self.alias or conf.document_alias(),
            method=environ["REQUEST_METHOD"],
            path=environ["REQUEST_URI"].partition("?")[0],
            query_string=environ["QUERY_STRING"],
            headers=headers,
            read=lambda limit: _read(environ["wsgi.input"], limit),
        )


def _read(body: Any, limit: int) -> bytes:
    try:
        data: bytes = body.read(limit)
    except TimeoutError:
        raise  # cheroot answers 408
    except (OSError, ValueError) as error:
        raise bad_request(f"The request's body cannot be read: {error}") from None
    return data


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
        for server in self._servers:
            server.stop()
        for thread in self._threads:
            thread.join()
