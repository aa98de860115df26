"""Attachments: what comes in is what goes out, for whom it is meant, and nothing is left behind."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import json
import re
import socket
import tracemalloc
from urllib.parse import quote, urlsplit

import pytest
import requests
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from django_cbtools.embedded.database import Database
from django_cbtools.embedded.documents import attachments, unused
from django_cbtools.embedded.documents.purge import purge
from tests.gateway.attachments.client import (
    DB,
    JSON,
    Client,
    b64,
    branch,
    digest_of,
    inline,
    multipart,
    parts_of,
)

BOB = ("bob", "bob's")
MEGABYTE = 1024 * 1024

# A server's threads need committed data.
TRANSACTIONAL = pytest.mark.django_db(transaction=True)


def _database():
    return Database.open("default", DB[1:])


def _rows(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def _kept():
    """All contents in the store, by digest; each is what its digest says."""
    chunks = _rows(
        "SELECT digest, position, data FROM cbtools_attachment_chunks ORDER BY digest, position"
    )
    kept = {}
    for digest, position, data in chunks:
        assert position == len(kept.setdefault(digest, b""))
        kept[digest] += data
    assert all(digest_of(data) == digest for digest, data in kept.items())
    return kept


def _links():
    return set(_rows("SELECT uid, digest FROM cbtools_attachments"))


# --------------------------------------------------------- what comes in goes out


@TRANSACTIONAL
@pytest.mark.parametrize("size", [0, 1, 3, attachments.CHUNK - 1, attachments.CHUNK, 700_000])
def test_any_size(size, either):
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    either.save("doc", {"_attachments": {"a": inline(data)}})
    either.attach("doc2", "b", data)
    for address in ("/doc/a", "/doc2/b"):
        answer = either.get(address)
        assert answer.content == data
        assert answer.headers["Content-Length"] == str(size)
        assert answer.headers["Etag"] == f'"{digest_of(data)}"'
        head = either.ask("HEAD", address)
        assert (head.content, head.headers["Content-Length"]) == (b"", str(size))
    assert either.read("doc") == {"a": data}
    assert _kept() == {digest_of(data): data}


@TRANSACTIONAL
@pytest.mark.parametrize(
    "name", ["a.txt", "dir/a", "é 🍺", "a+b;c=d", "100%", "_x", '"q"\r\n', " "]
)
def test_any_name(name, either):
    large = b"x" * 1000
    address = (
        f"/doc/{quote(quote(name, '/'), '')}" if "/" not in name else f"/doc/{quote(name, '')}"
    )
    assert either.ask("PUT", address, large).status_code == 201
    assert either.read("doc") == {name: large}
    assert either.get(address).content == large
    (_, body), (headers, content) = parts_of(either.get("/doc", params={"attachments": "true"}))
    assert json.loads(body)["_attachments"][name]["follows"] is True
    filename = re.fullmatch("attachment; filename=(.*)", headers["Content-Disposition"], re.DOTALL)
    assert json.loads(filename[1]) == name
    assert content == large


def test_metadata(client):
    rev = client.save("doc", {"n": 1, "_attachments": {"a": inline(b"one")}})
    rev = client.attach("doc", "b", b"two", rev, headers={"Content-Type": "x/y"})
    shown = client.get("/doc").json()["_attachments"]
    assert shown == {
        "a": {"content_type": "text/plain", "digest": digest_of(b"one"), "length": 3, "revpos": 1,
              "stub": True},
        "b": {"content_type": "x/y", "digest": digest_of(b"two"), "length": 3, "revpos": 2,
              "stub": True},
    }  # fmt: skip
    meta = client.get("/doc/b", params={"meta": "true"}).json()
    assert meta.pop("key").endswith(":" + digest_of(b"two"))
    assert meta == {**shown["b"], "ver": 2}
    # Here a real gateway shows what it keeps.
    rows = client.get("/_all_docs", params={"include_docs": "true"}).json()["rows"]
    assert rows[0]["doc"]["_attachments"]["b"] == {**shown["b"], "ver": 2}


class Attachments(RuleBasedStateMachine):
    """A document's attachments beside a plain model of them."""

    client: Client
    names = st.sampled_from(["a", "b", "c/d", "é"])
    contents = st.sampled_from([b"", b"x", b"y" * 500, b"\r\n--", b"z" * 2000])

    def __init__(self):
        super().__init__()
        #: Revision ids of documents, and of each revision the attachments, by name.
        self.heads = {}
        self.revisions = {}

    def _note(self, uid, rev, held):
        self.heads[uid] = rev
        self.revisions[uid, rev] = held
        self._check()

    def _held(self, uid):
        return self.revisions.get((uid, self.heads.get(uid)), {})

    uids = st.sampled_from(["d1", "d2"])

    @rule(uid=uids, new=st.dictionaries(names, contents, max_size=2), kept=st.sets(names))
    def write(self, uid, new, kept):
        kept &= self._held(uid).keys() - new.keys()
        body = {"_attachments": {name: inline(data) for name, data in new.items()}}
        body["_attachments"].update({name: {"stub": True} for name in kept})
        body["n"] = len(self.revisions)
        rev = self.client.save(uid, {**body, "_rev": self.heads.get(uid, "")})
        old = self._held(uid)
        self._note(uid, rev, {**new, **{name: old[name] for name in kept}})

    @rule(uid=uids, new=st.dictionaries(names, contents, min_size=1), kept=st.sets(names))
    def write_parts(self, uid, new, kept):
        kept &= self._held(uid).keys() - new.keys()
        shown = {
            name: {"follows": True, "length": len(data), "digest": digest_of(data)}
            for name, data in new.items()
        }
        shown.update({name: {"stub": True} for name in kept})
        body = {"_rev": self.heads.get(uid, ""), "n": len(self.revisions), "_attachments": shown}
        rev = self.client.save(uid, **multipart(body, *new.values()))
        old = self._held(uid)
        self._note(uid, rev, {**new, **{name: old[name] for name in kept}})

    @rule(uid=uids, name=names, data=contents)
    def put(self, uid, name, data):
        rev = self.client.attach(uid, name, data, self.heads.get(uid, ""))
        self._note(uid, rev, {**self._held(uid), name: data})

    @rule(uid=uids, name=names)
    def delete(self, uid, name):
        rev = self.heads.get(uid, "")
        address = f"/{uid}/{quote(name, '')}"
        answer = self.client.ask("DELETE", address, params={"rev": rev})
        held = dict(self._held(uid))
        if held.pop(name, None) is None:
            assert answer.status_code == 404
        else:
            assert answer.status_code == 200
            self._note(uid, answer.json()["rev"], held)

    @rule(uid=uids)
    def delete_document(self, uid):
        if self.heads.get(uid):
            self.client.ask("DELETE", f"/{uid}", params={"rev": self.heads.pop(uid)})
            self._check()

    @rule(uid=uids)
    def purge(self, uid):
        purge(_database(), [uid])
        self.heads.pop(uid, None)
        self.revisions = {key: held for key, held in self.revisions.items() if key[0] != uid}
        self._check()

    @rule()
    def collect(self):
        unused.collect_all(_database())
        self._check()

    def _check(self):
        for uid, rev in self.heads.items():
            held = self._held(uid)
            assert self.client.read(uid) == held
            for name, data in held.items():
                assert self.client.get(f"/{uid}/{quote(name, '')}").content == data
            assert self._followed(uid, rev) == held
        for (uid, rev), held in self.revisions.items():
            assert self.client.read(uid, rev) == held
        everything = {
            (uid, digest_of(data)): data
            for (uid, _), held in self.revisions.items()
            for data in held.values()
        }
        assert _kept() == {digest: data for (_, digest), data in everything.items()}
        assert _links() == everything.keys()

    def _followed(self, uid, rev):
        """The attachments as a multipart answer has them."""
        body = {"docs": [{"id": uid, "rev": rev}]}
        answer = self.client.ask("POST", "/_bulk_get", body, params={"attachments": "true"})
        ((headers, part),) = parts_of(answer)
        if not headers["Content-Type"].startswith("multipart/related"):
            return {}
        (_, text), *following = part
        following = [data for _, data in following]
        return {
            name: following.pop(0) if "follows" in meta else base64.b64decode(meta["data"])
            for name, meta in json.loads(text)["_attachments"].items()
        }


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(attachments, "CHUNK", 300)


