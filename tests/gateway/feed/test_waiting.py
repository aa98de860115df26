"""Waiting for writes: who is woken by what, and what is left when nobody waits."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.database import Database
from django_cbtools.embedded.feed import waiting
from django_cbtools.embedded.feed.waiting import Interest, Pause
from django_cbtools.embedded.http.messages import Call
from django_cbtools.sync_gateway import SyncGateway
from tests.programs import run

pytestmark = pytest.mark.django_db(transaction=True)

DB = "/test_documents"
LOGIN = {"authorization": "Basic " + b64encode(b"alice:secret").decode()}


@pytest.fixture
def database():
    waiting.close()
    waiting._forget()
    SyncGateway.put_user("alice", password="secret", admin_channels=["a"])
    return Database.open("default", "test_documents")


class Waiter:
    """Somebody who waits, with all that concerns him."""

    def __init__(self, database, *channels, seen=None, **more):
        interest = Interest(database, frozenset(channels), **more)
        seen = database.sequence if seen is None else seen
        self.pause = Pause("default", interest, seen, until=float("inf"))
        self.woken = threading.Event()

    def __enter__(self):
        self.pause.begin(self.woken.set)
        return self

    def __exit__(self, *args):
        self.pause.end()


def _settle():
    """Go on once the watcher has looked at the file, as it is, twice."""
    time.sleep(3 * waiting.INTERVAL)


def _save(uid, *channels):
    SyncGateway.save_json(uid, {"channels": list(channels)})


def test_channels(database):
    _save("moved", "b")
    with Waiter(database, "a") as a, Waiter(database, "b") as b, Waiter(database, "*") as every:
        _settle()
        _save("x", "a")
        assert a.woken.wait(10)
        assert every.woken.wait(10)
        _settle()
        assert not b.woken.is_set()
    with Waiter(database, "a") as a, Waiter(database, "b") as b:
        _settle()
        (row,) = SyncGateway.all_docs(["moved"])["rows"]
        SyncGateway.save_json("moved", {"channels": ["c"], "_rev": row["value"]["rev"]})
        assert b.woken.wait(10)
        _settle()
        assert not a.woken.is_set()


def test_what_was_written_before_somebody_waits(database):
    """Between the last look at the database and the wait."""
    seen = database.sequence
    _save("x", "b")
    with Waiter(database, "a", seen=seen) as first:
        assert first.woken.wait(10)
        with Waiter(database, "a", seen=seen) as second:
            assert second.woken.wait(10)


def test_users_and_roles(database):
    SyncGateway.put_user("bob", password="secret", admin_channels=["a"])
    with (
        Waiter(database, "x", user="alice", key="alice") as alice,
        Waiter(database, "x", user="bob", key="bob", roles=frozenset(["editor"])) as bob,
    ):
        _settle()
        SyncGateway.put_user("alice", password="secret", admin_channels=["b"])
        assert alice.woken.wait(10)
        _settle()
        assert not bob.woken.is_set()
        _admin("PUT", "/_role/editor", {"admin_channels": ["c"]})
        assert bob.woken.wait(10)


def test_grants(database):
    sync = "function (doc) { channel(doc.channels); access(doc.to, doc.open); }"
    _admin("PUT", "/_config/sync", sync)
    database = Database.open("default", "test_documents")
    with (
        Waiter(database, "x", user="alice", key="alice") as alice,
        Waiter(database, "x", key="bob") as bob,
    ):
        _settle()
        SyncGateway.save_json("grant", {"channels": ["y"], "to": "alice", "open": ["z"]})
        assert alice.woken.wait(10)
        _settle()
        assert not bob.woken.is_set()


@pytest.mark.parametrize("end", ["user", "database", "state"])
def test_ends(end, database):
    with Waiter(database, "x", user="alice", key="alice") as waiter:
        _settle()
        assert not waiter.woken.is_set()
        if end == "user":
            SyncGateway.delete_user("alice")
        elif end == "database":
            _admin("DELETE", "/")
        else:
            _admin("POST", "/_offline", {})
        assert waiter.woken.wait(10)


def _admin(method, path, body=None):
    data = body if isinstance(body, str) else json.dumps(body)
    parts = iter([data.encode(), b""])
    call = Call("admin", "default", method, DB + path, read=lambda limit: next(parts))
    answer = respond(call)
    assert answer.status < 300, answer.body


# ------------------------------------------------------------------- sessions


def _session():
    """A session of alice's, as a cookie."""
    parts = iter([b'{"name": "alice", "password": "secret"}', b""])
    call = Call(
        "public", "default", "POST", DB + "/_session",
        headers={"content-type": "application/json"}, read=lambda limit: next(parts),
    )  # fmt: skip
    return respond(call).headers["Set-Cookie"].partition(";")[0]


