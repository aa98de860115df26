"""Purging: nothing is left of a document, in no index either, whoever brings that up to date."""

from __future__ import annotations

import pytest
from django.db import connection

from django_cbtools.embedded.database import Database
from django_cbtools.embedded.documents.purge import purge
from django_cbtools.embedded.views import index
from tests.gateway.access.client import ADMIN, Client, add_user, create_database

pytestmark = pytest.mark.django_db

MAP = "function (doc, meta) { emit(meta.id, doc.n); }"
VIEW = "/_design/d/_view/by_id"


@pytest.fixture(autouse=True)
def database():
    create_database()


def put(uid, **body):
    status, answer = ADMIN.put(f"/{uid}", body)
    assert status == 201, answer
    return answer["rev"]


def ask_purge(**asked):
    status, answer = ADMIN.ask("POST", "/_purge", asked)
    assert status == 200
    return sorted(answer["purged"])


def tables():
    """How many rows there are of what belongs to documents."""
    names = (
        "documents", "revisions", "grants", "attachments", "attachment_chunks", "view_rows",
    )  # fmt: skip
    with connection.cursor() as cursor:
        return {
            name: cursor.execute(f"SELECT count(*) FROM cbtools_{name}").fetchone()[0]
            for name in names
        }


def epoch():
    with connection.cursor() as cursor:
        return cursor.execute("SELECT epoch FROM cbtools_views").fetchone()[0]


@pytest.fixture
def view():
    assert ADMIN.put("/_design/d", {"views": {"by_id": {"map": MAP}}})[0] == 201
    return lambda: [row["id"] for row in ADMIN.get(VIEW, stale="false")[1]["rows"]]


def test_nothing_is_left_of_it(view):
    create_database("function (doc) { channel(doc.channels); access('alice', 'a'); }")
    before = tables()
    rev = put("doc", n=1, _attachments={"file": {"data": "aGVsbG8="}})
    put("doc", n=2, _rev=rev, _attachments={"file": {"data": "eA=="}})
    assert view() == ["doc"]
    assert all(count > before[name] for name, count in tables().items())
    assert ask_purge(doc=["*"]) == ["doc"]
    assert tables() == before
    assert ADMIN.get("/doc") == (404, {"error": "not_found", "reason": "missing"})
    assert ADMIN.get("/doc", rev=rev)[0] == 404
    assert ADMIN.get("/_changes")[1]["results"] == []
    assert view() == []


def test_what_it_opened_is_closed():
    create_database("function (doc) { channel(doc.channels); access('alice', doc.opens || []); }")
    alice = add_user("alice")
    put("door", opens=["a"])
    put("secret", channels=["a"])
    assert alice.get("/secret")[0] == 200
    assert ask_purge(door=["*"]) == ["door"]
    assert alice.get("/secret")[0] == 403


def test_what_others_hold_stays():
    for uid in ("one", "two"):
        put(uid, _attachments={"file": {"data": "aGVsbG8="}})
    assert ask_purge(one=["*"]) == ["one"]
    answer = ADMIN.send("GET", "/two/file")
    assert b"".join(answer.chunks()) == b"hello"


def test_it_may_be_made_again(view):
    rev = put("doc", n=1)
    ADMIN.ask("DELETE", "/doc", rev=rev)
    assert ask_purge(doc=["*"]) == ["doc"]
    assert put("doc", n=1) == rev
    assert view() == ["doc"]
    (row,) = ADMIN.get("/_changes")[1]["results"]
    assert row["seq"] == 3


@pytest.mark.parametrize("revs", [[], ["1-a"], ["*", "*"], ["*", "1-a"], "*", None, {"*": 1}, 5])
def test_only_all_revisions_go(revs):
    put("doc")
    assert ask_purge(doc=revs, none=["*"]) == []
    assert ADMIN.get("/doc")[0] == 200


def test_odd_ids():
    uids = ["\u00e9", "a/b", '";--', "%", "a b", "x" * 250]
    for uid in uids:
        assert ADMIN.ask("POST", "/", {"_id": uid})[0] == 200
    put("x")
    asked = {uid: ["*"] for uid in [*uids, "", "\0", "x\0y", "_x"]}
    assert ask_purge(**asked) == sorted(uids)
    assert [row["id"] for row in ADMIN.get("/_all_docs")[1]["rows"]] == ["x"]


