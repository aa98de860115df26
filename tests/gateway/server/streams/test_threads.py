"""Those who wait, or leave, hold no thread, and keep nobody else waiting."""

from __future__ import annotations

import http.client
import json
import queue
import socket
import threading
import time

import pytest
from django.db import ProgrammingError, connection

from django_cbtools.embedded.http.answers import Answer
from tests.gateway.server.streams.handlers import DB, STREAM, ask, gateway_threads, put, request_of
from tests.gateway.sockets import rest, until

MANY = 60


# -------------------------------------------------------------------- threads


def test_those_who_wait_hold_no_thread(handlers, connect, address):
    waiting = [connect(STREAM) for _ in range(MANY)]
    while len(handlers.pieces.turns) < MANY:
        time.sleep(0.01)
    for number in range(20):
        assert ask(address, "PUT", f"{DB}/d{number}", "{}")[0] == 201
    assert len(gateway_threads()) < MANY / 2
    for _ in waiting:
        handlers.pieces.put(None)
    for sock in waiting:
        assert until(sock, b"0\r\n\r\n")


def test_feeds_keep_nobody_else_waiting(connect, address):
    feeds = [
        connect(request_of(f"GET {DB}/_changes?feed={kind}"))
        for kind in ("longpoll", "continuous")
        for _ in range(MANY // 2)
    ]
    for sock in feeds[: MANY // 2]:
        until(sock, b'{"results":[')
    assert ask(address, "PUT", f"{DB}/d", "{}")[0] == 201
    for sock in feeds:
        until(sock, b'"id":"d"')


def test_those_who_are_slow_keep_nobody_else_waiting(connect, address):
    slow = [(put(f"slow{number}"), number % 40) for number in range(MANY)]
    sockets = [connect(request[: -length - 1]) for request, length in slow]
    assert ask(address, "PUT", f"{DB}/d", "{}")[0] == 201
    for sock, (request, length) in zip(sockets, slow, strict=True):
        sock.sendall(request[-length - 1 :])
        assert until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 201 ")


def test_handler_that_fails(handlers, address, caplog):
    handlers.fail = lambda call: 1 / 0
    status, text = ask(address, "GET", "/try/fail")
    assert (status, json.loads(text)["error"]) == (500, "Internal Server Error")
    assert "ZeroDivisionError" in caplog.text
    assert ask(address, "HEAD", "/try/fail") == (500, b"")


def test_connection_to_the_database_is_kept(handlers, address):
    """It belongs to the thread, and is replaced once something is wrong with it."""
    used = queue.SimpleQueue()

    def note(call):
        connection.ensure_connection()
        used.put((threading.get_ident(), connection.connection))
        if "broken" in call.query_string:
            connection.connection.close()
            with pytest.raises(ProgrammingError):
                connection.cursor()
        return Answer(200, b"noted")

    handlers.note = note
    client = http.client.HTTPConnection(*address)
    for number in range(40):
        query = "?broken" if number in (20, 21) else ""
        client.request("GET", f"/try/note{query}")
        assert client.getresponse().read() == b"noted"
        client.request("GET", f"{DB}/none")
        assert client.getresponse().read()
    client.close()
    # A thread may not be back when the next request is there, and another one takes it.
    first = dict(used.get() for _ in range(20))
    broken = dict(used.get() for _ in range(2))
    last = [used.get() for _ in range(18)]
    assert len(first) + len(broken) <= 4
    for thread, kept in last:
        assert (kept is first.get(thread)) == (thread in first and thread not in broken)
        first[thread] = kept
        broken.pop(thread, None)


# ----------------------------------------------------------- clients that leave


def test_client_that_goes_away(handlers, connect, address):
    for _ in range(3):
        connect(STREAM).close()
        assert handlers.events.get() == "closed"
    assert ask(address, "PUT", f"{DB}/d", "{}")[0] == 201


def test_client_that_has_sent_all_is_answered(connect):
    sock = connect(put("d"))
    sock.shutdown(socket.SHUT_WR)
    assert rest(sock).startswith(b"HTTP/1.1 201 ")


def test_stream_is_closed_where_nobody_reads_it(handlers, connect):
    sock = connect(STREAM)
    handlers.pieces.put(b"first")
    until(sock, b"first\r\n")
    sock.close()
    while handlers.events.empty():
        handlers.pieces.put(b"more")
    assert handlers.events.get() == "closed"
