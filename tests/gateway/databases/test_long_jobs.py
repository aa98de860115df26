"""Jobs that remove a lot take several transactions, and may be interrupted between any two."""

from __future__ import annotations

import base64

import pytest
from django.db import connection, transaction

from django_cbtools.embedded.databases import administration
from django_cbtools.embedded.documents import purge, unused
from tests.gateway.access.client import ADMIN, add_user, create_database, function
from tests.gateway.hostile.test_write_lock import transactions

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = ("documents", "revisions", "memberships", "grants", "attachments", "attachment_chunks",
          "local", "users", "view_rows")  # fmt: skip
CHANNELS = function("channel(doc.channels); access(doc.to, 'x');")


def data(text):
    return {"data": base64.b64encode(text.encode()).decode()}


def fill(count):
    create_database(CHANNELS)
    add_user("u")
    docs = [
        {"_id": f"d{n:02}", "n": 1, "channels": ["a"], "to": "u",
         "_attachments": {"own": data(f"{n}"), "shared": data("shared")}}
        for n in range(count)
    ]  # fmt: skip
    ADMIN.ask("POST", "/_bulk_docs", {"docs": docs})
    ADMIN.put("/_local/x", {})
    views = {"v": {"map": "function (doc, meta) { emit(meta.id, null); }"}}
    ADMIN.put("/_design/d", {"views": views})
    assert ADMIN.get("/_design/d/_view/v", stale="false")[1]["total_rows"] == count


def rows_of(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM cbtools_{table}")
        return cursor.fetchone()[0]


class Killed(BaseException):
    """The process ends."""


def killed_after(monkeypatch, module, name, calls):
    """Make a function of a module fail once it has been called so often."""
    work, left = getattr(module, name), [calls]

    def once_more(*args):
        if not left[0]:
            raise Killed
        left[0] -= 1
        return work(*args)

    monkeypatch.setattr(module, name, once_more)


def test_flushing_takes_several_transactions(monkeypatch):
    monkeypatch.setattr(purge, "BATCH", 3)
    fill(10)
    assert transactions(lambda: ADMIN.ask("POST", "/_flush")) == 5
    assert {table: rows_of(table) for table in TABLES} == dict.fromkeys(TABLES, 0)
    assert ADMIN.get("/")[1]["update_seq"] == 0
    assert ADMIN.get("/_design/d/_view/v", stale="false")[1]["rows"] == []
    assert ADMIN.put("/d00", {"channels": "b", "to": "u"})[0] == 201
    assert len(ADMIN.get("/_design/d/_view/v", stale="false")[1]["rows"]) == 1


@pytest.mark.parametrize("calls", range(5))
def test_flushing_that_is_interrupted(monkeypatch, calls):
    """Each document is there with all that belongs to it, or not at all."""
    monkeypatch.setattr(purge, "BATCH", 3)
    fill(10)
    with monkeypatch.context() as patch:
        killed_after(patch, purge, "_purge", calls)
        if calls == 4:
            killed_after(patch, administration, "_new_source", 0)
        with pytest.raises(Killed):
            ADMIN.ask("POST", "/_flush")
    left = max(0, 10 - 3 * calls)
    whole = {
        "documents": left,
        "memberships": left,
        "grants": left,
        "attachments": 2 * left,
        "attachment_chunks": left + (left > 0),
        "view_rows": left,
        "users": 1,
        "local": 1,
    }
    assert {table: rows_of(table) for table in whole} == whole
    assert len(ADMIN.get("/_design/d/_view/v", stale="false")[1]["rows"]) == left
    for row in ADMIN.get("/_all_docs")[1]["rows"]:
        for name in ("own", "shared"):
            assert ADMIN.send("GET", f"/{row['id']}/{name}").status == 200
    assert ADMIN.ask("POST", "/_flush")[0] == 200
    assert rows_of("documents") == rows_of("attachment_chunks") == rows_of("users") == 0


def test_flushing_ends_though_somebody_writes(monkeypatch):
    """What is written meanwhile goes with the last transaction."""
    monkeypatch.setattr(purge, "BATCH", 3)
    fill(7)
    remove, calls = purge._purge, []

    def write_too(*args):
        calls.append(ADMIN.put(f"/new{len(calls)}", {"channels": "b", "to": "u"})[0])
        return remove(*args)

    monkeypatch.setattr(purge, "_purge", write_too)
    ADMIN.ask("POST", "/_flush")
    assert calls == [201] * 3
    assert rows_of("documents") == 0


def test_flushing_all_collections():
    both = {"collections": {"one": {}, "two": {}}}
    ADMIN.ask("PUT", "/")
    from tests.gateway.databases.test_databases import ask, make

    make("many", scopes={"s": both})
    for name in ("one", "two"):
        assert ask("PUT", f"/many.s.{name}/a", {})[0] == 201
    assert ask("POST", "/many/_flush")[0] == 200
    for name in ("one", "two"):
        assert ask("GET", f"/many.s.{name}/a")[0] == 404
    assert rows_of("documents") == 0


def leave_unused(count):
    """Documents whose attachments nothing uses any more, as after a change of what is kept."""
    fill(count)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE cbtools_documents SET attachments = '{}' WHERE uid >= 'd02'")


def compact(**query):
    assert ADMIN.ask("POST", "/_compact", type="attachment", **query)[0] == 200
    done = ADMIN.get("/_compact", type="attachment")[1]
    assert done["status"] == "completed"
    return done["marked_attachments"], done["purged_attachments"]


def test_compacting_attachments_takes_several_transactions(monkeypatch):
    monkeypatch.setattr(unused, "BATCH", 3)
    leave_unused(10)
    # To count them, nobody else has to wait: two transactions are the job's own.
    assert transactions(lambda: compact(dry_run="true")) == 2
    assert rows_of("attachments") == 20
    assert compact(dry_run="true") == (3, 8)
    # Four more, and those inside.
    found = []
    assert transactions(lambda: found.append(compact())) == 2 + 4
    assert found == [(3, 8)]
    assert (rows_of("attachments"), rows_of("attachment_chunks")) == (4, 3)
    assert compact() == (3, 0)
    assert ADMIN.send("GET", "/d00/own").status == 200


@pytest.mark.parametrize("calls", range(4))
def test_compacting_that_is_interrupted(monkeypatch, calls):
    monkeypatch.setattr(unused, "BATCH", 3)
    leave_unused(10)
    with monkeypatch.context() as patch:
        killed_after(patch, unused, "collect", calls)
        with pytest.raises(Killed):
            compact()
    monkeypatch.setattr("django_cbtools.embedded.databases.jobs.SILENCE", -1)
    assert compact()[0] == 3
    assert (rows_of("attachments"), rows_of("attachment_chunks")) == (4, 3)
    assert ADMIN.send("GET", "/d01/shared").status == 200
