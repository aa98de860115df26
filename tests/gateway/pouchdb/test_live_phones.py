"""PouchDB syncs live, its attachments do, and it gets what its user may."""

from __future__ import annotations

import base64
import random

import pytest

from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import ADMIN, quote_uid, request
from tests.gateway.pouchdb.phones import PouchError
from tests.gateway.pouchdb.syncing import (
    as_attachment,
    as_stored,
    edit_on,
    everywhere,
    phones_article,
)
from tests.testapp.models import CBArticle

pytestmark = pytest.mark.torture


# ---------------------------------------------------------------- live


def test_live_sync(alice, bob):
    alice.live()
    alice.next("paused")
    CBArticle(uid="atl_1", title="From the server", channels=["news"]).save()
    change = alice.next("change")
    assert change["direction"] == "pull"
    assert [document["title"] for document in change["change"]["docs"]] == ["From the server"]
    assert alice.documents()["atl_1"]["_rev"] == CBArticle("atl_1").rev

    SyncGateway.save_json("atl_2", phones_article(2))
    alice.next("change")
    bob.local("put", phones_article(3))
    bob.push()
    change = alice.next("change")
    assert [document["_id"] for document in change["change"]["docs"]] == ["atl_3"]

    edit_on(alice, "atl_1", title="From the phone")
    change = alice.next("change")
    assert change["direction"] == "push"
    assert CBArticle("atl_1").title == "From the phone"

    SyncGateway.delete_document("atl_2", CBArticle("atl_2").rev)
    while "atl_2" in alice.documents():
        alice.next("change")
    alice.cancel()
    alice.next("complete")
    assert alice.documents().keys() == {"atl_1", "atl_3"}


def test_live_changes(alice):
    """Of the remote database, with documents; waiting for them."""
    SyncGateway.save_json("atl_1", phones_article(1))
    alice.watch(include_docs=True, since=0)
    assert alice.next("change")["id"] == "_user/alice"
    first = alice.next("change")
    assert first["doc"] == {**phones_article(1), "_rev": first["changes"][0]["rev"]}
    SyncGateway.save_json("other", {"channels": ["bob"]})
    SyncGateway.save_json("atl_2", phones_article(2))
    second = alice.next("change")
    assert second["id"] == "atl_2"
    assert second["seq"] > first["seq"]
    SyncGateway.delete_document("atl_2", CBArticle("atl_2").rev)
    third = alice.next("change")
    assert (third["id"], third["deleted"]) == ("atl_2", True)
    alice.cancel()
    alice.next("complete")


@everywhere
def test_live_sync_brings_what_a_new_channel_has(alice):
    SyncGateway.save_json("old", {"channels": ["other"]})
    alice.live()
    alice.next("paused")
    SyncGateway.append_channels("alice", ["other"])
    (document,) = alice.next("change")["change"]["docs"]
    assert document["_id"] == "old"
    SyncGateway.save_json("new", {"channels": ["other"]})
    (document,) = alice.next("change")["change"]["docs"]
    assert document["_id"] == "new"
    alice.cancel()
    alice.next("complete")


# ---------------------------------------------------------------- attachments


@everywhere
def test_attachments_go_both_ways(alice, bob):
    text = "Grüße\r\n🍺".encode()
    image = random.Random(1).randbytes(300_000)
    files = {
        "text.txt": as_attachment(text, "text/plain"),
        "ü +&?.png": as_attachment(image, "image/png"),
        "data.json": as_attachment(b'{"_id": "x", "_cv": "x"}', "application/json"),
        "empty": as_attachment(b""),
    }
    alice.local("put", phones_article(_attachments=files))
    alice.push()
    stubs = as_stored("atl_1")["_attachments"]
    assert {name: stub["length"] for name, stub in stubs.items()} == {
        "text.txt": len(text),
        "ü +&?.png": 300_000,
        "data.json": 24,
        "empty": 0,
    }
    for name, file in files.items():
        answer = request(ADMIN, "GET", "atl_1", quote_uid(name))
        assert answer.headers["Content-Type"] == file["content_type"]
        assert base64.b64encode(answer.content).decode() == file["data"]

    bob.pull()
    for phone in (alice, bob):
        read = phone.local("get", "atl_1", {"attachments": True})["_attachments"]
        assert {name: (file["content_type"], file["data"]) for name, file in read.items()} == {
            name: (file["content_type"], file["data"]) for name, file in files.items()
        }
    read = bob.remote("get", "atl_1", {"attachments": True})["_attachments"]
    assert {name: file["data"] for name, file in read.items()} == {
        name: file["data"] for name, file in files.items()
    }


