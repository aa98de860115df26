"""Many documents in a request."""

from __future__ import annotations

import pytest

from django_cbtools.models import (
    CouchbaseModelError,
    load_objects,
    load_objects_dict,
    load_related_objects,
)
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayBulkError, SyncGatewayConflict
from tests.testapp.models import CBArticle, CBAuthor


def articles(count):
    return [CBArticle(title=str(n), channels=["c"]) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 3, 1001])
def test_save_documents(gateway, count):
    made = articles(count)
    SyncGateway.save_documents(made)
    assert all(document.rev.startswith("1-") for document in made)
    loaded = load_objects([document.uid for document in made], CBArticle)
    assert [document.title for document in loaded] == [str(n) for n in range(count)]
    assert [document.rev for document in loaded] == [document.rev for document in made]


def test_what_is_refused_is_told_and_the_rest_is_saved(gateway):
    made = articles(3)
    made[1].save()
    stale = CBArticle(uid=made[1].uid, title="stale", channels=["c"])
    with pytest.raises(SyncGatewayBulkError) as caught:
        SyncGateway.save_documents([made[0], stale, made[2]])
    assert set(caught.value.errors) == {stale.uid}
    assert isinstance(caught.value.errors[stale.uid], SyncGatewayConflict)
    assert [CBArticle(document.uid).title for document in made] == ["0", "1", "2"]


def test_updates_in_bulk(gateway):
    made = articles(3)
    SyncGateway.save_documents(made)
    for document in made:
        document.title += "!"
    SyncGateway.save_documents(made)
    assert {document.rev[:2] for document in made} == {"2-"}
    assert [CBArticle(document.uid).title for document in made] == ["0!", "1!", "2!"]


def test_rows(gateway):
    rows = SyncGateway.bulk_docs([{"_id": "a"}, {"_id": "a", "n": 1}, {"n": 1}])
    assert [("rev" in row, row.get("status")) for row in rows] == [
        (True, None),
        (False, 409),
        (True, None),
    ]
    assert rows[2]["id"]


def test_deletes_in_bulk(gateway):
    made = articles(2)
    SyncGateway.save_documents(made)
    SyncGateway.bulk_docs([{"_id": d.uid, "_rev": d.rev, "_deleted": True} for d in made])
    assert load_objects([document.uid for document in made], CBArticle) == []


def test_bulk_save(gateway):
    made = articles(4)
    made[1].save()
    stale = CBArticle(made[1].uid)
    made[1].save()
    told = []
    documents = [made[0], stale, CBArticle(title="nowhere"), made[2], made[3], made[3]]
    result = CBArticle.objects.bulk_save(iter(documents), 2, progress=told.extend)
    assert [each.saved for each in told] == [True, False, False, True, True, True]
    assert [type(each.error) for each in result.failed] == [
        SyncGatewayConflict, CouchbaseModelError,
    ]  # fmt: skip
    assert result.saved == 4
    assert [CBArticle(made[n].uid).rev for n in (0, 2, 3)] == [made[n].rev for n in (0, 2, 3)]
    assert made[3].rev.startswith("2-")


@pytest.mark.parametrize("keys", [None, "", []])
def test_nothing_to_load(gateway, keys):
    assert load_objects(keys, CBArticle) == []
    assert load_objects_dict(keys, CBArticle) == {}


def test_missing_documents_are_left_out(gateway):
    made = articles(2)
    SyncGateway.save_documents(made)
    uids = [made[1].uid, "missing", made[0].uid]
    assert load_objects(uids, CBArticle) == [made[1], made[0]]
    assert load_objects_dict(uids, CBArticle) == {document.uid: document for document in made}


def test_related_documents(gateway):
    author = CBAuthor(name="Ann", channels=["c"])
    author.save()
    with_author, without = articles(2)
    with_author.author_uid = author.uid
    load_related_objects([with_author, without], "author", CBAuthor)
    assert with_author.author == author
    assert without.author is None
