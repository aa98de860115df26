"""Feeds that wait for changes: how soon they answer, and what ends them."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection, connections

from django_cbtools.embedded.api import feed_options
from django_cbtools.embedded.api.gateway import respond
from tests.gateway.feed.client import DB, allow, ask, call, login, put

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[3]


# -------------------------------------------------------------------- waiting

WRITER = """
import sys
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from django_cbtools.sync_gateway import SyncGateway
SyncGateway.save_json(sys.argv[2], {"channels": ["a"]})
"""


class Client:
    """A connection of its own to the gateway over HTTP."""

    def __init__(self, server, user=None):
        parts = urlsplit(server.urls[0 if user else 1])
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port)
        self.headers = login(user) if user else {}

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.connection.close()

    def follow(self, feed, **query):
        """The answer, once the feed has begun."""
        query_string = "&".join(f"{name}={value}" for name, value in query.items())
        self.connection.request(
            "GET", f"{DB}/_changes?feed={feed}&{query_string}", headers=self.headers
        )
        answer = self.connection.getresponse()
        assert answer.status == 200
        if feed == "longpoll":
            assert answer.readline() == b'{"results":[\r\n'
        return answer


def rest_of(answer):
    """What a longpoll says after its first line."""
    found = json.loads(b'{"results":[' + answer.read())
    return [(row["seq"], row["id"]) for row in found["results"]], found["last_seq"]


def lines(answer, count):
    """So many lines of a continuous feed that are not empty."""
    found = []
    while len(found) < count:
        line = answer.readline()
        assert line.endswith(b"\n"), found
        found += [json.loads(line)] if line.strip() else []
    return [(row["seq"], row["id"]) for row in found]


def write_elsewhere(uid):
    """Write a document in another process."""
    subprocess.run(
        [sys.executable, "-c", WRITER, connection.settings_dict["NAME"], uid],
        cwd=ROOT, env={"DJANGO_SETTINGS_MODULE": "tests.settings"}, check=True,
    )  # fmt: skip


def test_longpoll_is_woken_by_another_process(http_gateway):
    put("before")
    with Client(http_gateway) as client:
        answer = client.follow("longpoll", since=1)
        write_elsewhere("woken")
        assert rest_of(answer) == ([(2, "woken")], "2")


def test_longpoll_is_woken_by_what_concerns_the_user(http_gateway):
    allow("a")
    put("b", {"channels": ["b"]})
    with Client(http_gateway, "alice") as client:
        answer = client.follow("longpoll", since=2)
        put("b too", {"channels": ["b"]})
        put("a", {"channels": ["a"]})
        assert rest_of(answer) == ([(4, "a")], "4")


def test_longpoll_is_woken_by_a_grant(http_gateway):
    allow()
    put("a", {"channels": ["a"]})
    with Client(http_gateway, "alice") as client:
        answer = client.follow("longpoll", since=2)
        allow("a")
        assert rest_of(answer) == ([("3:2", "a"), (3, "_user/alice")], "3")


@pytest.mark.parametrize("end", ["disable", "delete"])
@pytest.mark.parametrize("feed", ["longpoll", "continuous"])
def test_feed_ends_with_the_user(feed, end, http_gateway):
    allow("a")
    with Client(http_gateway, "alice") as client:
        answer = client.follow(feed, since=1, timeout=0)
        if end == "disable":
            ask("PUT", "/_user/alice", {"disabled": True})
        else:
            ask("DELETE", "/_user/alice")
        put("a", {"channels": ["a"]})
        if feed == "longpoll":
            assert rest_of(answer) == ([], "1")
        else:
            error = {"error": "Unauthorized", "reason": "Login required"}
            assert json.loads(answer.read()) == error


def test_continuous_feed_follows_the_channels_of_the_user(http_gateway):
    allow("a")
    put("b", {"channels": ["b"]})
    with Client(http_gateway, "alice") as client:
        answer = client.follow("continuous", timeout=0)
        assert lines(answer, 1) == [(1, "_user/alice")]
        put("a", {"channels": ["a"]})
        assert lines(answer, 1) == [(3, "a")]
        allow("b")
        assert lines(answer, 2) == [("4:2", "b"), (4, "_user/alice")]
        put("a too", {"channels": ["a"]})
        put("b too", {"channels": ["b"]})
        assert lines(answer, 1) == [(6, "b too")]
        allow()
        assert lines(answer, 1) == [(7, "_user/alice")]
        put("b again", {"channels": ["b"]})
        put("for all", {"channels": ["!"]})
        assert lines(answer, 1) == [(9, "for all")]


def test_continuous_feed_ends_at_its_limit(http_gateway):
    put("one")
    with Client(http_gateway) as client:
        answer = client.follow("continuous", timeout=0, limit=2)
        assert lines(answer, 1) == [(1, "one")]
        put("two")
        put("three")
        assert [json.loads(line)["id"] for line in answer.read().split()] == ["two"]


@pytest.mark.parametrize("feed", ["longpoll", "continuous"])
def test_heartbeats(feed, http_gateway, monkeypatch):
    monkeypatch.setattr(feed_options, "MIN_HEARTBEAT", 20)
    with Client(http_gateway) as client:
        # With heartbeats, nothing times out.
        answer = client.follow(feed, heartbeat=20, timeout=1)
        assert [answer.readline() for _ in range(5)] == [b"\n"] * 5
        put("one")
        if feed == "continuous":
            assert lines(answer, 1) == [(1, "one")]
        else:
            assert rest_of(answer) == ([(1, "one")], "1")


@pytest.mark.parametrize("feed", ["longpoll", "continuous"])
@pytest.mark.parametrize("state", ["offline", "deleted"])
def test_feed_ends_with_the_database(feed, state, http_gateway):
    put("one")
    with Client(http_gateway) as client:
        answer = client.follow(feed, since=1, timeout=0)
        if state == "offline":
            ask("POST", "/_offline", {})
        else:
            ask("DELETE", "/")
        if feed == "longpoll":
            assert rest_of(answer) == ([], "1")
        else:
            assert "error" in json.loads(answer.read())


def test_a_feed_that_is_told_to_end_says_how_far_it_came():
    put("one")
    for feed, last in (("longpoll", b'],\n"last_seq":"1"}\n'), ("continuous", None)):
        stream = respond(call("GET", "/_changes", feed=feed, since=1, heartbeat=30000)).stream
        pause = next(piece for piece in stream if not isinstance(piece, bytes))
        pause.is_over = True
        assert list(stream) == ([last] if last else [])


def test_a_feed_outlives_its_connection(transactional_db):
    """Others on its thread close it, as Django does at the end of a request."""
    put("one")
    chunks = respond(call("GET", "/_changes", feed="continuous", timeout=0)).chunks()
    assert b'"id":"one"' in next(chunks)
    assert next(chunks) == b"\n"
    connection.close()
    put("two")
    assert b'"id":"two"' in next(chunks)
    chunks.close()


def test_a_feed_sees_what_its_own_thread_writes(transactional_db):
    chunks = respond(call("GET", "/_changes", feed="continuous", timeout=0)).chunks()
    assert next(chunks) == b"\n"
    for uid in ("one", "two"):
        put(uid)
        found = json.loads(next(chunks))
        assert found["id"] == uid
    chunks.close()


def test_a_feed_holds_no_transaction(transactional_db):
    put("one")
    chunks = respond(call("GET", "/_changes", feed="continuous", timeout=0)).chunks()
    next(chunks)

    def checkpoint():
        try:
            put("two")
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout = 0")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return cursor.fetchone()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        is_busy, *_ = pool.submit(checkpoint).result()
    assert not is_busy
    chunks.close()


def test_feeds_beside_a_writer(http_gateway):
    """Two clients who follow see all that is written, each document last as it is."""
    count = 60
    allow("a")

    def write():
        try:
            revs = {}
            for number in range(count):
                uid = f"d{number % 7}"
                revs[uid] = put(
                    uid, {"channels": ["a"]}, **({"rev": revs[uid]} if uid in revs else {})
                )
            put("last", {"channels": ["a"]})
            return revs
        finally:
            connections.close_all()

    def follow(user):
        seen, seqs = {}, []
        with Client(http_gateway, user) as client:
            answer = client.follow("continuous", timeout=0)
            while "last" not in seen:
                line = answer.readline().strip()
                if line:
                    row = json.loads(line)
                    seqs.append(row["seq"])
                    seen[row["id"]] = [change["rev"] for change in row["changes"]]
        assert seqs == sorted(set(seqs))
        return {uid: revs for uid, revs in seen.items() if uid.startswith("d")}

    with ThreadPoolExecutor(3) as pool:
        followed = [pool.submit(follow, user) for user in (None, "alice")]
        written = {uid: [rev] for uid, rev in pool.submit(write).result().items()}
        assert [feed.result() for feed in followed] == [written, written]
