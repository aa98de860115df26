"""What is purged has never been."""

from __future__ import annotations

import base64

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_cbtools.embedded import index

from .access.client import ADMIN, Client, add_user, create_database, function

pytestmark = pytest.mark.django_db

BY_N = "function (doc) { emit(doc.n, null); }"


@pytest.fixture(autouse=True)
def database():
    create_database()


def put(uid, body=None, **how):
    status, answer = ADMIN.put(f"/{uid}", body or {}, **how)
    assert status == 201, answer
    return answer["rev"]


def purge(*uids, client=ADMIN):
    status, answer = client.ask("POST", "/_purge", {uid: ["*"] for uid in uids})
    assert status == 200, answer
    return list(answer["purged"])


def attachment(text):
    return {"f": {"data": base64.b64encode(text.encode()).decode()}}


def count(table):
    with connection.cursor() as cursor:
        return cursor.execute(f"SELECT count(*) FROM cbtools_{table}").fetchone()[0]


def put_view(source=BY_N):
    assert ADMIN.put("/_design/d", {"views": {"v": {"map": source}}})[0] in (200, 201)


def view(stale="false"):
    status, answer = ADMIN.get("/_design/d/_view/v", stale=stale)
    assert status == 200, answer
    return [row["id"] for row in answer["rows"]]


def test_a_document_of_the_name_is_made_anew():
    first = put("a", {"n": 1})
    second = put("a", {"n": 2, "_rev": first})
    assert purge("a") == ["a"]
    assert ADMIN.get("/a") == (404, {"error": "not_found", "reason": "missing"})
    assert put("a", {"n": 3}).startswith("1-")
    for rev in (first, second):
        assert ADMIN.get("/a", rev=rev)[0] == 404
        assert ADMIN.put("/a", {"_rev": rev})[0] == 409
    assert ADMIN.ask("POST", "/_revs_diff", {"a": [first]})[1] == {"a": {"missing": [first]}}


def test_nothing_is_left():
    create_database(function("channel('x'); access('alice', 'x'); role('alice', 'role:r');"))
    put_view()
    rev = put("a", {"n": 1, "_attachments": attachment("one")})
    rev = put("a", {"n": 2, "_rev": rev, "_attachments": attachment("two")})
    # A branch that does not win, whose body is kept for good.
    ADMIN.ask("DELETE", "/a", rev=rev)
    put("a", {"_rev": "1-abc", "n": 3, "_attachments": attachment("three")}, new_edits=False)
    assert view() == ["a"]
    tables = ["documents", "revisions", "attachments", "attachment_chunks", "grants", "view_rows"]
    assert all(map(count, tables))
    assert purge("a") == ["a"]
    assert [count(table) for table in tables] == [0] * len(tables)


def test_attachments_of_others_stay():
    put("a", {"_attachments": attachment("same")})
    put("b", {"_attachments": attachment("same")})
    purge("a")
    assert ADMIN.send("GET", "/b/f").body == b"same"
    purge("b")
    assert count("attachment_chunks") == 0


def test_what_a_document_has_opened_is_closed():
    create_database(function("channel(doc.channel); access(doc.who, doc.channel);"))
    alice = add_user("alice")
    put("a", {"channel": "x", "who": "alice"})
    put("b", {"channel": "x"})
    assert alice.get("/b")[0] == 200
    purge("a")
    assert alice.get("/b")[0] == 403


def test_changes_do_not_tell():
    put("a")
    put("b")
    purge("a")
    _, answer = ADMIN.get("/_changes")
    assert ([row["id"] for row in answer["results"]], answer["last_seq"]) == (["b"], "2")


def test_a_tombstone_is_purged():
    rev = put("a")
    ADMIN.ask("DELETE", "/a", rev=rev)
    assert purge("a") == ["a"]
    assert ADMIN.get("/_changes")[1]["results"] == []
    assert put("a").startswith("1-")


@pytest.mark.parametrize(
    "revs",
    [["1-x"], ["*", "*"], "*", [], None, {}, True, ["*", None], [["*"]], {"*": "*"}],
    ids=str,
)
def test_only_all_revisions_are_purged(revs):
    put("a")
    put("b")
    status, answer = ADMIN.ask("POST", "/_purge", {"a": revs, "b": ["*"], "never": ["*"]})
    assert (status, answer) == (200, {"purged": {"b": ["*"]}})
    assert ADMIN.get("/a")[0] == 200


