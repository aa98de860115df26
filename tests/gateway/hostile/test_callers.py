"""Requests of one caller, however many, leave threads and time to the others."""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections import Counter

import pytest

from django_cbtools.embedded import callers
from django_cbtools.embedded.api import gateway
from django_cbtools.embedded.http.streams import in_turns
from django_cbtools.embedded.server import server
from tests.gateway.fuzz.wire import Client, Request
from tests.gateway.test_turns import wait_for

DB = "/test_documents"
MANY = 60
BODY = json.dumps({"docs": [{"text": "x" * 10_000}] * 100}).encode()
#: What takes a thread of each kind.
REQUESTS = [("GET", f"{DB}/", b""), ("PUT", f"{DB}/x", b"{}"), ("POST", f"{DB}/_bulk_docs", BODY)]


class Gate:
    """Holds requests with certain headers inside, and counts them."""

    def __init__(self, monkeypatch):
        self._respond = gateway._respond
        self.closed = threading.Event()
        self.inside = Counter()
        self.most = Counter()
        self._lock = threading.Lock()
        self.held = set()
        monkeypatch.setattr(gateway, "_respond", self)

    def __call__(self, call):
        who = call.headers.get("authorization") or call.headers.get("cookie", "")
        if any(name in who for name in self.held):
            with self._lock:
                self.inside[who] += 1
                self.most[who] = max(self.most[who], self.inside[who])
            self.closed.wait()
            with self._lock:
                self.inside[who] -= 1
        return self._respond(call)


@pytest.fixture
def gate(monkeypatch):
    gate = Gate(monkeypatch)
    yield gate
    gate.closed.set()


def login(name, password="secret"):
    token = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


@pytest.fixture
def public(http_gateway):
    """Asks as a user by headers; alice and mallory are known."""
    url, admin_url = http_gateway.urls
    admin = Client(admin_url)
    for name in ("alice", "mallory"):
        user = b'{"password": "secret", "admin_channels": ["*"]}'
        assert admin.ask(Request("admin", "PUT", f"{DB}/_user/{name}", {}, user)).status == 201
    admin.close()

    def ask(headers, method, path, body=b""):
        client = Client(url)
        headers = {**headers, "Content-Type": "application/json"}
        status = client.ask(Request("public", method, path, headers, body)).status
        client.close()
        return status

    for name in ("alice", "mallory"):
        assert ask(login(name), "GET", f"{DB}/") == 200
    return ask


def at_once(ask, headers):
    def send(number):
        ask(headers(number), *REQUESTS[number % len(REQUESTS)])

    threads = [threading.Thread(target=send, args=[number]) for number in range(MANY)]
    for thread in threads:
        thread.start()
    return threads


def is_answered(ask, headers):
    assert ask(headers, "GET", f"{DB}/") == 200
    assert ask(headers, "PUT", f"{DB}/polite", b"{}") in (201, 409)
    assert ask(headers, "POST", f"{DB}/_bulk_docs", BODY) == 201


def waiting():
    """How many requests wait for their callers' turns."""
    return callers._computing.waiting


def test_a_user_with_many_requests(public, gate):
    gate.held = {login("mallory")["Authorization"]}
    threads = at_once(public, lambda number: login("mallory"))
    wait_for(lambda: sum(gate.inside.values()) == 1 and waiting() > 5)
    for _ in range(3):
        is_answered(public, login("alice"))
    gate.closed.set()
    for thread in threads:
        thread.join()
    assert set(gate.most.values()) == {1}


def test_many_logins_that_are_not_known(public, gate):
    """They count as one caller, and whoever has logged in before is none of them."""
    wrong = {number: login(f"nobody{number}") for number in range(MANY)}
    gate.held = {headers["Authorization"] for headers in wrong.values()}
    threads = at_once(public, wrong.__getitem__)
    wait_for(lambda: waiting() > 5)
    assert sum(gate.inside.values()) == 1
    is_answered(public, login("alice"))
    gate.held = set()
    gate.closed.set()
    for thread in threads:
        thread.join()


def test_a_users_sessions_count_as_the_user(public, http_gateway, gate):
    client = Client(http_gateway.urls[0])
    cookies = []
    for _ in range(3):
        body = b'{"name": "mallory", "password": "secret"}'
        reply = client.ask(Request("public", "POST", f"{DB}/_session", {}, body))
        cookies.append({"Cookie": reply.header("set-cookie").partition(";")[0]})
        assert public(cookies[-1], "GET", f"{DB}/") == 200
    client.close()
    gate.held = {"SyncGatewaySession"}
    threads = at_once(public, lambda number: cookies[number % 3])
    wait_for(lambda: waiting() > 5)
    assert sum(gate.inside.values()) == 1
    is_answered(public, login("alice"))
    gate.closed.set()
    for thread in threads:
        thread.join()


# ------------------------------------------------------------------------ turns


def test_one_thread_of_a_caller_computes_unless_another_waits():
    order = []

    def other(caller):
        with callers.computing(caller):
            order.append(caller)

    with callers.computing("a"):
        thread = threading.Thread(target=other, args=["a"])
        thread.start()
        wait_for(lambda: waiting() == 1)
        another = threading.Thread(target=other, args=["b"])
        another.start()
        another.join()
        with callers.pausing():
            thread.join()
        order.append("again")
    assert order == ["b", "a", "again"]


def test_pieces_of_a_stream_are_made_in_turns():
    is_over = []

    def pieces():
        try:
            for piece in (b"1", b"2"):
                assert callers._computing._held["a"] == 1
                yield piece
        finally:
            is_over.append(True)

    stream = in_turns(pieces(), "a")
    for piece in (b"1", b"2"):
        assert next(stream) == piece
        assert not callers._computing._held
    stream.close()
    assert is_over == [True]


def test_code_in_process_waits_for_nobody():
    with callers.computing(None), callers.computing(None), callers.pausing():
        assert not callers._computing._held


def test_logins_that_are_forgotten(monkeypatch):
    monkeypatch.setattr(callers, "_users", {})
    monkeypatch.setattr(callers, "_MOST_USERS", 2)
    for name in ("a", "b", "c"):
        callers.remember(f"login of {name}", name)
    assert callers.of(["x", "login of c"], "here") == "user c"
    assert callers.of(["login of a"], "here") == "at here"


def test_threads_take_turns_quickly_while_the_server_runs(http_gateway):
    assert sys.getswitchinterval() == pytest.approx(server.SWITCH_INTERVAL)
