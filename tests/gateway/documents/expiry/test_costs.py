"""What it costs that documents expire."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_cbtools.embedded.documents import endings
from tests.gateway.access.client import ADMIN
from tests.gateway.documents.expiry.ending import FAR, exp, let_end, put, tombstones

pytestmark = pytest.mark.django_db


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
