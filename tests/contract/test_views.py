"""Views: deployed, asked by key and range, reduced, and for the documents behind the rows."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from django_cbtools.models import query_objects, query_view
from django_cbtools.query import STALE_UPDATE_BEFORE, Query, view_rows
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayNotFound
from tests.testapp.models import CBArticle, CBAuthor

from .conftest import eventually
from .fruit import ALL, FRUIT, MAPPED, REDUCED, VIEWS


@pytest.fixture
def fruit(gateway, design):
    rows = SyncGateway.bulk_docs([{"_id": uid, **body} for uid, body in FRUIT.items()])
    assert all("rev" in row for row in rows)
    name = design(**VIEWS)
    eventually(lambda: query_view(f"{name}/v", None, Query()), ALL)
    return name


def test_rows(fruit):
    for parameters, expected in MAPPED:
        found = view_rows(f"{fruit}/v", Query(**parameters))
        assert [row.id for row in found] == expected, parameters
        for row in found:
            assert (row.key, row.value) == (FRUIT[row.id]["type"], FRUIT[row.id]["n"]), parameters


def test_reduced_rows(fruit):
    for view, parameters, expected in REDUCED:
        found = view_rows(f"{fruit}/{view}", Query(**parameters))
        assert [(row.key, row.value) for row in found] == expected, (view, parameters)
        assert {row.id for row in found} <= {""}


def test_uids(fruit):
    assert query_view(f"{fruit}/v", "apple") == ["a1", "a2"]
    assert query_view(f"{fruit}/count", "apple") == ["a1", "a2"]  # in spite of its reduce
    assert query_view(f"{fruit}/v", "none") == []


def test_what_is_written_is_found_and_what_is_deleted_is_not(fruit):
    rev = SyncGateway.save_json("a3", {"type": "apple", "n": 9}).json()["rev"]
    query = Query(key="apple", stale=STALE_UPDATE_BEFORE)
    eventually(lambda: query_view(f"{fruit}/v", None, query), ["a1", "a2", "a3"])
    SyncGateway.delete_document("a3", rev)
    eventually(lambda: query_view(f"{fruit}/v", None, query), ["a1", "a2"])


ORDER = [
    None, False, True, -1.5, 0, 1, 10, "", "a", "A", "aa", "ab", "b", "B", "é", "f", [], [1],
    [1, 2], [2], {}, {"a": 1}, {"a": 2}, {"b": 1},
]  # fmt: skip


def test_collation(gateway, design):
    SyncGateway.bulk_docs([{"_id": f"{n:02}", "k": key} for n, key in enumerate(ORDER[::-1])])
    name = design(v="function (doc, meta) { if (doc.k !== undefined) emit(doc.k, null); }")
    eventually(lambda: [row.key for row in view_rows(f"{name}/v")], ORDER)


def test_view_that_is_not_there(fruit):
    for view in (f"{fruit}/nope", "cbtools_test_nowhere/v"):
        with pytest.raises(SyncGatewayNotFound, match="create_cb_views"):
            query_view(view, "k")


def test_deployed_by_the_command(gateway):
    call_command("create_cb_views", verbosity=0)
    ann = CBAuthor(name="Ann", channels=["c", "d"])
    ann.save()
    made = [CBArticle(title=str(n), author=ann, channels=["c"]) for n in range(3)]
    SyncGateway.save_documents(made)
    expected = sorted(article.uid for article in made)
    eventually(lambda: sorted(query_view("testapp/by_author", ann.uid)), expected)
    found = query_objects("testapp/by_author", ann.uid, CBArticle)
    assert sorted(article.uid for article in found) == expected
    assert {type(article) for article in found} == {CBArticle}
    eventually(lambda: view_rows("testapp/by_author", Query(key=ann.uid))[0].value, 3)
    eventually(lambda: sorted(query_view("by_type", "article")), expected)
    eventually(lambda: query_view("by_channel", ["d", "author"]), [ann.uid])
