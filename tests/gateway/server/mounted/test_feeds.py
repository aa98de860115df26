"""Feeds in a site, and what its server holds for them."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import requests
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.embedded.server import site
from tests.gateway.server.mounted.urls import DB, LOGIN


def _process(server):
    """The threads and files of the process that listens at an address."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    port = f":{urlsplit(server).port:04X}"
    inode = next(f[9] for f in map(str.split, lines) if f[1].endswith(port) and f[3] == "0A")
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            if f"socket:[{inode}]" in map(os.readlink, folder.iterdir()):
                return folder, folder.parent / "task"
    raise AssertionError("nobody listens")


def _counted(server):
    return [len(list(folder.iterdir())) for folder in _process(server)]


def _wait_for_fewer(server, files, threads):
    """Wait until the process has fewer of both; what it no longer needs takes a moment to end."""
    while [*map(int.__lt__, _counted(server), (files, threads))] != [True, True]:
        time.sleep(0.05)


def _follow(server, kind, **query):
    asked = requests.get(
        f"{server}{DB}/_changes", {"feed": kind, "timeout": 0, **query}, auth=("alice", "alice's"),
        stream=True,
    )  # fmt: skip
    return asked


def test_feeds_under_asgi_hold_nothing(uvicorn):
    """Neither while they wait nor when their clients have left."""
    _follow(uvicorn, "normal").close()
    files, threads = _counted(uvicorn)
    feeds = [_follow(uvicorn, kind, since=1) for kind in ("continuous", "longpoll") * 20]
    # Each has its socket; the pool's threads have a few more.
    _wait_for_fewer(uvicorn, files + 40 + 20, threads + 20)
    answer = requests.put(f"{uvicorn}{DB}/x", json={"channels": ["a"]}, auth=("alice", "alice's"))
    assert answer.status_code == 201
    for feed in feeds:
        assert b'"id":"x"' in next(line for line in feed.iter_lines() if b'"id"' in line)
        feed.close()
    for _ in range(3):
        for feed in [_follow(uvicorn, "continuous", since=9) for _ in range(20)]:
            feed.close()
    _wait_for_fewer(uvicorn, files + 20, threads + 20)


def test_feeds_under_a_server_without_threads(serve):
    """A long poll answers before the server takes its worker for hung; others have their turn."""
    server = serve(
        "gunicorn", "--bind", "127.0.0.1:0", "--workers", "2", "site_for_tests",
        LONGPOLL_TIMEOUT="0.5",
    )  # fmt: skip
    answer = _follow(server, "continuous")
    assert (answer.status_code, answer.json()["error"]) == (501, "Not Implemented")
    assert "gunicorn --threads" in answer.json()["reason"]
    for heartbeat in (0, 30_000):
        polls = [_follow(server, "longpoll", since=9, heartbeat=heartbeat) for _ in range(2)]
        assert [poll.json() for poll in polls] == [{"results": [], "last_seq": "9"}] * 2
    assert requests.get(f"{server}/sync/").status_code == 200


@pytest.mark.parametrize("value", [0, -1, True, "20", [5]])
def test_longpoll_timeout_is_checked(value, client, settings):
    settings.SYNC_GATEWAY_OPTIONS = {"longpoll_timeout": value}
    with pytest.raises(ImproperlyConfigured, match="longpoll_timeout"):
        client.get(f"{DB}/_changes?feed=longpoll", headers=LOGIN)


def test_long_paths_are_compared_in_one_pass(client, monkeypatch):
    """4,000 slashes: each segment is unescaped a few times, not once for each other one."""
    unescaped = []
    monkeypatch.setattr(site, "unquote", lambda text: unescaped.append(len(text)) or unquote(text))
    path = "/a" * 4000
    answer = client.get(f"{DB}{path}", RAW_URI=f"/elsewhere{DB}{path}", headers=LOGIN)
    assert answer.status_code == 404
    assert sum(unescaped) < 10 * len(path)


def test_djangos_asynchronous_client(mounted, db, alice, async_client):
    """A test's transaction is its thread's: the gateway answers on it."""

    async def ask():
        put = await async_client.put(
            f"{DB}/x", '{"channels": ["a"]}', content_type="application/json", headers=LOGIN
        )
        feed = await async_client.get(f"{DB}/_changes?feed=longpoll", headers=LOGIN)
        assert feed.status_code == 200, feed.content
        return put.status_code, b"".join([piece async for piece in feed])

    status, changes = async_to_sync(ask)()
    assert status == 201
    assert [row["id"] for row in json.loads(changes)["results"]] == ["_user/alice", "x"]
