"""When views are indexed, and what is mapped for that."""

from __future__ import annotations

from contextlib import suppress

from django.db import transaction

from django_cbtools.embedded.views import index
from django_cbtools.sync_gateway.calls.client import ADMIN, request
from tests.gateway.v8.helpers import BY_N, ids, loads, put_design, put_view, rows, write


def count(table):
    with transaction.get_connection().cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


def test_only_changed_documents_are_mapped(db, monkeypatch):
    sizes = loads(monkeypatch)
    write({f"u{n}": {"n": n} for n in range(50)})
    put_view(BY_N)
    assert len(ids()) == 50
    assert sizes == [50]
    write({"u3": {"n": 100}, "u4": {"n": 101}, "u5": None, "new": {"n": -1}})
    found = ids()
    assert found[0] == "new"
    assert found[-2:] == ["u3", "u4"]
    assert "u5" not in found
    assert sizes == [50, 3]
    # A soft-deleted document is one like any other: its function decides.
    write({"u6": {"n": 6, "st_deleted": True}})
    assert "u6" in ids()
    assert sizes == [50, 3, 1]


def test_nothing_is_mapped_for_a_query(db, monkeypatch, django_assert_num_queries):
    """The same few statements, whatever is asked, and however many documents there are."""
    sizes = loads(monkeypatch)
    put_view(BY_N, "_count")
    for more in (10, 300):
        write({f"u{more}-{n}": {"n": n} for n in range(more)})
        rows()
        before = list(sizes)
        for stale, statements in (("false", 6), ("ok", 4)):
            for parameters in ({}, {"group": True}, {"reduce": False, "limit": 3}):
                with django_assert_num_queries(statements):
                    rows(stale=stale, **parameters)
        with django_assert_num_queries(5):  # one more for the key's place among strings
            rows(stale="ok", key=3)
        assert sizes == before


def test_large_indexes_are_built_in_batches(db, monkeypatch):
    sizes = loads(monkeypatch)
    monkeypatch.setattr(index, "BATCH", 7)
    write({f"u{n:02}": {"n": n} for n in range(20)})
    write({"u00": {"n": 100}, "u07": None})
    put_view(BY_N)
    assert ids() == [*(f"u{n:02}" for n in range(1, 20) if n != 7), "u00"]
    assert sizes == [7, 7, 5]  # the last batch has the tombstone


def test_long_documents_come_in_smaller_batches(db, monkeypatch):
    sizes = loads(monkeypatch)
    monkeypatch.setattr(index, "BATCH_LENGTH", 1000)
    write({f"u{n}": {"n": n, "text": "x" * 500} for n in range(6)})
    write({"u8": {"n": 8, "text": "x" * 5000}, "u9": {"n": 9}})
    put_view(BY_N)
    assert ids() == ["u0", "u1", "u2", "u3", "u4", "u5", "u8", "u9"]
    assert sizes == [2, 2, 2, 1, 1]


def test_a_view_shares_its_index_with_those_of_the_same_function(db, monkeypatch):
    sizes = loads(monkeypatch)
    write({"a": {"n": 1}})
    put_design("d", v=BY_N, r=(BY_N, "_count"))
    put_design("other", v=BY_N)
    assert ids("d/v") == ids("other/v") == ["a"]
    assert rows("d/r")[0].value == 1
    assert sizes == [1]
    assert (count("cbtools_views"), count("cbtools_view_rows")) == (1, 1)

    request(ADMIN, "DELETE", "_design", "d")
    assert ids("other/v") == ["a"]
    assert sizes == [1]
    request(ADMIN, "DELETE", "_design", "other")
    assert (count("cbtools_views"), count("cbtools_view_rows")) == (0, 0)


def test_an_index_goes_with_its_function(db, monkeypatch):
    sizes = loads(monkeypatch)
    write({"a": {"n": 1}, "b": {"n": 2}})
    put_design("d", v=BY_N, stays=BY_N.replace("null", "0"))
    assert ids("d/v") == ids("d/stays") == ["a", "b"]
    assert sizes == [2, 2]
    put_design("d", v=BY_N.replace("doc.n", "-doc.n"), stays=BY_N.replace("null", "0"))
    assert (count("cbtools_views"), count("cbtools_view_rows")) == (1, 2)
    assert ids("d/v") == ["b", "a"]
    assert ids("d/stays") == ["a", "b"]
    assert sizes == [2, 2, 2]
    # What has not changed is not indexed again.
    put_design("d", v=BY_N.replace("doc.n", "-doc.n"), stays=BY_N.replace("null", "0"))
    assert ids("d/v") == ["b", "a"]
    assert sizes == [2, 2, 2]


def test_an_index_that_is_replaced_while_it_is_made(db, monkeypatch):
    """Its number in the database may be another's by the time it is written."""
    write({"a": {"n": 1}})
    put_view(BY_N)
    make = index._map
    other = BY_N.replace("doc.n", "'other'")

    def interrupted(*args):
        monkeypatch.setattr(index, "_map", make)
        mapped = make(*args)
        put_view(other)
        with transaction.get_connection().cursor() as cursor:
            cursor.execute("DELETE FROM cbtools_views")
            cursor.execute(
                "INSERT INTO cbtools_views VALUES (1, 'test_documents', %s, 0, 0, 0)",
                [index.signature(other)],
            )
        return mapped

    monkeypatch.setattr(index, "_map", interrupted)
    ids()
    assert [row.key for row in rows()] == ["other"]


def test_a_query_does_not_read_the_index_that_takes_the_place_of_its_own(db, monkeypatch):
    write({"a": {"n": 1}})
    put_view(BY_N)
    ids()
    update = index.Index.update

    def interrupted(asked):
        monkeypatch.setattr(index.Index, "update", update)
        updated = update(asked)
        put_view(BY_N.replace("doc.n", "'other'"))
        assert [row.key for row in rows()] == ["other"]
        return updated

    monkeypatch.setattr(index.Index, "update", interrupted)
    assert rows() == []


def test_a_query_follows_its_index_to_another_place(db, monkeypatch):
    write({"a": {"n": 1}})
    put_view(BY_N)
    ids()
    update = index.Index.update

    def interrupted(asked):
        put_view(BY_N.replace("doc.n", "'other'"))
        put_view(BY_N)
        return update(asked)

    monkeypatch.setattr(index.Index, "update", interrupted)
    assert ids() == ["a"]


def test_rolled_back_documents_are_not_in_the_index(db):
    put_view(BY_N)
    write({"a": {"n": 1}, "b": {"n": 2}})
    assert ids() == ["a", "b"]
    with suppress(ZeroDivisionError), transaction.atomic():
        write({"a": {"n": 3}, "b": None, "c": {"n": 0}})
        assert ids() == ["c", "a"]
        raise ZeroDivisionError
    assert ids() == ["a", "b"]
    write({"d": {"n": 1.5}})
    assert ids() == ["a", "d", "b"]
