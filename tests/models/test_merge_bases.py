"""What a document was loaded from, which save(merge=...) compares with."""

from __future__ import annotations

import copy
import pickle
import sys

import pytest

from django_cbtools.models import load_objects, merge_fields
from django_cbtools.sync_gateway import SyncGateway
from tests.models.merging import article, phone, saved, stored
from tests.testapp.models import CBArticle, CBEverything, CBJob, CBPayment


def bulk_created():
    document = CBArticle(title="t", tags=["a"], channels=["c"], extra={"x": {"y": [[1]]}})
    CBArticle.objects.bulk_create([document])
    return document


def saved_again():
    document = article(title="old", tags=[], extra={"old": 1})
    document.title, document.extra = "t", {"x": {"y": [[1]]}}
    document.tags.append("a")
    document.save()
    return document


def refreshed():
    document = article(title="old", tags=["old"])
    SyncGateway.save_json(document.uid, {**stored(saved().uid), "_id": document.uid,
                                         "_rev": document.rev})  # fmt: skip
    document.refresh_from_db()
    return document


WAYS = {
    "saved": saved,
    "saved again": saved_again,
    "created in bulk": bulk_created,
    "loaded by key": lambda: CBArticle(saved().uid),
    "loaded with others": lambda: load_objects([saved().uid], CBArticle)[0],
    "by the ORM": lambda: CBArticle.objects.get(pk=saved().uid),
    "refreshed": refreshed,
    "pickled": lambda: pickle.loads(pickle.dumps(CBArticle(saved().uid))),
    "copied": lambda: copy.copy(CBArticle(saved().uid)),
    "copied deeply": lambda: copy.deepcopy(CBArticle(saved().uid)),
}


@pytest.mark.parametrize("way", WAYS)
def test_base_is_known(db, way):
    """Also where lists and objects are changed in place."""
    document = WAYS[way]()
    base = {key: value for key, value in stored(document.uid).items() if not key.startswith("_")}
    document.tags.append("mine")
    document.extra["x"]["y"][0].append(2)
    document.channels.append("mine")
    document.title = "mine"
    phone(document.uid, year_published=7)
    asked = []

    def hook(base, ours, theirs):
        asked.append((base, ours))
        return merge_fields(base, ours, theirs)

    document.save(merge=hook)
    ((was, ours),) = asked
    assert was == base
    assert (ours["tags"], ours["x"], ours["channels"], ours["title"]) == (
        ["a", "mine"], {"y": [[1, 2]]}, ["c", "mine"], "mine",
    )  # fmt: skip
    merged = CBArticle(document.uid)
    assert (merged.tags, merged.extra, merged.channels, merged.title, merged.year_published) == (
        ["a", "mine"], {"x": {"y": [[1, 2]]}}, ["c", "mine"], "mine", 7,
    )  # fmt: skip


def test_base_of_a_field_that_was_refreshed(db):
    mine = article(year_published=1)
    mine.is_draft = False
    phone(mine.uid, title="second", year_published=2)
    mine.refresh_from_db(fields=["title"])
    assert (mine.title, mine.year_published) == ("second", 1)
    phone(mine.uid, title="third")
    mine.save(merge=merge_fields)
    merged = CBArticle(mine.uid)
    assert (merged.title, merged.year_published, merged.is_draft) == ("third", 2, False)


def test_a_field_that_was_refreshed_is_written_as_it_was_read(db):
    SyncGateway.save_json("odd", {"doc_type": "cbeverything", "channels": ["c"]})
    mine = CBEverything("odd")
    phone("odd", amount=[1])
    mine.refresh_from_db(fields=["amount", "rev"])
    mine.save()
    assert stored("odd")["amount"] == [1]


def test_copies_part(db):
    """What becomes of a copy is nothing to the other."""
    one = article()
    other = copy.copy(one)
    phone(one.uid, title="second")
    other.refresh_from_db(fields=["title"])
    phone(one.uid, title="third")
    one.save(merge=merge_fields)
    assert one.title == "third"


def test_refreshing_takes_over_everything(db):
    """A key that is gone, and what from_dict() is overridden for."""
    job = CBJob(title="t", channels=["c"])
    job.payments = [CBPayment(amount="1.00")]
    job.save()
    other = CBJob(job.uid)
    other.payments.append(CBPayment(amount="2.00"))
    other.save()
    job.refresh_from_db()
    job.save()
    assert len(CBJob(job.uid).payments) == 2
    document = stored(job.uid)
    del document["title"], document["_id"]
    SyncGateway.save_json(job.uid, document)
    job.refresh_from_db()
    assert job.title == ""


def test_a_load_that_fails_loses_nothing(db):
    saved = article(extra={"x": 1})
    with pytest.raises(CBArticle.DoesNotExist):
        saved.load("atl_missing")
    assert (saved.title, saved.extra) == ("t", {"x": 1})


def test_deep_documents_are_loaded(db):
    """Deeper than Python functions may call each other."""
    deep: list = []
    for _ in range(sys.getrecursionlimit() // 2):
        deep = [deep]
    row = {"id": "d", "value": {"rev": "1-a"}, "doc": {"doc_type": "article", "deep": deep}}
    loaded = CBArticle()
    loaded.from_sync_gateway_row(row)
    assert loaded.extra["deep"] is deep
