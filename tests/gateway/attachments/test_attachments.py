"""Attachments: what comes in is what goes out, for whom it is meant, and nothing is left behind."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from django_cbtools.embedded.documents import attachments, unused
from django_cbtools.embedded.documents.purge import purge
from tests.counts import FEW
from tests.gateway.attachments.client import (
    JSON,
    Client,
    b64,
    digest_of,
    inline,
    multipart,
    parts_of,
)
from tests.gateway.attachments.stored import BOB, TRANSACTIONAL, database, kept, links

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
    assert kept() == {digest_of(data): data}


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
        purge(database(), [uid])
        self.heads.pop(uid, None)
        self.revisions = {key: held for key, held in self.revisions.items() if key[0] != uid}
        self._check()

    @rule()
    def collect(self):
        unused.collect_all(database())
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
        assert kept() == {digest: data for (_, digest), data in everything.items()}
        assert links() == everything.keys()

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
            max_examples=FEW, stateful_step_count=12, deadline=None,
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
    assert links() == {
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
