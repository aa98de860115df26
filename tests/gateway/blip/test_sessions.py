"""Connections: checkpoints, collections, and clients that break the rules or vanish."""

from __future__ import annotations

import json

import pytest
import requests

from django_cbtools.embedded.blip import frames
from django_cbtools.embedded.database import Database
from django_cbtools.embedded.documents import local
from django_cbtools.embedded.server.server import Server
from tests.gateway.feed.client import DB, PASSWORD, allow, ask

from .client import Client

pytestmark = pytest.mark.django_db(transaction=True)


def test_checkpoints_are_local_documents(phone):
    allow("a")
    client, other = phone(), phone()
    assert client.error("getCheckpoint", client="me") == (404, "missing")
    assert client.ask("setCheckpoint", {"local": 3}, client="me").properties == {"rev": "0-1"}
    database = Database.open("default", DB.strip("/"))
    assert local.read(database, "checkpoint/me")["local"] == 3
    # Another replication with the same id does not write over it unknowingly.
    refusal = (409, "Document update conflict")
    assert other.error("setCheckpoint", {"local": 1}, client="me") == refusal
    reply = other.ask("getCheckpoint", client="me")
    assert (reply.properties["rev"], reply.body) == ("0-1", b'{"local":3}')
    assert other.ask("setCheckpoint", {"local": 4}, client="me", rev="0-1").properties == {
        "rev": "0-2"
    }
    assert client.error("setCheckpoint", b"{", client="me")[0] == 400


def test_collections(phone, http_gateway):
    _, admin = http_gateway.urls
    collections = {"one": {}, "two": {}}
    config = {"bucket": "kept", "scopes": {"s": {"collections": collections}}}
    assert requests.put(f"{admin}/kept/", json=config).status_code == 201
    access = {"s": {name: {"admin_channels": ["*"]} for name in collections}}
    user = {"password": PASSWORD, "collection_access": access}
    assert requests.put(f"{admin}/kept/_user/alice", json=user).status_code == 201
    client = phone(db="kept")
    assert client.error("getCheckpoint", client="x") == (
        400, "Collection property not specified and default collection is not configured for this "
        "database"
    )  # fmt: skip
    reply = client.ask(
        "getCollections", {"collections": ["s.two", "s.no", "s.one"],
                           "checkpoint_ids": ["x", "x", "x"]}
    )  # fmt: skip
    assert json.loads(reply.body) == [{}, None, {}]
    client.put("d", "1-a", {"in": "one", "channels": ["a"]}, collection=2)
    client.put("d", "1-b", {"in": "two", "channels": ["a"]}, collection=0)
    assert client.pull(collection=2) == {"d": {"in": "one", "channels": ["a"]}}
    assert {m.properties["collection"] for m in client.of("rev") + client.of("changes")} == {"2"}
    assert client.error("getCheckpoint", client="x", collection=1) == (
        400, "Collection index 1 was not a valid collection set by GetCollections"
    )  # fmt: skip
    assert client.error("getCheckpoint", client="x", collection="x")[0] == 400


def test_unknown_profiles(phone):
    allow("a")
    assert phone().error("graphql") == (404, "No handler for BLIP request")


def test_more_requests_than_are_in_work_at_once(phone):
    allow("a")
    client = phone()
    numbers = [client.send("graphql") for _ in range(2500)]
    assert all(client.reply(number).is_error for number in numbers)


def test_clients_that_break_the_rules(phone):
    allow("a")
    text, checksum, large = phone(), phone(), phone()
    text.socket.send("hello")
    assert text.closed() == 1003
    checksum.socket.send(b"\x01\x00\x00abcd")
    assert checksum.closed() == 1002
    large.socket.send(bytes(frames.MAX_FRAME + 1))
    assert large.closed() == 1009


def test_a_phone_that_vanishes_leaves_nothing_behind(phone, http_gateway):
    allow("a")
    client, asked = phone(), phone()
    client.pull(continuous="true")
    # This one is asked for an attachment, and never answers.
    asked.on["getAttachment"] = lambda message: None
    meta = {"stub": True, "digest": "sha1-x", "length": 1, "revpos": 1}
    asked.send("rev", {"_attachments": {"f": meta}}, id="x", rev="1-a")
    asked.until(lambda: asked.of("getAttachment"))
    tasks = http_gateway._servers[0].server_state.tasks
    assert len(tasks) == 2
    for one in (client, asked):
        one.socket.socket.close()
    fresh = phone()
    while len(tasks) > 1:
        fresh.ask("PING")


def test_a_database_that_goes_offline_ends_its_connections(phone):
    allow("a")
    client = phone()
    client.pull(continuous="true")
    ask("POST", "/_offline")
    assert client.closed() == 4001


def test_a_server_that_stops_tells_phones_to_connect_again():
    allow("a")
    server = Server("127.0.0.1", 0, 0, alias="default")
    server.start()
    client = Client(server.urls[0], DB.strip("/"), ("alice", PASSWORD))
    client.pull(continuous="true")
    server.stop()
    assert client.closed() == 4001
    client.close()
