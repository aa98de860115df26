"""A phone sends its changes: they are written as a replicator's are over REST."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.blip import messages
from django_cbtools.embedded.blip.contents import proof
from django_cbtools.embedded.blip.messages import Message
from tests.gateway.feed.client import allow, ask, call, put

pytestmark = pytest.mark.django_db(transaction=True)
DATA = b"hello" * 10


def digest(data):
    return "sha1-" + base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def stub(data=DATA, revpos=1, **more):
    return {"stub": True, "digest": digest(data), "length": len(data), "revpos": revpos, **more}


def _content(path):
    return b"".join(respond(call("GET", path)).chunks())


def _refused(reply):
    assert reply.is_error
    return int(reply.properties["Error-Code"]), reply.body.decode()


def test_revisions_keep_their_ids_and_histories(phone):
    allow("a")
    client = phone()
    client.put("x", "3-c", {"n": 3, "channels": ["a"]}, ["2-b", "1-a"])
    client.put("y", "1-a", {"n": 1, "channels": ["a"]})
    client.put("y", "2-b", {}, ["1-a"], deleted="1")
    shown = ask("GET", "/x", revs="true")
    assert (shown["_rev"], shown["n"]) == ("3-c", 3)
    assert shown["_revisions"] == {"start": 3, "ids": ["c", "b", "a"]}
    assert ask("GET", "/y", rev="2-b")["_deleted"] is True
    # A revision that is known already is no error.
    assert not client.put("x", "2-b", {"n": 2}, ["1-a"]).is_error


def test_a_conflict_is_refused_and_the_phone_resolves_it(phone):
    allow("a")
    rev = put("x", {"n": 0, "channels": ["a"]})
    client = phone()
    assert _refused(client.put("x", "1-mine", {"n": 1})) == (409, "Document revision conflict")
    proposed = json.loads(
        client.ask("proposeChanges", [["x", "1-mine"], ["y", "1-a"]],
                   conflictIncludesRev="true").body
    )  # fmt: skip
    assert proposed == [{"status": 409, "rev": rev}]
    assert not client.put("x", "2-mine", {"n": 2, "channels": ["a"]}, [rev]).is_error
    assert ask("GET", "/x")["n"] == 2


def test_each_proposal_gets_its_status(phone):
    allow("a")
    first = put("x", {"channels": ["a"]})
    gone = put("gone", {"channels": ["a"]})
    ask("DELETE", "/gone", rev=gone)
    changes = [["x", "2-b", first], ["x", first], ["x", "2-b", "1-else"], ["gone", "1-b"],
               ["new", "1-b"]]  # fmt: skip
    reply = phone().ask("proposeChanges", changes)
    assert json.loads(reply.body) == [0, 304, 409]
    assert phone().error("changes", [[1, "x", "2-b"]]) == (409, "Use 'proposeChanges' instead")
    reply = phone().ask("changes", [[1, "x", "2-b"], [2, "x", first]], ignoreNoConflicts="true")
    assert json.loads(reply.body) == [[first], 0]


def test_the_sync_function_decides(phone, http_gateway):
    function = """function (doc) {
        if (doc.bad) throw({forbidden: "no, thank you"});
        requireAccess(doc.needs || "a");
        channel(doc.channels);
    }"""
    ask("PUT", "/_config", {"sync": function}, status=201)
    allow("a")
    client = phone()
    assert not client.put("x", "1-a", {"channels": ["a"]}).is_error
    assert _refused(client.put("y", "1-a", {"bad": 1})) == (403, "no, thank you")
    assert _refused(client.put("z", "1-a", {"needs": "b"})) == (403, "sg missing channel access")


def test_a_guest_who_may_only_read(phone):
    ask("PUT", "/_config", {"unsupported": {"guest_read_only": True}}, status=201)
    ask("PUT", "/_user/GUEST", {"disabled": False, "admin_channels": ["a"]})
    client = phone(user=None)
    assert _refused(client.put("x", "1-a", {"channels": ["a"]})) == (
        403, "Replication context is read-only, docID: x, rev:1-a"
    )  # fmt: skip
    put("y", {"channels": ["a"]})
    assert client.pull() == {"y": {"channels": ["a"]}}


def test_many_revisions_at_once_without_replies(phone):
    allow("a")
    client = phone()
    for number in range(300):
        body = json.dumps({"n": number, "channels": ["a"]}).encode()
        request = Message(
            {"Profile": "rev", "id": f"d{number}", "rev": "1-a"}, body, no_reply=number % 2 == 0
        )
        client.connection.send(request)
    client.flush()
    client.until(lambda: len(client.replies) == 150)
    client.ask("PING")
    assert len(ask("GET", "/_all_docs")["rows"]) == 300


_UNREADABLE = "Internal error: Unable to unmarshal document body into raw body : "


def test_what_is_no_revision(phone):
    allow("a")
    client = phone()
    for body, refusal in [
        (b"{", (500, _UNREADABLE + "unexpected EOF")),
        (b"", (500, _UNREADABLE + "Unexpected empty JSON input to body.Unmarshal")),
        ({"_rev": "1-a"}, (404, "top-level property '_rev' is a reserved internal property")),
        ({"_exp": -1}, (400, "Invalid expiry: Expiry value is not within valid range: -1")),
        ({"_attachments": []}, (400, "Invalid _attachments")),
        ({"_attachments": {"f": {}}}, (400, "Invalid attachment")),
    ]:
        assert _refused(client.put("x", "1-a", body)) == refusal
    for properties, refusal in [
        ({"id": "x"}, "Missing docID or rev"),
        ({"id": "_x", "rev": "1-a"}, "Invalid doc ID"),
        ({"id": "x", "rev": "a"}, "Invalid revision ID"),
        ({"id": "x", "rev": "2-a", "deltaSrc": "1-a"}, "Deltas are disabled for this peer"),
        ({"id": "x", "rev": "2-a", "noconflicts": "maybe"},
         'Invalid value for noconflicts: strconv.ParseBool: parsing "maybe": invalid syntax'),
    ]:  # fmt: skip
        assert client.error("rev", {}, **properties) == (400, refusal)
    assert not ask("GET", "/_all_docs")["rows"]


# ------------------------------------------------------------------- attachments


def test_attachments_are_asked_for_once(phone):
    allow("a")
    client = phone()
    client.on["getAttachment"] = lambda message: Message({}, DATA * 10_000, compressed=True)
    meta = stub(DATA * 10_000, content_type="text/plain")
    body = {"channels": ["a"], "_attachments": {"blob_/text": meta}}
    client.put("x", "1-a", body)
    (asked,) = client.of("getAttachment")
    assert asked.properties == {
        "Profile": "getAttachment", "digest": meta["digest"], "compress": "true", "docID": "x"
    }  # fmt: skip
    client.put("x", "2-b", {**body, "n": 1}, ["1-a"])
    assert len(client.of("getAttachment")) == 1
    assert _content("/x/blob_%2Ftext") == DATA * 10_000


def test_contents_that_are_not_those_of_the_document(phone):
    allow("a")
    client = phone()
    for reply, refusal in [
        (Message({}, b"short"), "length mismatch - expected 50 got 5"),
        (Message({}, b"x" * 50), "digest mismatch - got " + digest(b"x" * 50)),
        (messages.error("HTTP", 404, "gone"), "error 404 from getAttachment: gone"),
    ]:
        client.on["getAttachment"] = lambda message, reply=reply: reply
        refused = _refused(client.put("x", "1-a", {"_attachments": {"f": stub()}}))
        assert refusal in refused[1]
    ask("GET", "/x", status=404)


def test_who_has_the_contents_proves_it_instead_of_sending_them(phone):
    allow("a")
    client = phone()
    client.on["getAttachment"] = lambda message: Message({}, DATA)
    client.put("x", "1-a", {"channels": ["a"], "_attachments": {"f": stub()}})
    client.on["proveAttachment"] = lambda message: Message({}, proof(message.body, DATA).encode())
    client.put("x", "2-b", {"channels": ["a"], "_attachments": {"g": stub(revpos=2)}}, ["1-a"])
    assert len(client.of("getAttachment")) == 1
    assert _content("/x/g") == DATA
    # Who only knows the digest of another document's attachment does not get it.
    client.on["getAttachment"] = lambda message: messages.error("HTTP", 404, "I do not have it")
    assert client.put("mine", "1-a", {"_attachments": {"f": stub()}}).is_error
    client.on["proveAttachment"] = lambda message: Message({}, b"sha1-lie")
    refused = _refused(client.put("x", "3-c", {"_attachments": {"h": stub()}}, ["2-b"]))
    assert refused == (403, f"Incorrect proof for attachment {digest(DATA)}")
