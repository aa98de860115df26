"""Nobody holds SQLite's only write lock for long: not by many documents, not by slow functions."""

from __future__ import annotations

import json
import math
import threading

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from django_cbtools.embedded import javascript
from django_cbtools.embedded.documents import plans, writes
from tests.gateway.access.client import ADMIN, add_user, channels_of, create_database, function
from tests.gateway.test_turns import wait_for
from tests.gateway.v8.helpers import ids, put_view
from tests.gateway.v8.helpers import write as write_documents

pytestmark = pytest.mark.django_db(transaction=True)

CHANNELS = function("channel(doc.channels || []); if (doc.to) access('u', doc.to);")


def bulk(count, **members):
    return {"docs": [{"_id": f"d{n:05}", "n": n, **members} for n in range(count)]}


def transactions(work):
    """How many transactions some work takes."""
    with CaptureQueriesContext(connection) as captured:
        work()
    return sum(query["sql"].startswith("BEGIN") for query in captured.captured_queries)


@pytest.fixture
def runs(monkeypatch):
    """For each run of a function in V8, whether a transaction was open."""
    found = []
    call_text = javascript.Engine.call_text

    def spy(self, text, *args):
        if json.loads(text)[0] in ("run", "map"):
            found.append(connection.in_atomic_block)
        return call_text(self, text, *args)

    monkeypatch.setattr(javascript.Engine, "call_text", spy)
    return found


def test_no_function_runs_inside_a_transaction(runs):
    create_database(CHANNELS)
    ADMIN.put("/a", {})
    ADMIN.ask("POST", "/_bulk_docs", bulk(10, channels="x"))
    ADMIN.ask("POST", "/_bulk_docs", {**bulk(3), "new_edits": True})
    branch = {"_revisions": {"start": 2, "ids": ["b", "a"]}}
    ADMIN.put("/b", branch, new_edits=False)
    ADMIN.put("/b", {**branch, "_deleted": True}, new_edits=False)
    ADMIN.ask("DELETE", "/a", rev=ADMIN.get("/a")[1]["_rev"])
    ADMIN.ask("POST", "/_offline")
    assert ADMIN.ask("POST", "/_resync")[0] == 200
    write_documents({"v": {}})
    put_view("function (doc, meta) { emit(meta.id, null); }")
    assert ids() == ["v"]
    assert len(runs) > 20
    assert not any(runs)


def test_a_batch_goes_on_in_other_transactions(monkeypatch):
    create_database()
    monkeypatch.setattr(writes, "BATCH", 50)
    monkeypatch.setattr(writes, "ROUND_TIME", math.inf)
    monkeypatch.setattr(writes, "COMMIT_TIME", math.inf)
    count = 2 * writes.BATCH + 1

    def load():
        status, rows = ADMIN.ask("POST", "/_bulk_docs", bulk(count))
        assert status == 201
        assert [row["id"] for row in rows] == [f"d{n:05}" for n in range(count)]
        assert all("rev" in row for row in rows)

    assert transactions(load) == 3
    _, changes = ADMIN.get("/_changes")
    sequences = [row["seq"] for row in changes["results"] if row["id"].startswith("d")]
    assert sequences == sorted(sequences)
    assert len(sequences) == count


def test_a_long_transaction_is_cut_short(monkeypatch):
    create_database(CHANNELS)
    monkeypatch.setattr(writes, "COMMIT_TIME", 0.0)
    monkeypatch.setattr(writes, "ROUND_TIME", math.inf)
    planned = []
    make = plans.make
    monkeypatch.setattr(plans, "make", lambda *args: planned.append(args) or make(*args))
    assert transactions(lambda: ADMIN.ask("POST", "/_bulk_docs", bulk(20))) == 20
    # What has been decided is not decided again.
    assert len(planned) == 20


def test_one_that_is_refused_takes_no_lock():
    create_database(function("throw {forbidden: 'no'};"))
    assert transactions(lambda: ADMIN.ask("POST", "/_bulk_docs", bulk(20))) == 0


def test_a_request_has_a_limit_of_time(monkeypatch):
    create_database(CHANNELS)
    client = add_user("u")
    monkeypatch.setattr(writes, "PLANNING_TIME", -1.0)
    status, rows = client.ask("POST", "/_bulk_docs", bulk(3))
    assert status == 201
    assert [(row["id"], row["status"]) for row in rows] == [
        ("d00000", 503), ("d00001", 503), ("d00002", 503),
    ]  # fmt: skip
    assert ADMIN.get("/d00000")[0] == 404
    assert ADMIN.put("/d00000", {})[0] == 201  # an administrator's has none