def test_attachments_beside_a_model(client, small_chunks):
    class Machine(Attachments):
        pass

    Machine.client = client

    def run():
        with connection.cursor() as cursor:
            for table in ("documents", "revisions", "attachments", "attachment_chunks"):
                cursor.execute(f"DELETE FROM cbtools_{table}")
        return Machine()

    run_state_machine_as_test(
        run,
        settings=settings(
            max_examples=40, stateful_step_count=12, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


# ------------------------------------------------------------- stubs and claims


def test_attachment_that_is_not_named_is_dropped(client):
    rev = client.save("doc", {"_attachments": {"a": inline(b"1"), "b": inline(b"2")}})
    second = client.save("doc", {"_rev": rev, "_attachments": {"b": {"stub": True}}})
    assert client.read("doc") == {"b": b"2"}
    assert client.get("/doc/a").json()["reason"] == "missing attachment a"
    assert client.get("/doc/a", params={"rev": rev}).content == b"1"
    client.save("doc", {"_rev": second})
    assert "_attachments" not in client.get("/doc").json()


def test_stub_is_what_the_revision_before_has(client):
    """Whatever else it says."""
    rev = client.save("doc", {"_attachments": {"a": inline(b"1")}})
    stub = {
        "stub": True,
        "digest": digest_of(b"2"),
        "length": 9,
        "revpos": 7,
        "content_type": "x/y",
    }
    client.save("doc", {"_rev": rev, "_attachments": {"a": stub}})
    assert client.get("/doc").json()["_attachments"]["a"]["content_type"] == "text/plain"
    assert client.read("doc") == {"a": b"1"}


def _ways_to_read(client, uid, name, auth=None):
    """Every way to what an attachment holds: what is answered."""
    rev = client.get(f"/{uid}", auth).json()["_rev"]
    attachments = {"attachments": "true"}
    docs = {"docs": [{"id": uid}, {"id": uid, "rev": rev, "atts_since": []}]}
    return [
        client.get(f"/{uid}/{name}", auth),
        client.get(f"/{uid}/{name}", auth, params={"rev": rev}),
        client.get(f"/{uid}/{name}", auth, params={"meta": "true"}),
        client.get(f"/{uid}/{name}", auth, headers={"Range": "bytes=0-3"}),
        client.get(f"/{uid}", auth, params=attachments),
        client.get(f"/{uid}", auth, params={**attachments, "rev": rev}, headers=JSON),
        client.get(f"/{uid}", auth, params={"open_revs": "all"}),
        client.get(f"/{uid}", auth, params={"open_revs": json.dumps([rev])}, headers=JSON),
        client.ask("POST", "/_bulk_get", docs, auth, params=attachments),
    ]


CLAIMS = {
    "as it is shown": {"stub": True, "revpos": 1},
    "as it is kept": {"stub": True, "revpos": 1, "ver": 2},
    "of no revision": {"stub": True},
    "of one to come": {"stub": True, "revpos": 99, "ver": 1},
    "with nothing in it": {"stub": True, "revpos": 1, "data": None, "follows": True},
    "encoded": {"stub": True, "revpos": 1, "encoding": "gzip", "encoded_length": 6, "ver": 2},
}


@pytest.mark.parametrize("secret", [b"secret", b"secret" * 100], ids=["short", "long"])
@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_digest_opens_nothing(claim, secret, client, bob):
    client.save("hers", {"channels": ["a"], "_attachments": {"a": inline(secret)}})
    claim = {**claim, "digest": digest_of(secret), "length": len(secret), "content_type": "x/y"}
    body = {"channels": ["b"], "_attachments": {"a": claim, "own": inline(b"own")}}
    rev = client.save("his", body, auth=BOB)
    # It stays a claim, whoever writes what next.
    rev = client.save("his", {**body, "_rev": rev, "_attachments": {"a": claim}}, auth=BOB)
    rev = client.attach("his", "b", b"b", rev, auth=BOB)
    rev = client.save("his", {**body, "_rev": rev, "n": 2, "_attachments": {"a": {"stub": True}}})
    for auth in (BOB, None):
        for answer in _ways_to_read(client, "his", "a", auth):
            assert secret not in answer.content
            assert b64(secret) not in answer.text
    assert client.get("/his/a", BOB).status_code == 404
    assert client.read("hers") == {"a": secret}
    assert _links() == {
        ("hers", digest_of(secret)),
        ("his", digest_of(b"own")),
        ("his", digest_of(b"b")),
    }
    # He has it once he brings it himself.
    client.attach("his", "a", secret, rev, auth=BOB)
    assert client.get("/his/a", BOB).content == secret


def test_claim_to_what_the_document_has_dropped(client):
    first = client.save("doc", {"_attachments": {"a": inline(b"gone"), "b": inline(b"kept")}})
    rev = client.save("doc", {"_rev": first, "_attachments": {"b": {"stub": True}}})
    claim = {"stub": True, "digest": digest_of(b"gone"), "length": 4, "revpos": 1, "ver": 2}
    client.save("doc", {"_rev": rev, "_attachments": {"a": claim, "b": {"stub": True}}})
    assert client.get("/doc/a").status_code == 404
    assert client.get("/doc/b").content == b"kept"
    assert client.get("/doc/a", params={"rev": first}).content == b"gone"


def test_out_of_reach(client, bob):
    rev = client.save("doc", {"channels": ["b"], "_attachments": {"a": inline(b"secret")}})
    assert client.get("/doc/a", BOB).content == b"secret"
    body = {"_rev": rev, "channels": ["a"], "_attachments": {"a": {"stub": True}}}
    moved = client.save("doc", body)
    assert client.get("/doc/a", BOB).status_code == 403
    answer = client.get("/doc/a", BOB, params={"rev": moved})
    assert (answer.status_code, answer.json()["reason"]) == (404, "missing attachment a")
    assert client.ask("PUT", "/doc/a", b"x", BOB).status_code == 403
    for method in ("PUT", "DELETE"):
        answer = client.ask(method, "/doc/a", b"", BOB, params={"rev": moved})
        assert answer.status_code == 404
    answer = client.get("/doc", BOB, params={"open_revs": json.dumps([moved])})
    assert b"secret" not in answer.content
    assert b64(b"secret") not in answer.text
    # What he could read once, he still can.
    assert client.get("/doc/a", BOB, params={"rev": rev}).content == b"secret"
    assert client.get("/doc").json()["_rev"] == moved


# ------------------------------------------------------------- what is refused

FOLLOWS = {"follows": True, "length": 4, "digest": digest_of(b"data")}
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
    assert _kept() == {digest_of(b"kept"): b"kept"}
    assert _links() == {("doc", digest_of(b"kept"))}
    assert _rows("SELECT uid FROM cbtools_documents") == [("doc",)]


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
    assert _kept() == {digest_of(data): data}


def test_sizes_beyond_the_limit(client, nothing_new):
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
    assert _kept() == {digest_of(b"data"): b"data"}


# ----------------------------------------------------------------- what is kept


def test_contents_are_kept_once(client, small_chunks):
    data = b"x" * 1000
    for uid in ("d1", "d2"):
        client.save(uid, {"_attachments": {"a": inline(data), "b": inline(data)}})
    assert len(_rows("SELECT 1 FROM cbtools_attachment_chunks")) == 4
    purge(_database(), ["d1"])
    assert client.read("d2") == {"a": data, "b": data}
    purge(_database(), ["d2"])
    assert _kept() == {}
    assert _links() == set()


def _expire():
    """Let the time of old revisions be over."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cbtools_revisions SET superseded = 1 WHERE superseded < %s", [2**61])


def test_what_nobody_has_any_more_is_removed(client):
    for uid in ("d1", "d2"):
        rev = client.save(uid, {"_attachments": {"a": inline(uid.encode()), "b": inline(b"b")}})
        claim = {"stub": True, "digest": digest_of(b"d1"), "length": 2, "revpos": 1}
        client.save(uid, {"_rev": rev, "_attachments": {"b": {"stub": True}, "c": claim}})
    assert unused.collect_all(_database()) == 0
    _expire()
    assert unused.collect_all(_database()) == 2
    assert _kept() == {digest_of(b"b"): b"b"}
    assert client.get("/d1/b").content == b"b"
    assert unused.collect_all(_database()) == 0


def test_next_revision_removes_what_is_over(client):
    rev = client.attach("doc", "a", b"1")
    rev = client.attach("doc", "a", b"2", rev)
    assert set(_kept().values()) == {b"1", b"2"}
    _expire()
    client.attach("doc", "b", b"3", rev)
    assert set(_kept().values()) == {b"2", b"3"}
    assert client.read("doc") == {"a": b"2", "b": b"3"}


def test_a_revision_goes_with_what_it_held(client):
    """It does not come back, however long an administrator has revisions kept from then on."""
    rev = client.attach("doc", "a", b"1")
    client.save("doc", {"_rev": rev})
    _expire()
    assert unused.collect_all(_database()) == 1
    kept = {"old_rev_expiry_seconds": (1 << 32) - 1}
    assert client.ask("POST", "/_config", kept).status_code == 201
    assert client.get("/doc", params={"rev": rev}).status_code == 404
    assert _rows("SELECT 1 FROM cbtools_revisions") == []


def test_losing_branch_keeps_what_it_has(client):
    first, tombstone, winner = branch(client)
    _expire()
    unused.collect_all(_database())
    assert set(_kept().values()) == {b"2", b"3" * 300}
    assert client.get("/doc/t", params={"rev": tombstone}).content == b"2"
    assert client.get("/doc/b", params={"rev": winner}).content == b"3" * 300
    assert client.get("/doc/a", params={"rev": first}).status_code == 404


def test_other_database_has_its_own(client):
    assert client.http.put(f"{client.urls[1]}/other/", data="{}").status_code == 201
    client.attach("doc", "a", b"data")
    address = f"{client.urls[1]}/other/doc"
    assert client.http.put(f"{address}/a", data=b"data").status_code == 201
    assert len(_rows("SELECT 1 FROM cbtools_attachment_chunks")) == 2
    purge(_database(), ["doc"])
    assert client.http.get(f"{address}/a").content == b"data"


# ---------------------------------------------------------------------- streams


def test_contents_that_are_removed_while_they_are_sent(client, small_chunks, monkeypatch):
    data = b"x" * MEGABYTE
    client.attach("doc", "a", data)
    answer = client.get("/doc/a", stream=True)
    assert answer.raw.read(1000) == data[:1000]
    purge(_database(), ["doc"])
    with pytest.raises(requests.ConnectionError, match="404"):
        answer.raw.read()
    assert client.get("/doc/a").status_code == 404


@TRANSACTIONAL
def test_contents_that_are_removed_while_they_are_sent_over_http(by_http, small_chunks):
    by_http.attach("doc", "a", b"x" * (8 * MEGABYTE))
    answer = by_http.get("/doc/a", stream=True)
    assert answer.raw.read(1000) == b"x" * 1000
    purge(_database(), ["doc"])
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        assert len(answer.content) < 8 * MEGABYTE
    assert by_http.get("/doc/a").status_code == 404


@TRANSACTIONAL
def test_slow_reader_keeps_nobody_waiting(by_http):
    """Neither with the store as it was when he began, nor locked out of the one that is."""
    data = b"x" * (8 * MEGABYTE)
    rev = by_http.attach("doc", "a", data)
    slow = by_http.get("/doc/a", stream=True)
    assert slow.raw.read(1) == b"x"
    purge(_database(), ["none"])
    rev = by_http.attach("doc", "b", b"2", rev)
    by_http.save("doc", {"_rev": rev, "_attachments": {"b": {"stub": True}}})
    # The write-ahead log can be emptied: nobody reads what is old.
    assert _rows("PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
    assert slow.content == data[1:]


@pytest.fixture
def peak():
    """What Python has needed at most of memory, since the start of the test."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def _pieces(size, count):
    """Contents of ``count`` attachments of a size, a little at a time; all differ."""
    for number in range(count):
        for _ in range(size // 65536):
            yield bytes([number]) * 65536


@TRANSACTIONAL
def test_much_is_never_in_memory_at_once(by_http, peak, settings):
    """64 MB in one document, up and down. DEBUG is on: Django keeps queries then."""
    settings.DEBUG = True
    size, count = 16 * MEGABYTE, 4
    shown = {}
    for number in range(count):
        sha1 = hashlib.sha1()
        for piece in _pieces(size, 1):
            sha1.update(bytes([number]) * len(piece))
        digest = "sha1-" + b64(sha1.digest())
        shown[f"a{number}"] = {"follows": True, "digest": digest, "length": size}
    sent = multipart({"_attachments": shown}, *[b"%d" % number for number in range(count)])
    marks = re.split(rb"\r\n\d\r\n", sent["body"])
    length = sum(map(len, marks)) + count * (size + 4)

    def body():
        for number, mark in enumerate(marks):
            yield mark
            if number < count:
                yield b"\r\n"
                for _ in range(size // 65536):
                    yield bytes([number]) * 65536
                yield b"\r\n"

    address = urlsplit(by_http.urls[1])
    connection = http.client.HTTPConnection(address.hostname, address.port)
    headers = {**sent["headers"], "Content-Length": str(length)}
    connection.request("PUT", f"{DB}/doc", body(), headers)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["id"]) == (201, "doc")

    for path, headers, expected in (
        ("/doc/a1", {}, size),
        ("/doc?attachments=true", {}, count * size),
        ("/doc?attachments=true", JSON, count * size * 4 // 3),
        ("/doc?open_revs=all", {}, count * size),
        ("/doc?open_revs=all", JSON, count * size * 4 // 3),
    ):
        connection.request("GET", DB + path, headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200
        received = 0
        while piece := answer.read(65536):
            received += len(piece)
        assert expected <= received < expected + 10_000
    connection.close()
    assert peak() < 8 * MEGABYTE


@TRANSACTIONAL
def test_upload_that_breaks_off(by_http):
    address = urlsplit(by_http.urls[1])
    sent = multipart({"_attachments": {"a": FOLLOWS}}, b"data")
    requests_ = [
        (f"PUT {DB}/bad/a", {"Content-Length": "1000000"}, b"x" * 500_000),
        (f"PUT {DB}/bad", {**sent["headers"], "Content-Length": "1000"}, sent["body"][:-20]),
    ]
    for line, headers, body in requests_:
        with socket.create_connection((address.hostname, address.port)) as sock:
            lines = [f"{line} HTTP/1.1", "Host: localhost"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            sock.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            sock.shutdown(socket.SHUT_WR)
            answer = sock.makefile("rb").readline()
        assert answer.startswith(b"HTTP/1.1 400 ")
    assert by_http.get("/bad").status_code == 404
    assert _kept() == {}


def test_number_of_queries(client, django_assert_num_queries, small_chunks):
    client.attach("doc", "a", b"x" * 1000)
    # The database, the document, and each chunk.
    with django_assert_num_queries(2 + 4):
        assert client.get("/doc/a").content == b"x" * 1000
    with django_assert_num_queries(2 + 2):
        client.get("/doc/a", headers={"Range": "bytes=299-300"})
    with django_assert_num_queries(2 + 4):
        client.read("doc")
    with django_assert_num_queries(2):
        client.get("/doc")