@pytest.mark.parametrize(
    "uid", ["", "a\0", "\0", "_design/d", "_local/x", "_user/alice", "x" * 999]
)
def test_ids_of_no_document(uid, view):
    """SQLite's JSON functions end a text at its first NUL."""
    put("a")
    ADMIN.put("/_local/x", {})
    assert ask_purge(**{uid: ["*"]}) == []
    assert view() == ["a"]
    assert ADMIN.get("/_local/x")[0] == 200


@pytest.mark.parametrize("body", ["[", "[]", "5", ""])
def test_what_is_no_object_is_refused(body):
    status, answer = ADMIN.ask("POST", "/_purge", body)
    assert (status, answer["reason"]) == (
        400, "_purge document ID's must be passed as a JSON"
    )  # fmt: skip


def test_null_purges_nothing():
    put("doc")
    assert ADMIN.ask("POST", "/_purge", "null")[0] == 200
    assert ADMIN.get("/doc")[0] == 200


def test_administrators_purge():
    put("doc")
    add_user("alice", admin_channels=["*"])
    for client in (Client("public"), Client("public", "alice", "password")):
        assert client.ask("POST", "/_purge", {"doc": ["*"]})[0] == 404
    assert ADMIN.get("/doc")[0] == 200


def test_collections_keep_their_own():
    scopes = {"s": {"collections": {"one": {}, "two": {}}}}
    assert ADMIN.put("other/", {"bucket": "other", "scopes": scopes})[0] == 201
    for name in ("one", "two"):
        assert ADMIN.put(f"other.s.{name}/doc", {})[0] == 201
    _, answer = ADMIN.ask("POST", "other.s.one/_purge", {"doc": ["*"]})
    assert answer == {"purged": {"doc": ["*"]}}
    assert ADMIN.ask("GET", "other.s.two/doc")[0] == 200


# -------------------------------------------------------------------- the index


@pytest.mark.parametrize("indexed", [[], ["old"]])
def test_an_index_that_has_read_it_does_not_write_it_again(view, indexed, monkeypatch):
    """Another process purges it between the reading and the writing of a batch."""
    for uid in indexed:
        put(uid)
    assert view() == indexed
    put("doc")
    put("stays")
    mapped = index._map
    batches = []

    def map_slowly(*args):
        made = mapped(*args)
        if not batches:
            assert purge(Database.open("default", "rules"), ["doc"]) == ["doc"]
        batches.append(args[1].uids)
        return made

    monkeypatch.setattr(index, "_map", map_slowly)
    assert view() == sorted([*indexed, "stays"])
    assert batches == [["doc", "stays"], ["stays"]]
    assert tables()["view_rows"] == len(indexed) + 1


def test_the_last_document_goes_while_it_is_indexed(view, monkeypatch):
    put("doc")
    mapped = index._map

    def map_slowly(*args):
        made = mapped(*args)
        purge(Database.open("default", "rules"), ["doc"])
        return made

    monkeypatch.setattr(index, "_map", map_slowly)
    assert view() == []
    assert tables()["view_rows"] == 0


def test_one_that_is_made_again_while_it_is_indexed(view, monkeypatch):
    put("doc", n=1)
    mapped = index._map
    batches = []

    def map_slowly(*args):
        made = mapped(*args)
        if not batches:
            purge(Database.open("default", "rules"), ["doc"])
            put("doc", n=2)
        batches.append(args[1].uids)
        return made

    monkeypatch.setattr(index, "_map", map_slowly)
    assert [row["value"] for row in ADMIN.get(VIEW, stale="false")[1]["rows"]] == [2]
    assert batches == [["doc"], ["doc"]]


def test_an_index_is_not_disturbed_for_nothing(view):
    put("doc")
    assert view() == ["doc"]
    before = epoch()
    assert ask_purge(none=["*"], doc=["1-a"]) == []
    assert epoch() == before
    assert ask_purge(doc=["*"]) == ["doc"]
    assert epoch() == before + 1


def test_a_condition_holds_when_it_happens():
    put("doc")
    database = Database.open("default", "rules")
    assert purge(database, ["doc"], "sequence > %s", [1]) == []
    assert ADMIN.get("/doc")[0] == 200
    assert purge(database, ["doc", "none"], "sequence > %s", [0]) == ["doc"]
