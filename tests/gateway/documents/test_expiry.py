"""Documents expire: `_exp`, and what is left of those whose time is over: a tombstone."""

from __future__ import annotations

import time

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_cbtools import canonical
from django_cbtools.embedded.documents import endings, expiry
from tests.gateway.access.client import ADMIN, add_user, create_database
from tests.testapp.models import CBArticle

pytestmark = pytest.mark.django_db

FAR = "2099-01-01T00:00:00Z"
DATE = (
    'Unable to parse expiry {0} as either numeric or date expiry: parsing time "{0}" as '
    '"2006-01-02T15:04:05Z07:00": cannot parse "{0}" as "2006"'
)
MAP = "function (doc, meta) { emit(doc.n, meta.id); }"


@pytest.fixture(autouse=True)
def database():
    create_database()


def put(uid, *, client=ADMIN, **body):
    status, answer = client.put(f"/{uid}", body)
    assert status == 201, answer
    return answer


def exp(uid, **query):
    """When a document ends, as it is shown."""
    status, answer = ADMIN.get(f"/{uid}", show_exp=True, **query)
    assert status == 200
    return answer.get("_exp")


def let_end(*uids):
    with connection.cursor() as cursor:
        for uid in uids:
            cursor.execute(
                "UPDATE cbtools_documents SET expires = %s WHERE uid = %s",
                [int(time.time()), uid],
            )
            assert cursor.rowcount


def tombstones():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cbtools_documents WHERE deleted = 1")
        return cursor.fetchone()[0]


def rows(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM cbtools_{table}")
        return cursor.fetchone()[0]


# ------------------------------------------------------------------ what it is


@pytest.mark.parametrize(("value", "seconds"), [
    (None, None), (0, None), ("0", None), ("-0", None), (4070908800, 4070908800),
    (2592001, 2592001), ((1 << 32) - 1, (1 << 32) - 1), ("2147483647", 2147483647),
    ("+2592001", 2592001), (FAR, 4070908800), ("2099-01-01T00:00:00.000+00:00", 4070908800),
    ("2099-01-01T01:30:00,5+01:30", 4070908800), ("1970-01-01T00:00:00Z", None),
])  # fmt: skip
def test_times(value, seconds):
    assert expiry.parse(value) == seconds


@pytest.mark.parametrize(("value", "seconds"), [
    (1, 1), ("3600", 3600), (2592000, 2592000), ("1970-01-31T00:00:00Z", 2592000),
])  # fmt: skip
def test_times_to_live(value, seconds, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1000000000.9)
    assert expiry.parse(value) == 1000000000 + seconds


RANGE = "Expiry value is not within valid range: {0}"
NUMBER = 'strconv.ParseInt: parsing "{0}": {1}'
WRONG = [
    (-1, RANGE.format(-1)), ("-1", RANGE.format(-1)), (1 << 32, RANGE.format(1 << 32)),
    (-(1 << 63), RANGE.format(-(1 << 63))), ("1969-12-31T23:59:59Z", RANGE.format(-1)),
    ("2200-01-01T00:00:00Z", RANGE.format(7258118400)),
    (1 << 63, NUMBER.format(1 << 63, "value out of range")),
    (3600.5, NUMBER.format("3600.5", "invalid syntax")),
    (True, "Unrecognized expiry format"), ([5], "Unrecognized expiry format"),
    ({}, "Unrecognized expiry format"), ("tomorrow", DATE.format("tomorrow")),
    ("4070908800", DATE.format("4070908800")), ("", DATE.format("")),
    ("\u0663\u0666", DATE.format("\u0663\u0666")), ("2099-13-01T00:00:00Z", None),
    ("2099-01-01", None), ("2099-01-01T00:00:00", None), ("0000-01-01T00:00:00Z", None),
    ("2099-01-01T00:00:00+99:99", None), ("\u0662099-01-01T00:00:00Z", None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "why"), WRONG)
def test_what_is_no_time_is_refused(value, why):
    status, answer = ADMIN.put("/doc", {"_exp": value})
    assert status == 400
    if why:
        assert answer["reason"] == f"Invalid expiry: {why}"
    else:
        assert answer["reason"].startswith("Invalid expiry: Unable to parse expiry")
    _, (row,) = ADMIN.ask("POST", "/_bulk_docs", {"docs": [{"_id": "doc", "_exp": value}]})
    assert (row["status"], row["reason"]) == (400, answer["reason"])
    assert ADMIN.get("/doc")[0] == 404


def test_numbers_as_they_are_written():
    for text, why in (("1e3", "1e3"), ("-0", None), ("9" * 5000, "9" * 5000)):
        status, answer = ADMIN.put("/doc", f'{{"_exp":{text}}}')
        assert status == 400
        if why:
            assert answer["reason"].startswith(
                f'Invalid expiry: strconv.ParseInt: parsing "{why}": '
            )


# ------------------------------------------------------------------ every write


def test_every_write_may_say_it():
    put("put", _exp=FAR)
    pushed = {"_exp": FAR, "_revisions": {"start": 1, "ids": ["a"]}}
    assert ADMIN.put("/pushed", pushed, new_edits="false")[0] == 201
    assert ADMIN.ask("POST", "/", {"_id": "post", "_exp": FAR})[0] == 200
    docs = [{"_id": "bulk", "_exp": FAR}]
    assert ADMIN.ask("POST", "/_bulk_docs", {"docs": docs})[0] == 201
    docs = [{"_id": "replicated", "_rev": "1-a", "_exp": FAR}]
    assert ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})[0] == 201
    for uid in ("put", "pushed", "post", "bulk", "replicated"):
        assert exp(uid) == FAR
        assert "_exp" not in ADMIN.get(f"/{uid}")[1]
    assert ADMIN.get("/_raw/put")[1]["_xattrs"]["_sync"]["exp"] == FAR