def test_documents_that_come_often_in_a_batch():
    create_database(CHANNELS)
    docs = [{"_id": "a"}, {"_id": "a"}, {"_id": "b"}, {"_id": "a", "n": 1}, {"_id": "b"}]
    _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs})
    assert [row.get("status") for row in rows] == [None, 409, None, 409, 409]


class Meddler:
    """Somebody who does something while an edit is planned."""

    def __init__(self, monkeypatch, work, at=1):
        self.make, self.work, self.at, self.calls = plans.make, work, at, 0
        monkeypatch.setattr(plans, "make", self)

    def __call__(self, *args):
        plan = self.make(*args)
        self.calls += 1
        if self.calls == self.at:
            self.work()
        return plan


def test_a_document_that_is_written_in_between_is_no_lost_write(monkeypatch):
    create_database(function("channel('old-' + (oldDoc ? oldDoc.n : 'none'));"))
    _, first = ADMIN.put("/a", {"n": 1})
    Meddler(monkeypatch, lambda: ADMIN.put("/a", {"n": 2, "_rev": first["rev"]}))
    assert ADMIN.put("/a", {"n": 3, "_rev": first["rev"]})[0] == 409
    assert ADMIN.get("/a")[1]["n"] == 2
    assert channels_of("a") == ["old-1"]


def test_a_revision_that_is_pushed_is_decided_anew(monkeypatch):
    create_database(function("channel('old-' + (oldDoc ? oldDoc.n : 'none'));"))
    first = {"n": 1, "_revisions": {"start": 1, "ids": ["a"]}}
    second = {"n": 2, "_revisions": {"start": 2, "ids": ["b", "a"]}}
    Meddler(monkeypatch, lambda: ADMIN.put("/a", first, new_edits=False))
    assert ADMIN.put("/a", second, new_edits=False)[0] == 201
    assert channels_of("a") == ["old-1"]


def test_a_resync_in_between(monkeypatch):
    """It changes channels alone, which the next revision builds on."""
    create_database(function("channel(doc.n);"))
    _, first = ADMIN.put("/a", {"n": "x"})
    now = "UPDATE cbtools_documents SET channels = '{\"y\": 1}'"
    Meddler(monkeypatch, lambda: connection.cursor().execute(now))
    assert ADMIN.put("/a", {"n": "z", "_rev": first["rev"]})[0] == 201
    _, changes = ADMIN.get("/_changes", filter="sync_gateway/bychannel", channels="y")
    assert [row.get("removed") for row in changes["results"]] == [["y"]]


def test_a_database_that_is_taken_offline_in_between(monkeypatch):
    create_database(CHANNELS)
    monkeypatch.setattr(writes, "BATCH", 2)
    Meddler(monkeypatch, lambda: ADMIN.ask("POST", "/_offline"), at=3)
    status, rows = ADMIN.ask("POST", "/_bulk_docs", bulk(5))
    assert status == 201
    assert [row.get("status") for row in rows] == [None, None, 503, 503, 503]
    monkeypatch.undo()
    ADMIN.ask("POST", "/_online")
    assert [ADMIN.get(f"/d{n:05}")[0] for n in range(5)] == [200, 200, 404, 404, 404]


def test_a_disk_that_is_full_in_between(monkeypatch, caplog):
    create_database(CHANNELS)
    monkeypatch.setattr(writes, "BATCH", 2)

    def fail(*args):
        raise DatabaseError("database or disk is full")

    Meddler(monkeypatch, lambda: monkeypatch.setattr(writes, "_store", fail), at=3)
    _, rows = ADMIN.ask("POST", "/_bulk_docs", bulk(5))
    assert [row.get("status") for row in rows] == [None, None, 503, 503, 503]
    assert "disk is full" in caplog.text
    assert ADMIN.ask("POST", "/_bulk_docs", {"docs": [{"_id": "x"}]})[0] == 503


