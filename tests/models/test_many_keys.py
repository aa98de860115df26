"""Many documents by uid: so many in a request, in the order of the keys."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync

from django_cbtools import query
from django_cbtools.models import aiter_objects, iter_objects, load_objects
from tests.testapp.models import CBArticle


@pytest.fixture
def uids(db):
    made = [CBArticle(uid=f"atl_{n}", title=str(n), channels=["c"]) for n in range(7)]
    CBArticle.objects.bulk_create(made)
    return [document.uid for document in made]


def titles(found):
    return [document.title for document in found]


def test_a_request_for_each_thousand(uids, round_trips):
    keys = [*(f"missing_{n}" for n in range(1999)), *uids, uids[0]]
    del round_trips[:]
    assert titles(load_objects(iter(keys), CBArticle)) == ["0", "1", "2", "3", "4", "5", "6", "0"]
    assert round_trips == ["POST _bulk_get"] * 3


def test_keys_are_read_as_documents_are_taken(uids, round_trips):
    taken = []

    def keys():
        for uid in [*uids[::-1], "missing", uids[3], uids[3]]:
            taken.append(uid)
            yield uid

    del round_trips[:]
    found = iter_objects(keys(), CBArticle, 2)
    assert (taken, round_trips) == ([], [])
    assert titles([next(found), next(found)]) == ["6", "5"]
    assert (len(taken), len(round_trips)) == (2, 1)
    assert titles(found) == ["4", "3", "2", "1", "0", "3", "3"]
    assert len(round_trips) == 5


def test_async(uids):
    async def run():
        return [each async for each in aiter_objects(iter([*uids, "missing"]), CBArticle, 3)]

    assert titles(async_to_sync(run)()) == ["0", "1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("keys", [None, "", [], iter(())])
def test_nothing(db, keys, round_trips):
    assert list(query.iter_objects(keys, CBArticle)) == []
    assert round_trips == []
