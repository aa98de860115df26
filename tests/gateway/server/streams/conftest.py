"""A server whose handlers are the tests' own: what they do happens when a test says so."""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit

import pytest

from django_cbtools.embedded.server import application, site
from django_cbtools.embedded.server.server import Server
from tests.gateway.server.streams.handlers import OTHERS, Handlers


@pytest.fixture
def handlers(monkeypatch, transactional_db):
    handlers = Handlers(application.respond)
    monkeypatch.setattr(application, "respond", handlers.respond)
    monkeypatch.setattr(site, "respond", handlers.respond)
    return handlers


@pytest.fixture
def server(handlers):
    server = Server("127.0.0.1", 0, 0, alias="default")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def address(server):
    """Host and port of the admin API."""
    parts = urlsplit(server.urls[1])
    return parts.hostname, parts.port


@pytest.fixture
def connect(address):
    """Sockets to the server, with a request sent."""
    sockets = []

    def connect(request):
        sockets.append(socket.create_connection(address))
        sockets[-1].sendall(request)
        return sockets[-1]

    yield connect
    for sock in sockets:
        sock.close()


@pytest.fixture(autouse=True)
def _others():
    """The threads of servers that other tests have left running."""
    OTHERS[:] = threading.enumerate()
