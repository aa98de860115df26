"""Documents come to an end, without a trace, and nobody sees them afterwards."""

from __future__ import annotations

import base64
import time
from datetime import datetime, timezone

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.testapp.models import CBArticle

from .access.client import ADMIN, add_user, create_database, function

pytestmark = pytest.mark.django_db

TTL = 60


@pytest.fixture(autouse=True)
def database():
    create_database()


@pytest.fixture
def later(monkeypatch):
    """Moves the clock on by seconds."""

    def move(seconds):
        before = time.time
        monkeypatch.setattr(time, "time", lambda: before() + seconds)

    return move


def put(uid, body):
    return ADMIN.put(f"/{uid}", body)


def post(uid, body):
    return ADMIN.ask("POST", "/", {"_id": uid, **body})


def push(uid, body):
    return ADMIN.put(f"/{uid}", {"_rev": "1-abc", **body}, new_edits=False)


def put_many(uid, body):
    return ADMIN.ask("POST", "/_bulk_docs", {"docs": [{"_id": uid, **body}]})


def push_many(uid, body):
    docs = [{"_id": uid, "_rev": "1-abc", **body}]
    return ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})


def ids(path, **query):
    _, answer = ADMIN.get(path, **query)
    return [row["id"] for row in answer.get("rows", answer.get("results"))]


def expiry_of(uid):
    return ADMIN.get(f"/{uid}", show_exp=True)[1].get("_exp")


def tables():
    """The tables in which there is anything of documents."""
    names = ["documents", "revisions", "attachments", "attachment_chunks", "grants", "view_rows"]
    with connection.cursor() as cursor:
        return [
            name for name in names if cursor.execute(f"SELECT 1 FROM cbtools_{name}").fetchone()
        ]


@pytest.mark.parametrize("write", [put, post, push, put_many, push_many])
def test_document_ends(write, later):
    assert write("a", {"n": 1, "_exp": TTL})[0] in (200, 201)
    put("b", {"n": 2})
    _, document = ADMIN.get("/a")
    assert document.keys() == {"_id", "_rev", "_cv", "n"}
    later(TTL - 5)
    assert ids("/_all_docs") == ids("/_changes") == ["a", "b"]
    later(10)
    assert ADMIN.get("/a") == (404, {"error": "not_found", "reason": "missing"})
    assert ADMIN.get("/a", rev=document["_rev"])[0] == 404
    assert ids("/_all_docs") == ids("/_changes") == ["b"]
    _, listed = ADMIN.ask("POST", "/_all_docs", {"keys": ["a"]})
    assert listed["rows"] == [{"key": "a", "error": "not_found", "status": 404}]


@pytest.mark.parametrize("path", ["/_all_docs", "/_changes"])
def test_first_request_after_the_end(path, later):
    put("a", {"_exp": TTL})
    later(TTL)
    assert ids(path) == []


def test_a_document_of_the_name_is_made_anew(later):
    put("a", {"n": 1, "_exp": TTL})
    assert put("a", {"n": 2})[0] == 409
    later(TTL)
    status, saved = put("a", {"n": 2})
    assert (status, saved["rev"].partition("-")[0]) == (201, "1")
    later(10 * TTL)
    assert ADMIN.get("/a")[1]["n"] == 2


def test_nothing_is_left(later):
    create_database(function("channel('x'); access('alice', 'x');"))
    files = {"f": {"data": base64.b64encode(b"x" * 1000).decode()}}
    ADMIN.put("/_design/d", {"views": {"v": {"map": "function (doc) { emit(doc.n, null); }"}}})
    _, saved = put("a", {"n": 1, "_attachments": files})
    put("a", {"n": 2, "_rev": saved["rev"], "_attachments": files, "_exp": TTL})
    assert ids("/_design/d/_view/v", stale="false") == ["a"]
    assert len(tables()) == 6
    later(TTL)
    assert ids("/_design/d/_view/v", stale="ok") == []
    assert tables() == []


def test_users_are_told_nothing_either(later):
    create_database(function("channel(doc.channel);"))
    alice = add_user("alice", admin_channels=["x"])
    put("a", {"channel": "x", "_exp": TTL})
    assert alice.get("/a")[0] == 200
    later(TTL)
    # As of one that has never been.
    assert alice.get("/a") == alice.get("/b")
    _, changes = alice.get("/_changes")
    assert "a" not in [row["id"] for row in changes["results"]]


