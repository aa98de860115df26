"""bulk_save(): documents saved as they come, and what has become of each."""

from __future__ import annotations

import weakref

import pytest
from asgiref.sync import async_to_sync
from django.db import NotSupportedError, models
from django.db.models import F

from django_cbtools.models import CouchbaseModel, CouchbaseModelError, UniqueKey, UniqueKeyTaken
from django_cbtools.signals import cb_post_save, cb_pre_save
from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayConflict,
    SyncGatewayUnavailable,
)
from tests.testapp.models import CBArticle, CBAuthor


class CBBulkMember(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"
        constraints = (UniqueKey(fields=["email"], name="member_email"),)

    doc_type = "bulk_member"
    email = models.CharField(max_length=10)


def article(**kwargs):
    return CBArticle(**{"title": "t", "channels": ["c"], **kwargs})


def stored(document):
    return CBArticle(document.uid)


@pytest.fixture
def received():
    """What receivers are told, and one that fails for some titles."""
    told = []

    def before(instance, **kwargs):
        told.append(("pre", instance.title))
        if instance.title == "bad receiver":
            raise RuntimeError("before")

    def after(instance, created, **kwargs):
        told.append(("post", instance.title, created))
        if instance.title == "bad afterwards":
            raise RuntimeError("after")

    cb_pre_save.connect(before, sender=CBArticle)
    cb_post_save.connect(after, sender=CBArticle)
    yield told
    cb_pre_save.disconnect(before, sender=CBArticle)
    cb_post_save.disconnect(after, sender=CBArticle)


def test_what_has_become_of_each(db, received):
    old, stale = article(title="old"), article(title="stale")
    for document in (old, stale):
        document.save()
    stored(stale).save()
    old.title = "old!"
    del received[:]
    documents = [
        article(title="new"), old, stale, article(title="nowhere", channels=[]),
        article(year_published=F("year_published") + 1), CBAuthor(name="no article"), None,
        article(title="bad receiver"), article(title="bad afterwards"),
        article(author=CBAuthor(name="unsaved")), article(extra={"_id": "x"}),
        article(details={"n": float("nan")}), article(title="last"),
    ]  # fmt: skip
    outcomes = []
    result = CBArticle.objects.bulk_save(iter(documents), progress=outcomes.extend)

    assert all(one.instance is document for one, document in zip(outcomes, documents, strict=True))
    assert [one.saved for one in outcomes] == [
        True, True, False, False, False, False, False, False, True, False, False, False, True
    ]  # fmt: skip
    kinds = [type(one.error) for one in outcomes]
    assert kinds[:6] == [
        type(None), type(None), SyncGatewayConflict, CouchbaseModelError, kinds[4], TypeError,
    ]  # fmt: skip
    for place, message in {
        4: "year_published cannot store", 5: "takes CBArticles: <CBAuthor", 6: "None",
        7: "before", 8: "after", 9: "unsaved related object", 10: "cannot have '_id'", 11: "nan",
    }.items():  # fmt: skip
        assert message in str(outcomes[place].error), place
    assert (result.saved, result.failed) == (4, [one for one in outcomes if one.error])
    for place in (0, 1, 8, 12):
        assert stored(documents[place]).rev == documents[place].rev
        assert stored(documents[place]).title == documents[place].title
    assert [told for told in received if told[0] == "post"] == [
        ("post", "new", True), ("post", "old!", False), ("post", "bad afterwards", True),
        ("post", "last", True),
    ]  # fmt: skip


@pytest.mark.parametrize(("size", "posts"), [(None, 1), (2, 3), (1, 5)])
def test_a_request_for_each_batch(db, round_trips, size, posts):
    told = []
    result = CBArticle.objects.bulk_save(
        (article() for _ in range(5)), size, progress=lambda some: told.append(len(some))
    )
    assert (result.saved, result.failed, sum(told), len(told)) == (5, [], 5, posts)
    assert round_trips == ["POST _bulk_docs"] * posts


def test_they_are_forgotten(db):
    alive = weakref.WeakSet()
    most = 0

    def made():
        nonlocal most
        for number in range(300):
            document = article(uid=f"atl_{number}")
            alive.add(document)
            most = max(most, len(alive))
            yield document
            del document

    assert CBArticle.objects.bulk_save(made(), 20).saved == 300
    assert most <= 60


def test_one_document_twice(db):
    one, other = article(uid="atl_1"), article(uid="atl_1", title="other")
    told = []
    documents = [one, one, other, article(uid="atl_2")]
    result = CBArticle.objects.bulk_save(documents, progress=told.append)
    assert [[each.saved for each in some] for some in told] == [[True], [True], [False, True]]
    assert one.rev.startswith("2-")
    (failed,) = result.failed
    assert failed.instance is other
    assert isinstance(failed.error, SyncGatewayConflict)


def test_where_the_gateway_fails(db, monkeypatch):
    taken, told = [], []
    save = SyncGateway.save_documents

    def made():
        for number in range(10):
            taken.append(number)
            yield article(title=str(number))

    def fail(documents):
        if taken[-1] > 4:
            raise SyncGatewayUnavailable("It is down.")
        save(documents)

    monkeypatch.setattr(SyncGateway, "save_documents", staticmethod(fail))
    with pytest.raises(SyncGatewayUnavailable, match="It is down"):
        CBArticle.objects.bulk_save(made(), 2, progress=told.extend)
    assert len(taken) < 10
    assert [each.saved for each in told] == [True] * 4 + [False] * 2
    assert str(told[-1].error) == "It is down."
    assert [each.instance.is_new() for each in told] == [False] * 6
    assert CBArticle.objects.count() == 4


def test_unique_keys(db):
    documents = [CBBulkMember(email=email, channels=["c"]) for email in ("a", "b", "a")]
    result = CBBulkMember.objects.bulk_save(documents)
    assert result.saved == 2
    assert isinstance(result.failed[0].error, UniqueKeyTaken)


def test_async(db):
    async def made():
        for number in range(5):
            yield article(title=str(number))

    async def run():
        told = []
        result = await CBArticle.objects.abulk_save(made(), 2, progress=told.extend)
        again = await CBArticle.objects.abulk_save([each.instance for each in told])
        return told, result, again

    told, result, again = async_to_sync(run)()
    assert [(each.instance.title, each.saved) for each in told] == [
        (str(n), True) for n in range(5)
    ]
    assert (result.saved, again.saved) == (5, 5)
    assert all(each.instance.rev.startswith("2-") for each in told)


def test_wrong_arguments(db):
    with pytest.raises(ValueError, match="Batch size"):
        CBArticle.objects.bulk_save([], 0)
    with pytest.raises(NotSupportedError, match="bulk_save"):
        CBArticle.select_subclasses().bulk_save([])
    assert CBArticle.objects.bulk_save([]).saved == 0
    assert CBArticle.all_objects.bulk_save([article()]).saved == 1
