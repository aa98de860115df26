"""A phone follows a feed: it gets what its user may read, and learns what it may keep no more."""

from __future__ import annotations

import base64
import json

import pytest
from django.db import connection

from django_cbtools.embedded.blip.messages import Message
from tests.gateway.feed.client import allow, ask, delete, put

from .client import VERSION_2, changes_wanted, keep

pytestmark = pytest.mark.django_db(transaction=True)


def _rows(client):
    """What has been offered: ids, revisions and flags."""
    return [row[1:] for m in client.of("changes") for row in json.loads(m.body) or []]


def _flags(client):
    return {row[0]: row[2] if len(row) > 2 else 0 for row in _rows(client)}


def _sequence():
    return ask("GET", "/_changes")["last_seq"]


def test_a_phone_gets_the_documents_in_its_users_channels(phone):
    allow("a")
    allow("*", name="all")
    first = put("a", {"n": 1, "channels": ["a"]})
    rev = put("a", {"n": 2, "channels": ["a"]}, rev=first)
    put("b", {"channels": ["b"]})
    gone = delete("gone", put("gone", {"channels": ["a"]}))
    client = phone()
    assert client.pull() == {"a": {"n": 2, "channels": ["a"]}, "gone": None}
    assert _rows(client) == [["a", rev], ["gone", gone, 5]]
    shown = next(m for m in client.of("rev") if m.properties["id"] == "a")
    assert shown.properties["history"] == first
    assert shown.no_reply
    assert sorted(phone(user="all").pull()) == ["a", "b", "gone"]
    assert sorted(phone(user="all").pull(activeOnly="true")) == ["a", "b"]
    filtered = {"filter": "sync_gateway/bychannel", "channels": "b"}
    assert sorted(phone(user="all").pull(**filtered)) == ["b"]
    client = phone(user="all")
    assert client.ask("subChanges", {"docIDs": ["b", "no"]}).body == b""
    client.until(lambda: len(client.of("changes")) == 2)
    assert [row[0] for row in _rows(client)] == ["b"]


def test_a_pull_goes_on_where_it_stopped(phone):
    allow("a")
    put("a", {"channels": ["a"]})
    client = phone()
    client.pull()
    (last,) = {m.properties["sequence"] for m in client.of("rev")}
    assert phone().pull(since=f'"{last}"') == {}
    put("b", {"channels": ["a"]})
    assert phone().pull(since=last) == {"b": {"channels": ["a"]}}


def test_the_end_of_the_feed_is_told_once_all_offers_are_answered(phone):
    """A gateway works on several messages at a time, and stops at the end of the feed."""
    allow("a")
    put("a", {"channels": ["a"]})
    client = phone()
    client.on["changes"] = lambda message: None
    client.ask("subChanges")
    client.until(lambda: client.of("changes"))
    client.ask("setCheckpoint", {}, client="me")
    (offer,) = client.of("changes")
    client.connection.reply(offer, changes_wanted(offer))
    client.flush()
    client.until(lambda: client.of("rev"))
    assert [m.body for m in client.requests[1:]] == [b"null", b'{"channels":["a"]}']


def test_ancestors_up_to_one_that_the_phone_has(phone):
    allow("a")
    put("a", {"channels": ["a"], "_revisions": {"start": 5, "ids": list("edcba")}},
        new_edits="false")  # fmt: skip
    histories = []
    for known, most in ((["3-c"], "20"), ([], "2"), ([], "20")):
        client = phone()
        reply = Message({"maxHistory": most}, json.dumps([known]).encode())
        client.on["changes"] = lambda message, reply=reply: reply
        client.ask("subChanges")
        client.until(lambda client=client: client.of("rev"))
        histories.append(client.of("rev")[0].properties["history"])
    assert histories == ["4-d,3-c", "4-d,3-c", "4-d,3-c,2-b,1-a"]


def test_an_open_pull_is_told_of_changes_grants_and_revocations(phone):
    allow("a")
    put("b", {"channels": ["b"]})
    client = phone()
    docs = client.pull(continuous="true", revocations="true")
    assert docs == {}
    put("a", {"channels": ["a"]})
    client.until(lambda: "a" in docs)
    allow("a", "b")
    client.until(lambda: "b" in docs)
    allow("a")
    client.until(lambda: _flags(client).get("b") == 2)
    rev = ask("GET", "/a")["_rev"]
    put("a", {"channels": ["elsewhere"]}, rev=rev)
    client.until(lambda: _flags(client).get("a") == 4)
    put("c", {"channels": ["b"]})
    put("d", {"channels": ["a"]})
    client.until(lambda: "d" in docs)
    assert "c" not in docs