@pytest.mark.parametrize("body", ["", "[", "[]", '"a"', "1", '{"a"', '{"a": ["*"],}', "x {}"])
def test_what_is_no_object(body):
    put("a")
    status, answer = ADMIN.ask("POST", "/_purge", body)
    assert (status, answer["reason"]) == (400, "_purge document ID's must be passed as a JSON")
    assert ADMIN.get("/a")[0] == 200


@pytest.mark.parametrize(
    "uid",
    ["é", "a b", "a/b", "%", "%2F", '"', "'; DROP TABLE cbtools_documents; --", "😀", "{}", "\\",
     "a\u2028b", "\ud7ff", "*", "a?b#c", "null", "1", "x" * 250],
)  # fmt: skip
def test_odd_ids(uid):
    docs = [{"_id": uid}, {"_id": f"{uid}"[:-1] + "y"}]
    status, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs})
    assert status == 201
    assert not [row for row in rows if "error" in row]
    assert purge(uid) == [uid]
    assert [row["id"] for row in ADMIN.get("/_all_docs")[1]["rows"]] == [docs[1]["_id"]]


@pytest.mark.parametrize(
    "uid", ["", "a\0", "\0", "_design/d", "_local/x", "_user/alice", "x" * 999]
)
def test_ids_of_no_document(uid):
    put("a")
    put_view()
    ADMIN.put("/_local/x", {})
    assert purge(uid) == []
    assert ADMIN.get("/a")[0] == ADMIN.get("/_design/d")[0] == ADMIN.get("/_local/x")[0] == 200


def test_not_for_clients():
    put("a")
    alice = add_user("alice", admin_channels=["*"])
    for client in (alice, Client("public")):
        assert client.ask("POST", "/_purge", {"a": ["*"]})[0] == 404
    assert ADMIN.ask("GET", "/_purge")[0] == 405
    assert ADMIN.get("/a")[0] == 200


def test_other_collections_are_left_alone():
    config = {"bucket": "places", "scopes": {"s": {"collections": {"one": {}, "two": {}}}}}
    assert ADMIN.put("places/", config)[0] == 201
    for name in ("one", "two"):
        files = attachment("same")
        assert ADMIN.put(f"places.s.{name}/a", {"_attachments": files})[0] == 201
    assert ADMIN.ask("POST", "places.s.one/_purge", {"a": ["*"]})[0] == 200
    assert ADMIN.get("places.s.one/a")[0] == 404
    assert ADMIN.get("places.s.two/a")[0] == 200
    assert ADMIN.send("GET", "places.s.two/a/f").body == b"same"


def test_queries():
    """However many are purged."""
    sizes = []
    for number in (1, 50):
        uids = [f"d{place}" for place in range(number)]
        ADMIN.ask("POST", "/_bulk_docs", {"docs": [{"_id": uid} for uid in uids]})
        with CaptureQueriesContext(connection) as queries:
            assert len(purge(*uids)) == number
        sizes.append(len(queries))
    assert sizes[0] == sizes[1]


# ----------------------------------------------------------------------- views


def test_views_show_it_no_more():
    put_view()
    put("a", {"n": 1})
    put("b", {"n": 2})
    assert view() == ["a", "b"]
    purge("a")
    assert view("ok") == ["b"]
    assert view() == ["b"]


@pytest.mark.parametrize("is_new", [True, False])
def test_while_an_index_is_brought_up_to_date(is_new, monkeypatch):
    """Whoever does that has read the document, and must not write it afterwards."""
    put_view()
    if not is_new:
        put("z", {"n": 0})
        assert view() == ["z"]
    put("a", {"n": 1})
    put("b", {"n": 2})
    make = index._map

    def interrupted(*args):
        monkeypatch.setattr(index, "_map", make)
        mapped = make(*args)
        purge("a")
        return mapped

    monkeypatch.setattr(index, "_map", interrupted)
    others = ["b"] if is_new else ["z", "b"]
    assert view() == others
    assert view("ok") == others
    put("a", {"n": 3})
    assert view() == [*others, "a"]


def test_made_anew_while_an_index_is_brought_up_to_date(monkeypatch):
    put_view()
    put("a", {"n": 1})
    make = index._map

    def interrupted(*args):
        monkeypatch.setattr(index, "_map", make)
        mapped = make(*args)
        purge("a")
        put("a", {"n": 2})
        return mapped

    monkeypatch.setattr(index, "_map", interrupted)
    _, answer = ADMIN.get("/_design/d/_view/v", stale="false")
    assert [row["key"] for row in answer["rows"]] == [2]
