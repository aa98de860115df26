"""Answers that come in pieces, in a site that Django serves."""

from __future__ import annotations

import socket
import threading

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.urls import include, path

from tests.gateway.server.streams.handlers import request_of
from tests.gateway.sockets import rest, until

urlpatterns = [path("sync/", include("django_cbtools.embedded.urls.public"))]


# ---------------------------------------------------------------- in a site


@pytest.fixture
def runserver(handlers, settings):
    """Host and port of a site with the public API in it, as ``manage.py runserver`` serves it."""
    settings.ROOT_URLCONF = __name__
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site_connect(runserver):
    sockets = []

    def connect(request):
        sockets.append(socket.create_connection(runserver))
        sockets[-1].sendall(request)
        return sockets[-1]

    yield connect
    for sock in sockets:
        sock.close()


SITE_STREAM = request_of("GET /sync/try/stream")


def test_site_sends_each_piece_at_once(handlers, site_connect):
    sock = site_connect(SITE_STREAM)
    for piece in (b"first", b"\n", b"x" * 1_000_000, b"last"):
        handlers.pieces.put(piece)
        until(sock, piece)
    assert handlers.events.empty()
    handlers.pieces.put(None)
    assert rest(sock) == b""
    assert handlers.events.get() == "closed"


def test_site_sends_the_length_where_it_is_known(handlers, site_connect):
    handlers.length = 6
    sock = site_connect(SITE_STREAM)
    for piece in (b"abc", b"def", None):
        handlers.pieces.put(piece)
    head, _, body = until(sock, b"abcdef").partition(b"\r\n\r\n")
    assert body == b"abcdef"
    assert b"Content-Length: 6" in head
    sock.sendall(request_of("GET /sync/"))
    assert until(sock, b"}").startswith(b"HTTP/1.1 200 ")


def test_site_closes_a_stream_that_nobody_reads(handlers, site_connect):
    sock = site_connect(SITE_STREAM)
    handlers.pieces.put(b"first")
    until(sock, b"first")
    sock.close()
    while handlers.events.empty():
        handlers.pieces.put(b"more")
    assert handlers.events.get() == "closed"


def test_site_refuses_a_body_that_stops_half_way(handlers, site_connect):
    sock = site_connect(request_of("PUT /sync/try/read", "Content-Length: 3000", body=b"x" * 1500))
    sock.shutdown(socket.SHUT_WR)
    assert rest(sock).startswith(b"HTTP/1.1 400 ")