@pytest.mark.parametrize("end", ["session", "password"])
def test_feed_ends_with_its_session(end, database):
    cookie = _session()
    query = f"feed={{}}&since={database.sequence}&timeout=0"
    feeds = [
        respond(
            Call("public", "default", "GET", DB + "/_changes", query.format(feed),
                 headers)
        ).chunks()
        for feed in ("continuous", "longpoll")
        for headers in ({"cookie": cookie}, LOGIN)
    ]  # fmt: skip
    for feed in feeds:
        next(feed)
    if end == "session":
        _admin("DELETE", "/_session/" + cookie.partition("=")[2])
    else:
        SyncGateway.put_user("alice", password="other", admin_channels=["a"])
    for continuous, longpoll in (feeds[::2], feeds[1::2]) if end == "password" else (feeds[::2],):
        assert b"Login required" in b"".join(continuous)
        assert json.loads(b'{"results":[' + b"".join(longpoll))["results"] == []
    if end == "session":
        # Who came by a password goes on.
        _save("x", "a")
        for feed in feeds[1::2]:
            assert b'"id":"x"' in next(piece for piece in feed if piece.strip())
            feed.close()


# -------------------------------------------------------------------- nobody


def test_nothing_is_left_where_nobody_waits(database, monkeypatch):
    monkeypatch.setattr(waiting, "_LINGER", 0.01)
    for _ in range(3):
        with Waiter(database, "a") as waiter:
            _settle()
            assert "gateway-watcher-default" in _threads()
            _save(f"x{time.time_ns()}", "a")
            assert waiter.woken.wait(10)
        while "gateway-watcher-default" in _threads():
            time.sleep(0.01)


def _threads():
    return [thread.name for thread in threading.enumerate()]


def test_a_thousand_who_wait_cost_a_look(database):
    """The watcher asks as many questions for all as for one."""
    watcher = waiting._Watcher("default")
    counts = []
    for number in (1, 1000):
        waiters = {
            Waiter(database, f"c{n}", user="alice", key="alice", seen=10**9).pause
            for n in range(number)
        }
        watcher._look(waiters)
        for pause in waiters:
            pause.seen = 0
        with CaptureQueriesContext(connection) as captured:
            with transaction.atomic():
                _save(f"x{number}", "other")
            before = len(captured)
            watcher._version = None
            watcher._look(waiters)
            counts.append(len(captured) - before)
    assert counts[0] == counts[1] < 12


PROGRAM = """
import os, sys, threading
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from django_cbtools.embedded.database import Database
from django_cbtools.embedded.feed import waiting
from django_cbtools.sync_gateway import SyncGateway
from tests.programs import fork

SyncGateway.save_json("first", {"channels": ["a"]})
database = Database.open("default", "default" if len(sys.argv) < 3 else sys.argv[2])

def wait(name):
    woken = threading.Event()
    interest = waiting.Interest(database, frozenset(["a"]))
    pause = waiting.Pause("default", interest, database.sequence, float("inf"))
    pause.begin(woken.set)
    SyncGateway.save_json(name, {"channels": ["a"]})
    assert woken.wait(30)
    pause.begin(woken.set)  # and is still there at the end

wait("parent")
fork(wait, "child", "grandchild")
wait("parent again")
print("done")
"""


def test_forks_and_the_end_of_the_process(tmp_path):
    output = run(
        "-W", "error::ResourceWarning", "-c", PROGRAM, str(tmp_path / "x.sqlite3"),
        "test_documents", DJANGO_SETTINGS_MODULE="tests.settings",
    )  # fmt: skip
    assert output == "done\n"