def test_what_a_replicator_brings_is_passed_over_where_it_is_no_time():
    pushed = {"_exp": "rubbish", "_revisions": {"start": 1, "ids": ["a"]}}
    assert ADMIN.put("/doc", pushed, new_edits="false")[0] == 201
    docs = [{"_id": "bulk", "_rev": "1-a", "_exp": -1}]
    assert ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})[1][0]["cv"]
    assert exp("doc") is exp("bulk") is None


def test_it_takes_no_part_in_the_digest():
    assert put("a", n=1, _exp=FAR)["rev"] == put("b", n=1)["rev"]


def test_an_update_that_does_not_say_it_ends_it():
    one = put("doc", _exp=FAR)
    two = put("doc", _rev=one["rev"])
    assert exp("doc") is None
    three = put("doc", _rev=two["rev"], _exp=FAR)
    assert exp("doc") == FAR
    put("doc", _rev=three["rev"], _exp=None)
    assert exp("doc") is None


def test_a_refused_update_changes_nothing():
    put("doc", _exp=FAR)
    assert ADMIN.put("/doc", {"n": 2})[0] == 409
    assert exp("doc") == FAR


def test_a_tombstone_stays():
    """Whoever has the document is to be told that it is gone."""
    one = put("doc", n=1)
    answer = put("doc", _rev=one["rev"], _deleted=True, _exp=FAR)
    assert exp("doc", rev=answer["rev"]) is None
    two = put("doc", n=2, _exp=FAR)
    assert ADMIN.ask("DELETE", "/doc", rev=two["rev"])[0] == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT deleted, expires FROM cbtools_documents WHERE uid = 'doc'")
        assert cursor.fetchall() == [(1, None)]


def test_the_sync_function_says_more():
    create_database("function (doc) { if ('ends' in doc) expiry(doc.ends); }")
    put("doc", ends=FAR, _exp="2098-01-01T00:00:00Z")
    assert exp("doc") == FAR
    put("none", ends=0, _exp=FAR)
    assert exp("none") is None
    put("own", _exp=FAR)
    assert exp("own") == FAR


def test_an_old_revision_has_none():
    one = put("doc", n=1, _exp=FAR)
    put("doc", _rev=one["rev"], n=2, _exp=FAR)
    assert exp("doc", rev=one["rev"]) is None


def test_it_is_shown_to_whoever_asks():
    rev = put("doc", channels=["a"], _exp=FAR)["rev"]
    alice = add_user("alice", admin_channels=["a"])
    bob = add_user("bob")
    assert alice.get("/doc", show_exp=True)[1]["_exp"] == FAR
    assert "_exp" not in bob.get("/doc", show_exp=True, rev=rev)[1]
    answer = ADMIN.send("POST", "/_bulk_get", {"docs": [{"id": "doc"}]}, show_exp=True)
    assert FAR.encode() in b"".join(answer.chunks())
    answer = ADMIN.send("GET", "/doc", open_revs="all", show_exp=True)
    assert FAR.encode() in b"".join(answer.chunks())
    answer = ADMIN.send("POST", "/_bulk_get", {"docs": [{"id": "doc"}]})
    assert FAR.encode() not in b"".join(answer.chunks())


# ---------------------------------------------------------------- when it is over


@pytest.fixture
def ended():
    """A document whose time is over, and one that stays, in a view and in a channel."""
    views = {"views": {"by_n": {"map": MAP}}}
    assert ADMIN.put("/_design/d", views)[0] == 201
    attachment = {"file": {"data": "aGVsbG8="}}
    rev = put("doc", n=1, channels=["a"], _exp=FAR, _attachments=attachment)["rev"]
    put("stays", n=2, channels=["a"], _exp=FAR)
    assert len(ADMIN.get("/_design/d/_view/by_n", stale="false")[1]["rows"]) == 2
    let_end("doc")
    return rev


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


