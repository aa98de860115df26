"""What is left of documents whose time is over: a tombstone."""

from __future__ import annotations

import pytest
from django.db import connection

from django_cbtools import canonical
from django_cbtools.embedded.documents import endings
from tests.gateway.access.client import ADMIN, add_user, create_database
from tests.gateway.documents.expiry.ending import FAR, exp, let_end, put, rows

pytestmark = pytest.mark.django_db


def multipart(path, body=None, **query):
    method = "GET" if body is None else "POST"
    return b"".join(ADMIN.send(method, path, body, **query).chunks())


READ = {
    "document": lambda rev: ADMIN.get("/doc") == (404, {"error": "not_found", "reason": "deleted"}),
    "revision": lambda rev: ADMIN.get("/doc", rev=rev)[0] == 404,
    "attachment": lambda rev: ADMIN.send("GET", "/doc/file").status == 404,
    "open revisions": lambda rev: b'"missing"' in multipart("/doc", open_revs=[rev]),
    "list": lambda rev: [row["id"] for row in ADMIN.get("/_all_docs")[1]["rows"]] == ["stays"],
    "list by key": lambda rev: (
        ADMIN.ask("POST", "/_all_docs", {"keys": ["doc"]})[1]["rows"][0]["status"] == 404
    ),
    "bulk": lambda rev: b'"not_found"' in multipart("/_bulk_get", {"docs": [{"id": "doc"}]}),
    "changes": lambda rev: [
        (row["id"], row.get("deleted"), row["doc"].get("n"))
        for row in ADMIN.get("/_changes", include_docs=True)[1]["results"]
    ] == [("stays", None, 2), ("doc", True, None)],
    "view": lambda rev: [
        row["key"] for row in ADMIN.get("/_design/d/_view/by_n")[1]["rows"]
    ] == [2],
    "differences": lambda rev: ADMIN.ask("POST", "/_revs_diff", {"doc": [rev]})[1] == {},
    "tree": lambda rev: b"Tombstone" in ADMIN.send("GET", "/_revtree/doc").body,
    "metadata": lambda rev: ADMIN.get("/_raw/doc")[1]["_xattrs"]["_sync"]["flags"] == 1,
    "channel": lambda rev: b"<td>doc</td>" not in ADMIN.send("GET", "/_dumpchannel/a").body,
    "deletion": lambda rev: ADMIN.ask("DELETE", "/doc", rev=rev)[0] == 409,
    "update": lambda rev: ADMIN.put("/doc", {"_rev": rev})[0] == 409,
    "creation": lambda rev: put("doc", n=3)["rev"].startswith("3-"),
    "purge": lambda rev: ADMIN.ask("POST", "/_purge", {"doc": ["*"]})[1] == (
        {"purged": {"doc": ["*"]}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("route", READ)
def test_nobody_finds_it_any_more(route, ended):
    assert READ[route](ended)
    assert exp("stays") == FAR


def test_users_do_not_find_it_either(ended):
    alice = add_user("alice", admin_channels=["a"])
    let_end("stays")
    found = [(row["id"], row.get("removed")) for row in alice.get("/_changes")[1]["results"]]
    assert found == [("_user/alice", None), ("stays", ["a"])]
    assert alice.get("/_all_docs")[1]["rows"] == []
    assert alice.get("/doc")[0] == 403


def test_users_are_told_that_it_is_gone():
    alice = add_user("alice", admin_channels=["a"])
    rev = put("doc", channels=["a"], _exp=FAR)["rev"]
    since = ADMIN.get("/")[1]["update_seq"]
    let_end("doc")
    (row,) = alice.get("/_changes", since=str(since))[1]["results"]
    # As a real gateway names it: a revision of an empty body.
    assert row == {
        "seq": since + 1, "id": "doc", "deleted": True, "removed": ["a"],
        "changes": [{"rev": canonical.revision_id(rev, "{}")}],
    }  # fmt: skip
    assert "_exp" not in ADMIN.get("/doc", rev=row["changes"][0]["rev"], show_exp=True)[1]


def test_nothing_is_left_of_it(ended):
    put("doc2", opens=1)
    assert ADMIN.get("/doc")[0] == 404
    assert (rows("attachments"), rows("attachment_chunks"), rows("view_rows")) == (0, 0, 1)
    assert (rows("documents"), rows("revisions")) == (3, 0)


def test_what_it_opened_is_closed():
    create_database("function (doc) { channel(doc.channels); access('alice', doc.opens || []); }")
    alice = add_user("alice")
    put("door", opens=["a"], _exp=FAR)
    put("secret", channels=["a"])
    assert alice.get("/secret")[0] == 200
    let_end("door")
    assert alice.get("/secret")[0] == 403


def test_its_successor_has_no_end():
    put("doc", n=1, _exp=FAR)
    let_end("doc")
    put("doc", n=2)
    assert exp("doc") is None
    assert ADMIN.get("/doc", revs="true")[1]["_revisions"]["start"] == 3


def test_one_whose_deletion_is_refused_is_purged(caplog):
    create_database("function (doc) { if (doc._deleted) throw({forbidden: 'never'}); }")
    put("doc", _exp=FAR)
    let_end("doc")
    assert ADMIN.get("/doc") == (404, {"error": "not_found", "reason": "missing"})
    assert "'doc' has expired, and is purged" in caplog.text
    assert rows("documents") == 0


def test_very_many_are_ended_little_by_little(monkeypatch):
    monkeypatch.setattr(endings, "BATCH", 2)
    monkeypatch.setattr(endings, "BATCHES", 2)
    uids = [f"doc{number}" for number in range(7)]
    for uid in uids:
        put(uid, _exp=FAR)
    let_end(*uids)

    def alive():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM cbtools_documents WHERE deleted = 0")
            return cursor.fetchone()[0]

    # Which one is asked for is over at any rate.
    assert ADMIN.get("/doc6")[0] == 404
    assert alive() == 2
    assert ADMIN.get("/_all_docs")[1]["rows"] == []
    assert alive() == 0
