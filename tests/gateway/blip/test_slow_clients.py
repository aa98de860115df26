"""Clients that send and do not read: what waits for them stays small."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import random

import pytest

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.blip import profiles
from django_cbtools.embedded.blip.connection import Connection
from django_cbtools.embedded.blip.messages import Message
from django_cbtools.embedded.blip.session import Content
from django_cbtools.embedded.database import Database
from django_cbtools.embedded.documents import documents
from django_cbtools.embedded.server import replication
from django_cbtools.embedded.server.pools import Pools
from django_cbtools.embedded.server.replication import Replication
from tests.gateway.feed.client import DB, allow, call, put

from .client import VERSION_3

pytestmark = pytest.mark.django_db(transaction=True)


def _waiting(requests, contents=None):
    """How many bytes wait for a client that sends requests and reads nothing, and how many of the
    requests have been read."""

    opened = call("GET", "/_blipsync")
    respond(opened)
    pools = Pools()

    async def talk():
        phone, events = Connection(), asyncio.Queue()
        for request in requests:
            phone.send(request)
        while (frame := phone.next_frame()) is not None:
            events.put_nowait({"type": "websocket.receive", "bytes": frame})
        stuck = asyncio.Event()

        async def send(event):
            await stuck.wait()

        served = Replication(profiles.opened(opened, VERSION_3), pools, send)
        served._session.contents.update(contents or {})
        task = asyncio.get_running_loop().create_task(served.run(events.get))
        before, steady = None, 0
        while steady < 10:
            state = events.qsize(), served._requests, served._connection.waiting
            steady = steady + 1 if state == before and served._connection.waiting else 0
            before = state
            await asyncio.sleep(0.02)
        served._end()
        await task
        return served._connection.waiting, len(requests) - events.qsize()

    try:
        return asyncio.run(talk())
    finally:
        pools.close()


def test_replies_wait_for_the_client(monkeypatch):
    monkeypatch.setattr(replication, "MOST_WAITING", 1000)
    monkeypatch.setattr(replication, "MAX_BYTES", 0)
    monkeypatch.setattr(replication, "MOST_REQUESTS", 50)
    waiting, read = _waiting([Message({"Profile": "bogus"}) for _ in range(1000)])
    assert waiting < 1000 + 50 * 100
    assert read < 200


def test_attachments_wait_for_the_client(monkeypatch):
    monkeypatch.setattr(replication, "MOST_WAITING", 1000)
    data = base64.b64encode(bytes(200_000)).decode()
    put("x", {"_attachments": {"f": {"data": data}}})
    document = documents.current(Database.open("default", DB.strip("/")), "x")
    meta = document.attachments["f"]
    asked = {"Profile": "getAttachment", "docID": "x", "digest": meta["digest"]}
    waiting, _ = _waiting(
        [Message(asked) for _ in range(20)], {("x", meta["digest"]): Content(meta, 1)}
    )
    assert waiting < 2 * 200_000


def test_a_client_that_asks_for_much_before_it_acknowledges_what_it_gets(phone, monkeypatch):
    monkeypatch.setattr(replication, "MOST_REQUESTS", 10)
    allow("a")
    text = random.Random(1).randbytes(300_000).hex()
    put("x", {"channels": ["a"], "text": text})
    client = phone()
    for number in [client.send("getRev", id="x") for _ in range(15)]:
        assert json.loads(client.reply(number).body)["text"] == text


def test_a_connection_that_ends_while_it_begins_something_leaves_nothing():
    """Tasks that are cancelled end, whenever that is, and their work does."""
    opened = call("GET", "/_blipsync")
    respond(opened)
    pools = Pools()

    async def work():
        raise AssertionError

    async def end():
        served = Replication(profiles.opened(opened, VERSION_3), pools, None)
        begun = work()
        sending, beginning = served._spawn(served._send()), served._spawn(begun)
        beginning.cancel()
        await asyncio.sleep(0)
        served._has_frames.set()
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait((sending, beginning), timeout=5)
        return sending.done(), inspect.getcoroutinestate(begun)

    try:
        assert asyncio.run(end()) == (True, inspect.CORO_CLOSED)
    finally:
        pools.close()