# ------------------------------------------------------------- what that costs


def statements(path="/stays"):
    with CaptureQueriesContext(connection) as queries:
        assert ADMIN.get(path)[0] in (200, 404)
    return [query["sql"] for query in queries]


def test_only_what_is_over_is_written(ended):
    assert any(sql.startswith("UPDATE") for sql in statements())
    # The question itself goes with another.
    assert all(sql.startswith("SELECT") for sql in statements())
    assert len(statements()) == 2


def test_what_is_over_elsewhere_is_not_this_ones_business():
    assert ADMIN.put("other/", {"bucket": "other"})[0] == 201
    assert ADMIN.put("other/doc", {"_exp": FAR})[0] == 201
    put("stays")
    let_end("doc")
    assert all(sql.startswith("SELECT") for sql in statements())
    assert tombstones() == 0
    assert ADMIN.ask("GET", "other/doc")[0] == 404
    assert tombstones() == 1


def test_collections_lose_theirs():
    scopes = {"s": {"collections": {"one": {}, "two": {}}}}
    assert ADMIN.put("other/", {"bucket": "other", "scopes": scopes})[0] == 201
    for name in ("one", "two"):
        assert ADMIN.put(f"other.s.{name}/doc", {"_exp": FAR})[0] == 201
    let_end("doc")
    assert ADMIN.ask("GET", "other.s.one/doc")[0] == 404
    assert tombstones() == 1
    assert ADMIN.ask("GET", "other.s.two/doc")[0] == 404


def test_the_questions_are_answered_by_an_index(ended):
    asked = [sql for sql in statements() if sql.startswith("SELECT") and "expires <=" in sql]
    assert len(asked) == 3
    for sql in asked:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = " ".join(row[3] for row in cursor.fetchall())
        index = (
            "(keyspace=? AND uid=?)"
            if "'stays'" in sql
            else "cbtools_documents_expires (expires<?)"
        )
        assert index in plan


def test_one_that_was_given_more_time_meanwhile_stays(ended, monkeypatch):
    save = endings.writes.save

    def save_later(database, edits, author):
        monkeypatch.undo()
        edit = endings.Edit("doc", {"n": 3, "_exp": FAR}, ended)
        assert save(database, [edit], author)[0].rev.startswith("2-")
        return save(database, edits, author)

    monkeypatch.setattr(endings.writes, "save", save_later)
    assert ADMIN.get("/doc")[1]["n"] == 3
    assert exp("doc") == FAR


def test_a_transaction_that_is_rolled_back_takes_it_along(ended):
    """As in Django's TestCase: what ended in a test is there for the next one, and ends again."""
    with transaction.atomic():
        assert ADMIN.get("/doc")[0] == 404
        assert tombstones() == 1
        transaction.set_rollback(True)
    assert tombstones() == 0
    assert ADMIN.get("/doc")[0] == 404


# --------------------------------------------------------------------- the ORM


@pytest.fixture
def articles():
    stays = CBArticle.objects.create(title="stays", channels=["a"])
    ends = CBArticle.objects.create(title="ends", channels=["a"])
    for article in (stays, ends):
        path = f"test_documents/{article.uid}"
        _, body = ADMIN.ask("GET", path)
        assert ADMIN.put(path, {**body, "_exp": FAR})[0] == 201
    let_end(ends.uid)
    return stays, ends


def test_queries_do_not_find_it(articles):
    stays, ends = articles
    assert rows("documents") == 2
    assert [article.title for article in CBArticle.objects.all()] == ["stays"]
    assert CBArticle.objects.count() == 1
    assert not CBArticle.objects.filter(uid=ends.uid).exists()
    assert not CBArticle.objects.filter(title="ends").exists()
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle.objects.get(uid=ends.uid)
    assert CBArticle.objects.get(uid=stays.uid).title == "stays"
    # They only read.
    assert rows("documents") == 2


def test_the_time_is_that_of_the_query(articles):
    stays, _ = articles
    query = CBArticle.objects.filter(title="stays")
    assert query.count() == 1
    let_end(stays.uid)
    assert query.count() == 0


def test_a_model_may_be_saved_again(articles):
    _, ends = articles
    again = CBArticle(uid=ends.uid, title="again", channels=["a"])
    again.save()
    assert CBArticle.objects.get(uid=ends.uid).title == "again"


def test_queries_use_their_indexes(articles):
    for query in (CBArticle.objects.filter(title="x"), CBArticle.objects.filter(uid="1")):
        plan = query.explain()
        assert "SCAN cbtools_documents" not in plan
        assert "cbtools_documents_expires" not in plan
