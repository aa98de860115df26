"""Views on the public port, where the configuration opens them (29-user-views.json)."""

from __future__ import annotations

import pytest

from django_cbtools.embedded.views import viewquery
from tests.gateway.access.client import ADMIN, add_user, create_database

pytestmark = pytest.mark.django_db


def write(uid, **body):
    """Write a document over what is there."""
    _, known = ADMIN.get(f"/{uid}")
    body |= {"_rev": known["_rev"]} if "_rev" in known else {}
    assert ADMIN.put(f"/{uid}", body)[0] == 201


def delete(uid):
    assert ADMIN.ask("DELETE", f"/{uid}", rev=ADMIN.get(f"/{uid}")[1]["_rev"])[0] == 200


@pytest.fixture
def view():
    create_database(unsupported={"user_views": {"enabled": True}})
    by_n = {"map": "function (doc, meta) { emit(doc.n, null); }"}
    views = {"by_n": by_n, "count": {**by_n, "reduce": "_count"}}
    assert ADMIN.put("/_design/d", {"views": views})[0] == 201
    return "/_design/d/_view/by_n"


def keys(client, path, **query):
    status, answer = client.get(path, **query)
    assert status == 200
    assert answer["total_rows"] == len(answer["rows"])
    return [row["key"] for row in answer["rows"]]


def test_views_are_closed_where_they_are_not_opened(view):
    client = add_user("alice", admin_channels=["*"])
    assert client.get(view)[0] == 200
    create_database()
    assert client.get(view)[0] == 403


@pytest.mark.parametrize("stale", ["ok", "false", "update_after"])
def test_rows_are_those_of_documents_as_they_are_now(view, stale):
    alice = add_user("alice", admin_channels=["a"])
    bob = add_user("bob", admin_channels=["b"])
    for n in range(4):
        write(f"d{n}", n=n, channels=["ab"[n % 2]])
    assert keys(ADMIN, view, stale="false") == [0, 1, 2, 3]
    write("d0", n=10, channels=["b"])
    write("d1", n=11, channels=["a"])
    delete("d2")
    assert keys(alice, view, stale=stale) == [11]
    assert keys(bob, view, stale=stale) == [3, 10]


def test_rows_of_a_document_that_is_moved_meanwhile(view, monkeypatch):
    """What it was before is not for those who may read what it is now."""
    client = add_user("alice", admin_channels=["a"])
    write("d", n="private", channels=["b"])
    write("e", n="open", channels=["a"])
    run = viewquery.run

    def run_and_move(*args):
        found = run(*args)
        write("d", n="open", channels=["a"])
        return found

    monkeypatch.setattr(viewquery, "run", run_and_move)
    assert keys(client, view) == ["open"]
    monkeypatch.undo()
    assert keys(client, view) == ["open", "open"]


def test_limit_counts_before_rows_are_left_out(view):
    client = add_user("alice", admin_channels=["a"])
    for n in range(6):
        write(f"d{n}", n=n, channels=["ab"[n % 2]])
    assert keys(client, view, limit=3) == [0, 2]
    assert keys(client, view, skip=1, descending=True) == [4, 2, 0]


def test_reduced_rows_are_nobodys(view):
    client = add_user("alice", admin_channels=["*"])
    write("d", n=1)
    count = "/_design/d/_view/count"
    assert keys(client, count) == []
    assert keys(client, count, group=True) == []
    assert client.get(count, reduce=True)[1] == {"total_rows": 0, "rows": None, "Collator": {}}
    assert keys(client, count, reduce=False) == [1]
    assert ADMIN.get(count)[1]["rows"][0]["value"] == 1
