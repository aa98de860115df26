"""Local documents: what a client keeps at the gateway for itself."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_cbtools.embedded.documents import documents
from tests.gateway.access.client import ADMIN, Client, add_user, create_database

pytestmark = pytest.mark.django_db

CONFLICT = (409, {"error": "conflict", "reason": "Document update conflict"})
MISSING = (404, {"error": "not_found", "reason": "missing"})
NOTHING = (404, {"error": "not_found", "reason": "No previous revision to replace"})
LIFETIME = 90 * 24 * 60 * 60


@pytest.fixture(autouse=True)
def database():
    create_database()


def put(name, **body):
    return ADMIN.put(f"/_local/{name}", body)


def age(seconds, name="%"):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE cbtools_local SET saved = saved - %s WHERE name LIKE %s", [seconds, name]
        )
        assert cursor.rowcount


def names():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM cbtools_local ORDER BY 1")
        return [name for (name,) in cursor.fetchall()]


def test_revisions_count_from_one():
    for number in (1, 2, 3):
        given = {"_rev": f"0-{number - 1}"} if number > 1 else {}
        assert put("cp", n=number, **given) == (
            201, {"id": "_local/cp", "ok": True, "rev": f"0-{number}"}
        )  # fmt: skip
        assert ADMIN.get("/_local/cp") == (
            200, {"_id": "_local/cp", "_rev": f"0-{number}", "n": number}
        )  # fmt: skip
    for wrong in ({}, {"_rev": "0-2"}, {"_rev": "0-03"}, {"_rev": 3}, {"_rev": ""}):
        assert put("cp", n=4, **wrong) == CONFLICT
    assert ADMIN.ask("DELETE", "/_local/cp", rev="0-2") == CONFLICT
    assert ADMIN.ask("DELETE", "/_local/cp", rev="0-3") == (200, None)
    assert ADMIN.get("/_local/cp") == MISSING
    assert ADMIN.ask("DELETE", "/_local/cp", rev="0-3") == NOTHING
    assert ADMIN.ask("DELETE", "/_local/cp") == NOTHING
    assert put("cp", _rev="0-3") == NOTHING
    # Its revisions begin anew.
    assert put("cp")[1]["rev"] == "0-1"


def test_special_properties_are_not_kept():
    body = {
        "_id": "other", "_rev": None, "_cv": "1@x", "_deleted": True, "_exp": 5, "_sync": {},
        "_attachments": {"a": {"data": "eA=="}}, "_revisions": {}, "_own": 1, "n": 1,
    }  # fmt: skip
    assert ADMIN.put("/_local/cp", body)[0] == 201
    assert ADMIN.get("/_local/cp")[1] == {"_id": "_local/cp", "_rev": "0-1", "n": 1}


def test_numbers_come_back_as_they_were():
    text = '{"a":1E+2,"b":-0,"c":1.0,"d":' + "9" * 5000 + ',"e":12345678901234567890}'
    assert ADMIN.put("/_local/cp", text)[0] == 201
    answer = ADMIN.send("GET", "/_local/cp").body.decode()
    assert answer == '{"_id":"_local/cp","_rev":"0-1",' + text[1:]


def test_they_are_in_no_list():
    design = {"views": {"all": {"map": "function (doc, meta) { emit(meta.id, null); }"}}}
    assert ADMIN.put("/_design/d", design)[0] == 201
    assert put("cp")[0] == 201
    assert ADMIN.get("/_all_docs")[1]["rows"] == []
    assert ADMIN.get("/_changes")[1] == {"results": [], "last_seq": "0"}
    assert ADMIN.get("/_design/d/_view/all", stale="false")[1]["rows"] == []
    assert ADMIN.ask("POST", "/_purge", {"_local/cp": ["*"], "cp": ["*"]})[1] == {"purged": {}}
    assert ADMIN.get("/cp") == MISSING
    assert ADMIN.get("/_local/cp")[0] == 200


def test_users_share_them_and_strangers_do_not():
    alice, bob = add_user("alice"), add_user("bob")
    assert alice.put("/_local/cp", {"n": 1})[0] == 201
    assert bob.get("/_local/cp")[1]["n"] == 1
    for stranger in (Client("public"), Client("public", "alice", "wrong")):
        for method in ("GET", "PUT", "DELETE"):
            assert stranger.ask(method, "/_local/cp", {})[0] == 401
    assert ADMIN.get("/_local/cp")[1]["_rev"] == "0-1"


def test_collections_have_their_own():
    scopes = {"s": {"collections": {"one": {}, "two": {}}}}
    assert ADMIN.put("other/", {"bucket": "other", "scopes": scopes})[0] == 201
    assert ADMIN.put("other.s.one/_local/cp", {"n": 1})[0] == 201
    assert ADMIN.ask("GET", "other.s.two/_local/cp")[0] == 404
    assert ADMIN.ask("GET", "other.s.one/_local/cp")[1]["n"] == 1


@pytest.mark.parametrize("name", [
    "a b", "%C3%A9", "%22%3B--", "a%00b", "_x", "%2525", "%5F", "+", "a" * 238, "%FF"
])  # fmt: skip
def test_odd_names(name):
    answer = ADMIN.send("PUT", f"/_local/{name}", {"n": 1})
    assert answer.status == 201, answer.body
    status, found = ADMIN.get(f"/_local/{name}")
    assert (status, found["n"]) == (200, 1)
    docs = [{"_id": found["_id"], "_rev": "0-1", "n": 2}]
    assert ADMIN.ask("POST", "/_bulk_docs", {"docs": docs})[1] == [
        {"id": found["_id"], "rev": "0-2"}
    ]
    assert ADMIN.ask("DELETE", f"/_local/{name}", rev="0-2")[0] == 200


@pytest.mark.parametrize(("name", "expected"), [
    ("a%2Fb", (404, "unknown URL")),
    ("", (404, "unknown URL")),
    ("a" * 239, (400, "Invalid doc ID")),
    ("%C3%A9" * 120, (400, "Invalid doc ID")),
])  # fmt: skip
def test_impossible_names(name, expected):
    status, answer = ADMIN.put(f"/_local/{name}", {})
    assert (status, answer["reason"]) == expected


def test_they_come_last_in_a_batch():
    docs = [
        {"_id": "_local/cp", "n": 1}, {"_id": "z", "n": 1}, {"_id": "_local/cp", "n": 2},
        {"_id": "_local/cp", "_rev": "0-1", "n": 3}, {"_id": "_local/", "n": 4},
    ]  # fmt: skip
    _, (first, *rest) = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})
    assert (first["id"], first["reason"]) == ("z", "Bad _revisions")
    conflict = {"error": "conflict", "reason": "Document update conflict", "status": 409}
    assert rest == [
        {"id": "_local/cp", "rev": "0-1"}, {"id": "_local/cp", **conflict},
        {"id": "_local/cp", "rev": "0-2"},
        {"error": "bad_request", "id": "_local/", "reason": "Invalid doc ID", "status": 400},
    ]  # fmt: skip
    assert ADMIN.get("/_local/cp")[1]["n"] == 3


def test_the_size_is_limited(monkeypatch):
    assert documents.MAX_BYTES == 20 * 1024 * 1024
    monkeypatch.setattr(documents, "MAX_BYTES", 100_000)
    most = 100_000 - len('{"pad":""}')
    assert put("cp", pad="x" * most)[0] == 201
    status, answer = put("cq", pad="x" * (most + 1))
    assert (status, answer["reason"]) == (413, "Document too large!")
    assert ADMIN.get("/_local/cq") == MISSING


# -------------------------------------------------------------------- how long


def test_they_end_when_nobody_has_asked_for_long():
    put("cp", n=1)
    age(LIFETIME - 5)
    assert ADMIN.get("/_local/cp")[0] == 200
    age(LIFETIME)
    assert ADMIN.get("/_local/cp") == MISSING
    assert ADMIN.ask("DELETE", "/_local/cp", rev="0-1") == NOTHING
    assert put("cp", _rev="0-1") == NOTHING
    assert put("cp", n=2)[1]["rev"] == "0-1"


def test_to_read_keeps_them_alive():
    put("cp", n=1)
    for _ in range(3):
        age(LIFETIME // 2)
        assert ADMIN.get("/_local/cp")[0] == 200


def test_to_write_keeps_them_alive():
    put("cp", n=1)
    age(LIFETIME // 2)
    put("cp", _rev="0-1")
    age(LIFETIME // 2)
    assert ADMIN.get("/_local/cp")[0] == 200


def writes():
    """What reading writes."""
    with CaptureQueriesContext(connection) as queries:
        assert ADMIN.get("/_local/cp")[0] == 200
    return [query["sql"] for query in queries if not query["sql"].startswith("SELECT")]


def test_who_reads_often_writes_seldom():
    put("cp", n=1)
    assert writes() == []
    age(LIFETIME // 50)
    assert any(sql.startswith("UPDATE cbtools_local") for sql in writes())
    assert writes() == []


def test_what_is_over_goes_with_the_next_write():
    for name in ("old", "older", "fresh"):
        put(name)
    age(LIFETIME, "old%")
    assert ADMIN.get("/_local/old") == MISSING
    assert names() == ["fresh", "old", "older"]
    put("new")
    assert names() == ["fresh", "new"]


def test_the_configuration_says_how_long():
    create_database(local_doc_expiry_secs=10)
    put("cp")
    age(9)
    assert ADMIN.get("/_local/cp")[0] == 200
    age(10)
    assert ADMIN.get("/_local/cp") == MISSING


def test_they_are_kept_for_ever_where_it_says_so():
    create_database(local_doc_expiry_secs=0)
    put("cp")
    age(100 * LIFETIME)
    put("new")
    assert writes() == []
    assert put("cp", _rev="0-1")[0] == 201
    assert names() == ["cp", "new"]


def test_what_is_over_is_found_by_an_index():
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN QUERY PLAN DELETE FROM cbtools_local WHERE keyspace = %s AND saved <= %s",
            ["x", 1],
        )
        assert "cbtools_local_saved (keyspace=? AND saved<?)" in cursor.fetchall()[0][3]


def test_null_is_no_document():
    assert ADMIN.put("/_local/cp", "null") == NOTHING
    put("cp")
    assert ADMIN.put("/_local/cp", "null") == CONFLICT
