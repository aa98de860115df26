"""The other gateway does not keep to the protocol, or leaves."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from django_cbtools.embedded.blip import messages
from django_cbtools.embedded.blip.active import leading
from django_cbtools.embedded.blip.active.task import PULL, Task
from django_cbtools.embedded.blip.connection import Connection
from django_cbtools.embedded.blip.messages import Message
from django_cbtools.embedded.server.replicators import process, replicator
from django_cbtools.embedded.server.replicators.remote import Remote
from django_cbtools.embedded.server.replicators.replicator import Failed
from tests.gateway.blip.client import VERSION_3

from .sides import Side


class Other:
    """A gateway that answers as ``on[profile]`` says, and otherwise with nothing."""

    def __init__(self, on):
        self.on = {"getCheckpoint": lambda _: messages.error("HTTP", 404, "missing"), **on}
        self.replies = []

    def __call__(self, socket):
        self.connection, self.socket = Connection(), socket
        try:
            while True:
                message = self.connection.receive(socket.recv())
                if message is not None and message.profile:
                    found = self.on.get(message.profile, lambda _: Message())(message)
                    for request in found[1:] if isinstance(found, tuple) else ():
                        self.connection.send(request)
                    self.connection.reply(message, found[0] if isinstance(found, tuple) else found)
                elif message is not None:
                    self.replies.append(message)
                    for request in self.on.get("reply", lambda _: ())(message):
                        self.connection.send(request)
                while (frame := self.connection.next_frame()) is not None:
                    socket.send(frame)
        except ConnectionClosed:
            return


def _offering(*rows, then=()):
    """What answers subChanges: rows of changes, then requests."""

    def answer(request):
        bodies = [json.dumps(list(rows)).encode(), b"null"]
        offers = [Message({"Profile": "changes"}, body) for body in bodies]
        return (Message(), *offers, *then)

    return {"subChanges": answer}


def _rev(uid="d", rev="1-a", sequence="1", body=b"{}", **properties):
    found = {"Profile": "rev", "id": uid, "rev": rev, "sequence": sequence, **properties}
    return Message(found, body)


@contextmanager
def _served(other, tls=None):
    options = {"subprotocols": [VERSION_3], "compression": None, "ssl": tls}
    with serve(other, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"{'wss' if tls else 'ws'}://127.0.0.1:{server.socket.getsockname()[1]}/db"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def pull(http_gateway, monkeypatch):
    """A function that pulls from such a gateway, in one connection."""
    monkeypatch.setattr(process, "TRIES", 1)

    def run(other, tls=None, authority=None):
        with _served(other, tls) as url:
            refused = []
            remote = Remote.parse(url, authority=authority)
            process.replicate(
                "default", "test_documents", [Task("hostile", PULL, url)], remote,
                lambda _: None, refused.append,
            )  # fmt: skip
        return refused

    return run


OURS = Side("test_documents")
ATTACHED = {"a": {"stub": True, "digest": "sha1-AAAA", "length": 5, "revpos": 1}}


@pytest.mark.parametrize(
    ("requests", "refusals"),
    [
        ([_rev(body=b'{"ok":1}')], []),
        ([_rev(rev="1-b"), _rev("e"), _rev(sequence="7"), _rev()], []),  # three were not asked for
        ([_rev(body=b"no JSON")], [500]),
        ([_rev(body=b'{"_id":"x"}')], [404]),
        ([_rev(history="x,,y")], [400]),
        ([_rev(body=json.dumps({"_attachments": ATTACHED}).encode())], [400]),
        ([_rev(body=b'{"_attachments":{"a":{"stub":true,"digest":5}}}')], [400]),
        ([_rev(body=b'{"_removed":true}')], []),
        ([Message({"Profile": "norev", "id": "d", "rev": "1-a", "sequence": "1"})], []),
        ([Message({"Profile": "getAttachment", "digest": "sha1-AAAA"}), _rev()], []),
        ([Message({"Profile": "subChanges"}), Message({"Profile": "x"}), _rev()], []),
    ],
)  # fmt: skip
def test_revisions_are_checked(pull, requests, refusals):
    other = Other(_offering([1, "d", "1-a"], then=requests))
    assert [refusal.status for refusal in pull(other)] == refusals
    unasked = [reply.body.decode() for reply in other.replies if reply.is_error]
    assert len(unasked) >= len(requests) - 1
    assert set(OURS.documents()) <= {"d"}


def test_ids_that_no_document_can_have(pull):
    rows = [[1, "_sync:x", "1-a"], [2, "", "1-a"], [3, "x" * 300, "1-a"], [4, "d", "1-a"]]
    other = Other(_offering(*rows, then=[_rev(sequence="4")]))
    assert [(it.status, it.reason) for it in pull(other)] == [(400, "Invalid doc ID")] * 3
    assert set(OURS.documents()) == {"d"}


def test_an_attachment_that_is_not_what_it_is_said_to_be(pull):
    on = {"getAttachment": lambda _: Message({}, b"other")}
    body = json.dumps({"_attachments": ATTACHED}).encode()
    (refusal,) = pull(Other({**_offering([1, "d", "1-a"], then=[_rev(body=body)]), **on}))
    assert refusal.status == 400
    assert "digest mismatch" in refusal.reason


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([[[], "d", "1-a"]], "malformed sequences"),
        ([["1", 2, "1-a"]], "Invalid body of changes"),
        ([[n, f"d{n}", "1-a"] for n in range(1001)], "more than 1000 changes"),
    ],
)  # fmt: skip
def test_offers_are_checked(pull, rows, reason):
    with pytest.raises(Failed, match=reason):
        pull(Other(_offering(*rows)))


def test_an_offer_that_is_overtaken_by_the_end_of_the_feed(pull):
    uids = [f"{'d' * 200}{number}" for number in range(500)]
    rows = [[number, uid, "1-a"] for number, uid in enumerate(uids, 1)]
    revs = [_rev(uid, sequence=str(number)) for number, uid, _ in rows]
    # They are sent when the offer is answered, which is the first request.
    on = {"reply": lambda reply: revs if reply.number == 1 else ()}
    assert pull(Other({**_offering(*rows), **on})) == []
    assert set(OURS.documents()) == set(uids)


def test_checkpoints_that_are_nonsense(pull):
    for body in (b"no JSON", b"[]", b'{"last_sequence":{},"config_hash":[]}'):
        asked = []
        on = {
            "getCheckpoint": lambda _, body=body: Message({"rev": "0-1"}, body),
            "subChanges": lambda request, asked=asked: (
                asked.append(request), Message(), Message({"Profile": "changes"}, b"null")
            )[1:],
        }  # fmt: skip
        pull(Other(on))
        assert asked[0].properties["since"] == "0"


def test_a_gateway_that_says_no_more(pull, monkeypatch):
    monkeypatch.setattr(leading, "PATIENCE", 0.2)
    monkeypatch.setattr(leading, "INTERVAL", 0.05)
    with pytest.raises(Failed, match="The other gateway was silent"):
        pull(Other(_offering([1, "d", "1-a"])))


def test_a_refusal_of_the_feed(pull):
    on = {"subChanges": lambda _: messages.error("HTTP", 400, "Unknown filter")}
    with pytest.raises(Failed, match="Unknown filter"):
        pull(Other(on))


def test_it_connects_again_and_goes_on(pull, monkeypatch):
    monkeypatch.setattr(process, "TRIES", 3)
    monkeypatch.setattr(replicator, "FIRST_PAUSE", 0.01)
    times = []

    def answer(request):
        times.append(time.monotonic())
        if len(times) == 1:
            other.socket.close()
        return _offering([1, "d", "1-a"], then=[_rev()])["subChanges"](request)

    other = Other({"subChanges": answer})
    assert pull(other) == []
    assert len(times) == 2
    assert set(OURS.documents()) == {"d"}


def test_certificates_are_checked(pull, ca, stranger):
    on = _offering([1, "d", "1-a"], then=[_rev()])
    assert pull(Other(on), ca.server(), ca.file) == []
    for tls, authority in (
        (ca.server(), None), (ca.server(), stranger.file), (ca.server("other.example"), ca.file)
    ):  # fmt: skip
        with pytest.raises(Failed, match="the certificate is not trusted"):
            pull(Other(on), tls, authority)


def test_addresses():
    for url in ("", "db", "ftp://h/db", "ws://h", "ws://h:99999999/db", "ws://[::1/db", "ws:///db"):
        with pytest.raises(ValueError, match="The address of the other gateway"):
            Remote.parse(url)
    remote = Remote.parse("https://u%40x:p%2Fw@[::1]:4984/a/db/")
    assert remote.socket == "wss://[::1]:4984/a/db/_blipsync?client=sgr2"
    assert (remote.user, remote.password) == ("u@x", "p/w")
    assert "p/w" not in repr(remote) + remote.name