def test_attachments_change_and_go(alice, bob):
    SyncGateway.save_json(
        "atl_1",
        phones_article(
            _attachments={"kept": as_attachment(b"kept"), "changed": as_attachment(b"one")}
        ),
    )
    alice.pull()
    document = alice.local("get", "atl_1")
    document["_attachments"]["changed"] = as_attachment(b"two")
    document["_attachments"]["new"] = as_attachment(b"new")
    alice.local("put", document)
    alice.push()
    assert set(as_stored("atl_1")["_attachments"]) == {"kept", "changed", "new"}
    bob.pull()
    read = bob.local("get", "atl_1", {"attachments": True})
    assert {name: file["data"] for name, file in read["_attachments"].items()} == {
        name: base64.b64encode(data).decode()
        for name, data in (("kept", b"kept"), ("changed", b"two"), ("new", b"new"))
    }
    bob.local("removeAttachment", "atl_1", "kept", read["_rev"])
    bob.push()
    alice.pull()
    for stubs in (as_stored("atl_1"), alice.local("get", "atl_1")):
        assert set(stubs["_attachments"]) == {"changed", "new"}


def test_attachment_is_put_where_the_document_is(alice):
    rev = alice.remote("put", phones_article())["rev"]
    made = alice.remote("putAttachment", "atl_1", "file", rev, "AAEC", "x/y")
    assert as_stored("atl_1")["_rev"] == made["rev"]
    alice.pull()
    read = alice.local("get", "atl_1", {"attachments": True})["_attachments"]["file"]
    assert (read["content_type"], read["data"]) == ("x/y", "AAEC")
    alice.remote("removeAttachment", "atl_1", "file", made["rev"])
    assert "_attachments" not in as_stored("atl_1")


# ---------------------------------------------------------------- access


def test_user_receives_what_is_in_his_channels(alice, bob):
    for uid, channel in (("a", "alice"), ("b", "bob"), ("n", "news"), ("p", "!"), ("x", "other")):
        SyncGateway.save_json(uid, {"channels": [channel]})
    alice.pull()
    bob.pull()
    assert set(alice.documents()) == {"a", "n", "p"}
    assert set(bob.documents()) == {"b", "n", "p"}

    SyncGateway.append_channels("bob", ["alice"])
    assert bob.pull()["docs_written"] == 1
    assert set(bob.documents()) == {"a", "b", "n", "p"}
    assert bob.pull()["docs_read"] == 0


def test_document_that_leaves_the_channel(alice):
    """Its last revision comes as one with nothing in it."""
    SyncGateway.save_json("n", {"channels": ["news"], "secret": 1})
    alice.pull()
    SyncGateway.save_json("n", {"channels": ["bob"], "secret": 2, "_rev": as_stored("n")["_rev"]})
    alice.pull()
    assert alice.documents() == {"n": {"_id": "n", "_rev": as_stored("n")["_rev"]}}


def test_wrong_password(phones):
    for phone in (phones.phone("alice", "wrong"), phones.phone("nobody", "x"), phones.phone(None)):
        with pytest.raises(PouchError) as caught:
            phone.pull()
        assert caught.value.status == 401


@everywhere
def test_session_cookie(own_phones):
    SyncGateway.save_json("a", {"channels": ["alice"]})
    assert own_phones.log_in(name="alice", password="wrong") == 401
    assert own_phones.log_in(name="alice", password="alice's") == 200
    phone = own_phones.phone(None)
    phone.pull()
    assert set(phone.documents()) == {"a"}
    phone.local("put", phones_article())
    assert phone.push()["docs_written"] == 1
    assert CBArticle("atl_1").title == "Article 1"


def test_what_the_sync_function_denies_holds_up_nothing_else(alice):
    function = """function (doc) {
        if (doc.title == "No") throw({forbidden: "not that"});
        channel(doc.channels);
    }"""
    request(ADMIN, "POST", "_config", body={"sync": function})
    alice.local("bulkDocs", [phones_article(1), phones_article(2, title="No"), phones_article(3)])
    pushed = alice.push()
    assert (pushed["docs_written"], pushed["doc_write_failures"]) == (2, 1)
    (denied,) = pushed["denied"]
    assert (denied["status"], denied["name"], denied["reason"]) == (403, "forbidden", "not that")
    assert {article.uid for article in CBArticle.objects.all()} == {"atl_1", "atl_3"}
