"""Documents in collections: each has its own, with a sync function and a feed of its own."""

from __future__ import annotations

import asyncio

import pytest

from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayBadRequest,
    SyncGatewayConflict,
    SyncGatewayForbidden,
    SyncGatewayNotFound,
)

from .conftest import A, B, eventually


def test_documents_of_one_uid(collections):
    one, two = SyncGateway.in_keyspace(A), SyncGateway.in_keyspace(B)
    first = one.save_json("d", {"in": "a", "channels": ["x"]}).json()["rev"]
    with pytest.raises(SyncGatewayConflict):
        one.save_json("d", {"in": "a"})
    two.save_json("d", {"in": "b", "channels": ["x"]})
    (row,) = two.bulk_docs([{"_id": "e", "in": "b"}])
    two.delete_document("e", row["rev"])
    for client, name in ((one, "a"), (two, "b")):
        (row,) = client.all_docs(["d"])["rows"]
        assert row["doc"]["in"] == name
        assert client.bulk_get(["d", "e"])[0]["doc"]["in"] == name
        assert client.get_revisions("d")[0].body["in"] == name
        assert [r["id"] for r in client.all_docs([], really_all=True)["rows"]] == ["d"]
    one.delete_document("d", first)
    assert "doc" in asyncio.run(two.aall_docs(["d"]))["rows"][0]
    assert two.purge(["d"]) == ["d"]
    assert "error" in two.all_docs(["d"])["rows"][0]


def test_attachments(collections):
    one, two = SyncGateway.in_keyspace(A), SyncGateway.in_keyspace(B)
    rev = one.put_attachment("d", "f.txt", b"0123456789", "text/plain")
    two.put_attachment("d", "f.txt", b"another one", "text/plain")
    file = one.get_attachment("d", "f.txt")
    with file:
        assert file.read(4) == b"0123"
        file.seek(0)  # it is asked again, in the same keyspace
        assert file.read() == b"0123456789"
    one.delete_attachment("d", "f.txt", rev)
    with pytest.raises(SyncGatewayNotFound):
        one.get_attachment("d", "f.txt")
    with two.get_attachment("d", "f.txt") as file:
        assert file.read() == b"another one"


def test_each_has_its_feed(collections):
    one, two = SyncGateway.in_keyspace(A), SyncGateway.in_keyspace(B)
    for client, uid in ((one, "a1"), (two, "b1"), (one, "a2")):
        client.save_json(uid, {"channels": ["x"]})
    feed = one.changes(active_only=True, request_plus=True)
    assert [change.uid for change in feed] == ["a1", "a2"]
    two.save_json("b2", {})
    later = one.changes(feed.since, feed="longpoll", timeout=30)
    one.save_json("a3", {})
    assert [change.uid for change in later] == ["a3"]

    async def changed() -> list[str]:
        return [change.uid async for change in two.achanges(active_only=True, request_plus=True)]

    assert asyncio.run(changed()) == ["b1", "b2"]


def test_each_has_its_sync_function(collections):
    one, two = SyncGateway.in_keyspace(A), SyncGateway.in_keyspace(B)
    two.put_sync_function("")
    source = 'function (doc) { throw({forbidden: "nobody writes here"}); }'
    one.put_sync_function(source)
    assert one.get_sync_function() == SyncGateway.get_sync_function(A) == source
    assert two.get_sync_function() == ""
    with pytest.raises(SyncGatewayForbidden, match="nobody writes here"):
        one.save_json("d", {})
    # Without one, documents are in the channel of the collection's name, whatever they say.
    two.save_json("d", {"channels": ["x"]})
    feeds = [
        two.changes(channels=[name], active_only=True, request_plus=True) for name in ("b", "x")
    ]
    assert [[change.uid for change in feed] for feed in feeds] == [["d"], []]