def test_rights_that_a_batch_gives_and_takes(monkeypatch):
    """Whoever writes many documents that open something is not planned for in vain."""
    create_database(CHANNELS)
    client = add_user("u")
    planned = []
    make = plans.make
    monkeypatch.setattr(plans, "make", lambda *args: planned.append(args) or make(*args))
    documents = [{"_id": f"d{n}", "to": f"c{n}"} for n in range(50)]
    _, rows = client.ask("POST", "/_bulk_docs", {"docs": documents})
    assert all("rev" in row for row in rows)
    assert len(planned) < 3 * 50 + writes.BATCH


def test_a_document_that_emits_too_much_is_left_out(caplog):
    write_documents({"a": {"n": 1}, "b": {"n": 300_000}, "c": {"n": 2}, "d": {"n": 1e9}})
    body = "for (var i = 0; i < doc.n; i++) emit(i, null);"
    caught = f"if (doc.n < 1e9) try {{ {body} }} catch (error) {{}}"
    put_view(f"function (doc) {{ {caught} else {{ {body} }} }}")
    assert set(ids()) == {"a", "c"}
    assert "'b'" in caplog.text
    assert "emits more than 1048576 characters" in caplog.text


def test_rows_are_written_in_several_transactions():
    write_documents({f"d{n}": {} for n in range(9)})
    put_view("function (doc) { for (var i = 0; i < 2000; i++) emit(i, null); }")
    assert transactions(lambda: ids(limit=1)) == 3
    assert len(ids()) == 18_000


def test_purging_many_documents_takes_several_transactions(monkeypatch):
    from django_cbtools.embedded.documents import purge

    monkeypatch.setattr(purge, "BATCH", 10)
    create_database()
    ADMIN.ask("POST", "/_bulk_docs", bulk(30))
    uids = [row["id"] for row in ADMIN.get("/_all_docs")[1]["rows"]]
    body = {uid: ["*"] for uid in uids}
    assert transactions(lambda: ADMIN.ask("POST", "/_purge", body)) == 3
    assert ADMIN.get(f"/{uids[0]}")[0] == 404


def test_ending_many_documents_takes_several_transactions(monkeypatch):
    from django_cbtools.embedded.documents import endings

    monkeypatch.setattr(endings, "BATCH", 10)
    create_database()
    ADMIN.ask("POST", "/_bulk_docs", bulk(30, _exp=1_700_000_000))
    # Expired documents are ended at the next request, and then what is left of them is removed.
    assert transactions(lambda: ADMIN.get("/")) == 6
    assert ADMIN.get("/_all_docs")[1]["rows"] == []


def test_dropping_an_index_takes_several_transactions(monkeypatch):
    from django_cbtools.embedded.views import index

    write_documents({f"d{n}": {} for n in range(9)})
    put_view("function (doc) { for (var i = 0; i < 100; i++) emit(i, null); }")
    assert len(ids()) == 900
    monkeypatch.setattr(index, "BATCH_ROWS", 200)
    with CaptureQueriesContext(connection) as captured:
        put_view("function (doc) {}")
    deleted = [
        query["sql"]
        for query in captured.captured_queries
        if query["sql"].startswith("DELETE FROM cbtools_view_rows")
    ]
    assert len(deleted) > 3
    assert not any(query["sql"] == "BEGIN" for query in captured.captured_queries)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM cbtools_view_rows), signature FROM cbtools_views"
        )
        assert cursor.fetchall() == []
    assert ids() == []


def test_a_batch_ends_its_transaction_when_another_thread_waits(monkeypatch):
    """And goes on after that one."""
    create_database()
    monkeypatch.setattr(writes, "FAIR_BATCH", 10)
    monkeypatch.setattr(writes, "COMMIT_TIME", math.inf)
    store, kept, stored, threads = writes._store, writes._kept, [], []

    def other():
        with transaction.atomic():
            stored.append("other")
        connection.close()

    def spy(database, written):
        stored.append(len(written))
        store(database, written)

    def keep(*args):
        if not threads:
            threads.append(threading.Thread(target=other))
            threads[0].start()
            wait_for(lambda: connection.is_awaited)
        return kept(*args)

    monkeypatch.setattr(writes, "_store", spy)
    monkeypatch.setattr(writes, "_kept", keep)
    _, rows = ADMIN.ask("POST", "/_bulk_docs", bulk(35))
    threads[0].join()
    assert all("rev" in row for row in rows)
    assert stored == [10, "other", 25]
