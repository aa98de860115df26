"""Attachments that are refused, and that they leave nothing behind."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest

from django_cbtools.embedded.documents import attachments
from tests.gateway.attachments.client import b64, digest_of, inline, multipart
from tests.gateway.attachments.stored import BOB, FOLLOWS, kept, links, rows

BAD_BODIES = {
    "no digest": ({"a": {"follows": True}}, [b"data"], "MIME part #2 doesn't match any attachment"),
    "wrong digest": ({"a": FOLLOWS}, [b"dato"], "MIME part #2 doesn't match any attachment"),
    "digest of another kind": ({"a": {"follows": True, "digest": [1]}}, [b"data"],
                               "MIME part #2 doesn't match any attachment"),
    "wrong length": ({"a": {**FOLLOWS, "length": 5}}, [b"data"],
                     'Attachment length mismatch for "a": read 4 bytes, should be 5'),
    "wrong encoded length": ({"a": {**FOLLOWS, "encoded_length": 3}}, [b"data"],
                             'Attachment length mismatch for "a": read 4 bytes, should be 3'),
    "too few": ({"a": FOLLOWS, "b": FOLLOWS}, [b"data"],
                "Too few MIME parts: expected 2 attachments, got 1"),
    "too many": ({"a": FOLLOWS}, [b"data", b"data"], "Too many MIME parts (expected 2)"),
    "none follows": ({"a": {"stub": True}}, [b"data"], "Too many MIME parts (expected 1)"),
    "no metadata": ({"a": 1}, [], "Invalid _attachments"),
    "nothing": ({"a": {}}, [], 'Missing data of attachment "a"'),
    "data that is a list": ({"a": {"data": []}}, [],
                            "invalid attachment data (type []interface {})"),
    "half of base64": ({"a": {"data": "YWI"}}, [], "illegal base64 data at input byte 3"),
    "base64 for addresses": ({"a": {"data": "YWI_"}}, [], "illegal base64 data at input byte 3"),
    "too many signs": ({"a": {"data": "YQ=="  "YQ=="}}, [], "illegal base64 data at input byte 4"),
    "signs alone": ({"a": {"data": "===="}}, [], "illegal base64 data at input byte 2"),
    "unknown stub": ({"a": {"stub": True}, "b": inline(b"data")}, [],
                     'Missing digest in stub attachment "a"'),
}  # fmt: skip


@pytest.fixture
def nothing_new(client):
    """A document that is there, unchanged, in the end, with nothing beside it."""
    rev = client.save("doc", {"_attachments": {"kept": inline(b"kept")}})
    yield rev
    assert client.get("/doc").json()["_rev"] == rev
    assert kept() == {digest_of(b"kept"): b"kept"}
    assert links() == {("doc", digest_of(b"kept"))}
    assert rows("SELECT uid FROM cbtools_documents") == [("doc",)]


@pytest.mark.parametrize(("shown", "contents", "reason"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_bad_body(shown, contents, reason, client, nothing_new):
    sent = multipart({"_attachments": shown}, *contents)
    answer = client.ask("PUT", "/bad", **sent)
    assert (answer.status_code, answer.json()["reason"]) == (400, reason)
    if not contents and "follows" not in json.dumps(shown):
        answer = client.ask("POST", "/", {"_attachments": shown})
        assert (answer.status_code, answer.json()["reason"]) == (400, reason)
        (row,) = client.ask("POST", "/_bulk_docs", {"docs": [{"_attachments": shown}]}).json()
        assert (row["status"], row["error"], row["reason"]) == (400, "bad_request", reason)


def test_multipart_body_that_breaks_off(client, nothing_new):
    sent = multipart({"_attachments": {"a": FOLLOWS}}, b"data")
    for length in range(len(sent["body"])):
        answer = client.ask("PUT", "/bad", sent["body"][:length], headers=sent["headers"])
        assert answer.status_code == 400
        assert answer.json()["reason"]


def test_multipart_body_that_is_no_document(client, nothing_new):
    sent = multipart({"_attachments": {}})
    bad = {
        "MIME part of another type": sent["body"].replace(b"application/json", b"text/plain"),
        "no JSON": sent["body"].replace(b'{"_att', b"{_att"),
        "packed as nobody packs": sent["body"].replace(
            b"\r\n\r\n", b"\r\nContent-Encoding: x\r\n\r\n"
        ),
        "no part": b'----"b--',
    }
    for name, body in bad.items():
        answer = client.ask("PUT", "/bad", body, headers=sent["headers"])
        assert answer.status_code in (400, 415), name


def test_documents_that_are_refused_leave_nothing(client, bob, nothing_new):
    code = "function(doc) { if (doc.bad) throw({forbidden: 'no'}); channel(doc.channels); }"
    answer = client.ask(
        "PUT", "/_config/sync", code.encode(), headers={"Content-Type": "application/javascript"}
    )
    assert answer.status_code == 200
    data = {"_attachments": {"a": inline(b"data")}}
    docs = [{"_id": "bad", "bad": 1, **data}, {"_id": "doc", **data}, {"_id": "_x", **data}]
    rows = client.ask("POST", "/_bulk_docs", {"docs": docs}).json()
    assert [row["status"] for row in rows] == [403, 409, 400]
    assert client.ask("PUT", "/doc/a", b"data").status_code == 409
    assert client.ask("PUT", "/doc/a", b"data", params={"rev": "1-x"}).status_code == 409
    assert client.ask("PUT", "/doc/a", b"data", params={"rev": "x"}).status_code == 400
    assert client.ask("PUT", "/doc/a", b"data", BOB).status_code == 403
    assert client.ask("PUT", "/new/a", b"data", ("bob", "wrong")).status_code == 401


def test_sizes_up_to_the_limit(client):
    data = b"x" * attachments.MAX_BYTES
    client.save("inline", {"_attachments": {"a": inline(data)}})
    client.attach("address", "a", data)
    shown = {"follows": True, "digest": digest_of(data)}
    client.save("parts", **multipart({"_attachments": {"a": shown}}, data))
    for uid in ("inline", "address", "parts"):
        assert client.get(f"/{uid}/a").content == data
    assert kept() == {digest_of(data): data}


def test_sizes_beyond_the_limit(client, nothing_new, monkeypatch):
    assert attachments.MAX_BYTES == 20 * 1024 * 1024
    monkeypatch.setattr(attachments, "MAX_BYTES", 1024 * 1024)
    data = b"x" * (attachments.MAX_BYTES + 1)
    shown = {"follows": True, "digest": digest_of(data)}
    answers = [
        client.ask("PUT", "/bad", {"_attachments": {"a": inline(data)}}),
        client.ask("PUT", "/bad/a", data),
        client.ask("PUT", "/bad/a", gzip.compress(data), headers={"Content-Encoding": "gzip"}),
        client.ask("PUT", "/bad", **multipart({"_attachments": {"a": shown}}, data)),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["reason"]) == (413, "Attachment too large")


def test_packed_upload(client):
    client.ask("PUT", "/doc/a", gzip.compress(b"data"), headers={"Content-Encoding": "gzip"})
    assert client.read("doc") == {"a": b"data"}
    assert "Content-Encoding" not in client.get("/doc/a").headers
    answer = client.ask("PUT", "/new/a", b"data", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 400
    answer = client.ask("PUT", "/new/a", b"data", headers={"Content-Encoding": "br"})
    assert answer.status_code == 415


def test_couchdbs_digests(client):
    md5 = "md5-" + b64(hashlib.md5(b"data").digest())
    shown = {"a": {"follows": True, "digest": md5}, "b": {"follows": True, "digest": md5}}
    client.save("doc", **multipart({"_attachments": shown}, b"data", b"data"))
    assert client.read("doc") == {"a": b"data", "b": b"data"}
    assert kept() == {digest_of(b"data"): b"data"}