def test_expiry_is_shown_where_it_is_asked_for():
    now = int(time.time())
    rev = put("a", {"_exp": TTL})[1]["rev"]
    shown = datetime.strptime(expiry_of("a"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert now + TTL <= shown.timestamp() <= time.time() + TTL
    ask = {"docs": [{"id": "a", "rev": rev}]}
    for query, is_shown in [({}, False), ({"show_exp": True}, True), ({"show_exp": "1"}, False)]:
        answer = ADMIN.send("POST", "/_bulk_get", ask, **query)
        assert (b'"_exp":' in b"".join(answer.chunks())) is is_shown
        assert ("_exp" in ADMIN.get("/a", **query)[1]) is is_shown
    put("b", {})
    assert expiry_of("b") is None


@pytest.mark.parametrize(("given", "shown"), [
    (4070908800, "2099-01-01T00:00:00Z"),
    ("2099-01-01T01:00:00+01:00", "2099-01-01T00:00:00Z"),
    ("2099-01-01T00:00:00.999Z", "2099-01-01T00:00:00Z"),
    (4294967295, "2106-02-07T06:28:15Z"),
    (0, None),
    ("0", None),
    (None, None),
])  # fmt: skip
def test_what_may_be_given(given, shown):
    assert put("a", {"_exp": given})[0] == 201
    assert expiry_of("a") == shown


@pytest.mark.parametrize("given", [
    True, [], {}, "", "soon", -1, "-1", 1.5, 4294967296, 10**30, "2099-01-01",
    "2099-02-30T00:00:00Z", "1970-01-01T00:00:00+01:00", "9999999999", "\u0661", "1 ",
    "2106-02-07T06:28:16Z",
])  # fmt: skip
def test_what_may_not_be_given(given):
    status, answer = put("a", {"_exp": given})
    assert (status, answer["reason"][:16]) == (400, "Invalid expiry: ")
    assert ADMIN.get("/a")[0] == 404


@pytest.mark.parametrize("write", [push, push_many])
def test_what_a_replicator_may_not_give_is_passed_over(write, later):
    assert write("a", {"_exp": "soon"})[0] == 201
    later(1000 * TTL)
    assert ADMIN.get("/a")[0] == 200
    assert expiry_of("a") is None


def test_thirty_days_are_a_time_to_live_and_more_a_date():
    month = 30 * 24 * 60 * 60
    put("a", {"_exp": month})
    assert expiry_of("a") > "2020"
    # In 1970, and so over.
    put("b", {"_exp": month + 1})
    assert ids("/_all_docs") == ["a"]


def test_what_is_written_without_an_expiry_has_none(later):
    rev = put("a", {"n": 1, "_exp": TTL})[1]["rev"]
    put("a", {"n": 2, "_rev": rev})
    assert expiry_of("a") is None
    later(10 * TTL)
    assert ADMIN.get("/a")[1]["n"] == 2


@pytest.mark.parametrize("end", [{}, {"_exp": TTL}], ids=str)
def test_a_tombstone_stays(end, later):
    """Or whoever has the document would never be told."""
    rev = put("a", {"n": 1, "_exp": TTL})[1]["rev"]
    assert put("a", {"_deleted": True, "_rev": rev, **end})[0] == 201
    later(10 * TTL)
    assert ADMIN.get("/a")[1]["reason"] == "deleted"
    assert ids("/_changes") == ["a"]


def test_expiry_is_no_part_of_the_body():
    assert put("a", {"_exp": TTL})[1]["rev"] == put("b", {})[1]["rev"]


# ------------------------------------------------------- of the sync function


@pytest.mark.parametrize("given", ["60", "'60'", "new Date(Date.now() + 60000).toISOString()"])
def test_of_the_sync_function(given, later):
    create_database(function(f"expiry({given});"))
    put("a", {"_exp": 1000 * TTL})
    later(TTL - 5)
    assert ADMIN.get("/a")[0] == 200
    later(10)
    assert ADMIN.get("/a")[0] == 404


@pytest.mark.parametrize("given", ["undefined", "null", "'soon'", "-1", "{}"])
def test_what_the_sync_function_may_not_say_is_passed_over(given):
    create_database(function(f"expiry({given});"))
    put("a", {"_exp": 4070908800})
    assert expiry_of("a") == "2099-01-01T00:00:00Z"


def test_sync_function_that_says_nothing_any_more(later):
    create_database(function("if (doc.ends) expiry(60);"))
    rev = put("a", {"ends": True})[1]["rev"]
    assert expiry_of("a")
    put("a", {"_rev": rev})
    later(10 * TTL)
    assert ADMIN.get("/a")[0] == 200


# ------------------------------------------------------------------ elsewhere


def set_expiry(uid, seconds):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE cbtools_documents SET expires = %s WHERE uid = %s",
            [int(time.time()) + seconds, uid],
        )


def test_models_do_not_show_what_is_over():
    """Even where no request to the gateway has come since."""
    article, other = CBArticle(title="a", channels=["x"]), CBArticle(title="b", channels=["x"])
    article.save()
    other.save()
    set_expiry(article.uid, 1000)
    assert CBArticle.objects.count() == 2
    set_expiry(article.uid, -1)
    assert CBArticle.objects.count() == 1
    assert not CBArticle.objects.filter(uid=article.uid).exists()
    assert [found.uid for found in CBArticle.objects.all()] == [other.uid]
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle.objects.get(title="a")


def test_queries():
    """Whether there is anything to do is asked with what every request asks anyway."""
    put("a", {})
    for path in ("/a", "/_all_docs", "/_changes"):
        with CaptureQueriesContext(connection) as queries:
            ADMIN.get(path)
        asked = [query["sql"] for query in queries if "expires <=" in query["sql"]]
        assert len(asked) == 1, path
        assert "cbtools_databases" in asked[0]


def test_documents_of_another_keyspace_are_left_to_it():
    """And cost no write."""
    put("a", {})
    assert ADMIN.put("other/", {"bucket": "other"})[0] == 201
    assert ADMIN.put("other/b", {})[0] == 201
    set_expiry("b", -1)
    with CaptureQueriesContext(connection) as queries:
        assert ADMIN.get("/a")[0] == 200
    assert not [q["sql"] for q in queries if not q["sql"].startswith("SELECT")]
    assert ADMIN.get("other/b")[0] == 404


def test_collections_end_their_own_documents(later):
    collections = {"one": {}, "two": {}}
    config = {"bucket": "places", "scopes": {"s": {"collections": collections}}}
    assert ADMIN.put("places/", config)[0] == 201
    for name in collections:
        assert ADMIN.put(f"places.s.{name}/a", {"_exp": TTL})[0] == 201
    later(TTL)
    for name in collections:
        assert ADMIN.get(f"places.s.{name}/a")[0] == 404
        assert ADMIN.put(f"places.s.{name}/a", {})[0] == 201