def test_removals_are_told_by_flags_or_by_stubs(phone):
    allow("a")
    first = put("x", {"channels": ["a"]})
    since = _sequence()
    put("x", {"channels": ["b"]}, rev=first)
    client = phone()
    client.pull(since=since, revocations="true")
    assert _flags(client) == {"x": 4}
    assert phone().pull(since=since) == {}
    assert phone(protocol=VERSION_2).pull(since=since) == {"x": {"_removed": True}}


def test_who_is_disabled_is_cut_off(phone):
    allow("a")
    client, other = phone(), phone()
    client.pull(continuous="true")
    ask("PUT", "/_user/alice", {"disabled": True})
    assert client.closed() == 4001
    # So is who follows no feed, with the next request.
    other.send("getCheckpoint", client="x")
    assert other.closed() == 4001


def test_a_feed_ends_when_the_phone_says_so(phone):
    allow("a")
    client = phone()
    client.pull(continuous="true")
    assert client.error("subChanges")[0] == 500
    client.ask("unsubChanges")
    put("a", {"channels": ["a"]})
    assert not client.ask("subChanges", since=_sequence()).is_error
    client.until(lambda: len([m for m in client.of("changes") if m.body == b"null"]) == 2)
    assert _rows(client) == []


def test_what_a_feed_cannot_be(phone):
    allow("a")
    for properties, reason in [
        ({"since": "x"}, "Invalid subChanges parameters"),
        ({"filter": "x"}, "Unknown filter; try sync_gateway/bychannel"),
        ({"filter": "sync_gateway/bychannel"}, "Missing 'channels' filter parameter"),
        ({"filter": "sync_gateway/bychannel", "channels": "a,"}, '400 Illegal channel name ""'),
    ]:
        assert phone().error("subChanges", **properties) == (400, reason)
    assert phone().error("subChanges", {"docIDs": ["a"]}, continuous="true") == (
        400, "DocIDs filter not supported for continuous subChanges"
    )  # fmt: skip


def test_attachments_are_open_while_their_revision_is_sent(phone):
    allow("a")
    data = bytes(range(256)) * 2000
    put("x", {"channels": ["a"],
              "_attachments": {"f": {"data": base64.b64encode(data).decode()}}})  # fmt: skip
    docs = {}
    for protocol, of in ((None, {"docID": "x"}), (VERSION_2, {})):
        client = phone(**({"protocol": protocol} if protocol else {}))
        client.on["changes"] = changes_wanted
        client.on["rev"] = lambda message: keep(docs, message) and None
        client.ask("subChanges")
        client.until(lambda client=client: client.of("rev"))
        digest = docs["x"]["_attachments"]["f"]["digest"]
        assert client.ask("getAttachment", digest=digest, **of).body == data
        client.connection.reply(client.of("rev")[0], Message())
        client.flush()
        assert client.error("getAttachment", digest=digest, **of) == (
            403, "Attachment's doc not being synced"
        )  # fmt: skip


def test_a_revision_that_is_gone_is_named_or_replaced(phone):
    allow("a")
    rev = put("x", {"channels": ["a"]})

    def late(message):
        nonlocal rev
        if json.loads(message.body):
            rev = put("x", {"n": 2, "channels": ["a"]}, rev=rev)
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM cbtools_revisions")
        return changes_wanted(message)

    came = []
    for replaces in ("false", "true"):
        client, before = phone(), rev
        client.on["changes"] = late
        client.ask("subChanges", sendReplacementRevs=replaces)
        client.until(lambda client=client: client.of("rev") + client.of("norev"))
        message = client.requests[-1]
        named = message.properties.get("replacedRev", message.properties["rev"])
        assert named == before
        came.append((message.profile, message.properties.get("error"), message.body))
    assert came == [("norev", "404", b""), ("rev", None, b'{"channels":["a"],"n":2}')]


def test_another_gateway_is_told_to_take_changes(phone):
    """It would ask for proposals otherwise."""
    allow("a")
    put("x", {"channels": ["a"]})
    client = phone()
    client.pull(client_sgr2="true")
    assert {m.properties["ignoreNoConflicts"] for m in client.of("changes")} == {"true"}


def test_what_a_client_may_no_longer_read_can_be_hidden(phone):
    allow("a")
    first = put("x", {"channels": ["a"]})
    since = _sequence()
    put("x", {"channels": ["b"]}, rev=first)
    ask("PUT", "/_config", {"unsupported": {"force_api_forbidden_errors": True}}, status=201)
    client = phone(protocol=VERSION_2)
    assert client.pull(since=since) == {}
    assert [m.properties["error"] for m in client.of("norev")] == ["403"]


def test_many_documents_in_batches(phone):
    allow("a")
    docs = [{"_id": f"d{number}", "channels": ["a"], "n": number} for number in range(450)]
    ask("POST", "/_bulk_docs", {"docs": docs})
    client = phone()
    assert len(client.pull(batch="100")) == 450
    offers = [len(json.loads(m.body) or []) for m in client.of("changes")]
    assert offers == [100, 100, 100, 100, 50, 0]