def test_users_and_roles(collections, user):
    SyncGateway.put_role("cbtools-test-role", access={B: ["y"]})
    name = user(access={A: ["x"]}, admin_roles=["cbtools-test-role"])
    for keyspace, channel in ((A, "x"), (A, "y"), (B, "x"), (B, "y")):
        SyncGateway.in_keyspace(keyspace).save_json(f"in-{channel}", {"channels": [channel]})

    def read(keyspace: str) -> list[str]:
        alice = SyncGateway.as_user(name, "secret").in_keyspace(keyspace)
        rows = alice.all_docs(["in-x", "in-y"])["rows"]
        return [row["id"] for row in rows if "doc" in row]

    assert (read(A), read(B)) == (["in-x"], ["in-y"])
    SyncGateway.append_channels(name, ["y"], A)
    eventually(lambda: (read(A), read(B)), (["in-x", "in-y"], ["in-y"]))
    SyncGateway.remove_channels(name, ["x"], A)
    eventually(lambda: (read(A), read(B)), (["in-y"], ["in-y"]))
    SyncGateway.put_user(name, access={B: ["x"]})
    eventually(lambda: (read(A), read(B)), (["in-y"], ["in-x", "in-y"]))
    SyncGateway.delete_role("cbtools-test-role")
    eventually(lambda: (read(A), read(B)), (["in-y"], ["in-x"]))
    alice = SyncGateway.in_keyspace(A).as_user(name, "secret")
    feed = alice.changes(active_only=True, request_plus=True)
    assert [change.uid for change in feed] == ["in-y"]
    with pytest.raises(AttributeError, match="SyncGateway itself"):
        alice.purge(["in-y"])


def test_what_is_not_there(collections):
    with pytest.raises(SyncGatewayNotFound, match=r"keyspace .* not found"):
        SyncGateway.in_keyspace("cbtools.never").all_docs(["d"])
    with pytest.raises(SyncGatewayNotFound, match=r"keyspace .* not found"):
        SyncGateway.in_keyspace("never.a").save_json("d", {})
    # The database has no default collection, and so no views.
    with pytest.raises(SyncGatewayNotFound, match=r"keyspace .* not found"):
        SyncGateway.save_json("d", {})
    with pytest.raises(SyncGatewayNotFound, match="keyspace"):
        SyncGateway.put_user(
            "cbtools-test-nobody", password="secret", access={"cbtools.never": ["x"]}
        )
    for keyspace in ("a", "a.b.c", ".b", "a.", "a b.c", "_a.b", 5, ""):
        with pytest.raises(ValueError, match="is no keyspace"):
            SyncGateway.in_keyspace(keyspace)


def test_the_default_collection_by_name(gateway):
    SyncGateway.in_keyspace("_default._default").save_json("d", {"n": 1})
    assert SyncGateway.all_docs(["d"])["rows"][0]["doc"]["n"] == 1
    assert SyncGateway.in_keyspace(None).bulk_get(["d"])[0]["doc"]["n"] == 1


def test_resync_of_a_collection(collections):
    for keyspace in (A, B):
        client = SyncGateway.in_keyspace(keyspace)
        client.save_json("d", {"channels": ["x"]})
        client.put_sync_function('function (doc) { channel("new"); }')
    with pytest.raises(SyncGatewayBadRequest, match="not running"):
        SyncGateway.stop_resync()
    SyncGateway.take_offline()
    try:
        eventually(SyncGateway.database_state, "Offline")
        with pytest.raises(SyncGatewayBadRequest, match=r"cbtools\.never"):
            SyncGateway.start_resync(["cbtools.never"])
        SyncGateway.start_resync([B])
        eventually(lambda: SyncGateway.get_resync()["status"], "completed")
        assert SyncGateway.get_resync()["docs_changed"] == 1
    finally:
        SyncGateway.bring_online()
    eventually(SyncGateway.database_state, "Online")

    def moved(keyspace: str) -> list[str]:
        feed = SyncGateway.in_keyspace(keyspace).changes(
            channels=["new"], active_only=True, request_plus=True
        )
        return [change.uid for change in feed]

    eventually(lambda: (moved(A), moved(B)), ([], ["d"]))
