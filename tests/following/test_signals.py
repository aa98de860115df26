"""What receivers are told of what phones, and the program itself, write."""

from __future__ import annotations

import io
import logging

import pytest
from django.test import TestCase

from django_cbtools.models import CouchbaseModel
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.documents import authorship
from django_cbtools.tests import capture_changes
from tests.following.receivers import Heard, connected
from tests.testapp.models import CBArticle, CBAuthor

pytestmark = pytest.mark.django_db

ARTICLE = {"_id": "atl_1", "doc_type": "article", "channels": ["c"], "title": "by a phone"}


@pytest.fixture
def heard():
    with connected(Heard()) as receiver:
        yield receiver


def test_phone_saves_and_changes_a_document(heard):
    with capture_changes() as captured:
        captured.phone_saves(ARTICLE)
        captured.deliver()
        captured.phone_saves({**ARTICLE, "title": "again", "st_deleted": True})
    assert heard.told("signal", "sender", "created", "deleted", "by_us") == [
        ("changed", CBArticle, True, False, False),
        ("changed", CBArticle, None, True, False),
    ]
    assert [instance.title for instance in heard.told("instance")] == ["by a phone", "again"]
    assert heard.told("seq") == [change.seq for change in captured.changes]
    document = heard[-1]["instance"]
    document.title = "by the server"
    document.save()
    assert CBArticle("atl_1").title == "by the server"


def test_what_this_site_has_written(heard):
    with capture_changes() as captured:
        ours = CBArticle(uid="atl_2", channels=["c"])
        ours.save()
        captured.deliver()
        CBAuthor.objects.bulk_create([CBAuthor(uid="aut_1", name="Ann", channels=["c"])])
        captured.deliver()
        captured.phone_saves({**ARTICLE, "_id": "atl_2"})
        captured.deliver()
        rev = CBAuthor("aut_1").rev
        SyncGateway.put_attachment("aut_1", "note", io.BytesIO(b"new"), "text/plain", rev)
        captured.deliver()
        CBAuthor("aut_1").hard_delete()
    assert heard.told("sender", "by_us") == [
        (CBArticle, True), (CBAuthor, True), (CBArticle, False), (CBAuthor, True), (CBAuthor, True)
    ]  # fmt: skip
    assert heard[-1]["signal"] == "removed"


def test_tombstones(heard):
    """Their class is that of their uid's prefix, unless several have it."""
    with capture_changes() as captured:
        for uid in ("aut_1", "atl_1", "no prefix"):
            captured.phone_saves({"_id": uid, "doc_type": "article", "channels": ["c"]})
        captured.deliver()
        del heard[:]
        rev = captured.phone_deletes("aut_1")
        captured.phone_deletes("atl_1")
        captured.phone_deletes("no prefix")
    assert heard.told("signal", "sender", "uid", "deleted", "by_us") == [
        ("removed", CBAuthor, "aut_1", True, False),
        ("removed", CouchbaseModel, "atl_1", True, False),
        ("removed", CouchbaseModel, "no prefix", True, False),
    ]
    assert heard[0]["rev"] == rev


def test_documents_of_nobody_are_left_alone(heard, caplog):
    foreign = [{"doc_type": "foreign"}, {"doc_type": "foreign"}, {"doc_type": ["article"]}, {},
               {"doc_type": None}, {"doc_type": {"a": 1}}, {"doc_type": "x" * 5000}]  # fmt: skip
    with caplog.at_level(logging.INFO), capture_changes() as captured:
        for body in foreign:
            captured.phone_saves({**body, "channels": ["c"]})
    assert heard == []
    assert len(captured.changes) == len(foreign)
    messages = [record.message for record in caplog.records if "left alone" in record.message]
    assert len(messages) == len(foreign) - 2  # once for each type
    assert max(map(len, messages)) < 300


def test_odd_values_reach_receivers(heard):
    odd = {**ARTICLE, "price": "much", "tags": 5, "published": {}, "n" * 100: "é🍺"}
    with capture_changes() as captured:
        captured.phone_saves(odd)
    (document,) = heard.told("instance")
    assert (document.price, document.tags) == ("much", 5)
    assert document.to_dict()["published"] == {}


def test_receivers_of_one_class(heard):
    of_authors = Heard()
    with connected(of_authors, CBAuthor), capture_changes() as captured:
        captured.phone_saves(ARTICLE)
        captured.phone_saves({"_id": "aut_1", "doc_type": "author", "channels": ["c"]})
    assert heard.told("sender") == [CBArticle, CBAuthor]
    assert of_authors.told("sender") == [CBAuthor]


def test_async_receivers(heard):
    seen = []

    async def receiver(instance, **kwargs):
        seen.append(instance.uid)

    with connected(receiver, CBArticle), capture_changes() as captured:
        captured.phone_saves(ARTICLE)
    assert (seen, len(heard)) == (["atl_1"], 1)


def test_receiver_that_fails_keeps_nobody_from_hearing(heard):
    def fails(**kwargs):
        raise LookupError("no such manager")

    with connected(fails), connected(Heard()) as last:
        with capture_changes() as captured:
            captured.phone_saves(ARTICLE)
            captured.phone_saves({**ARTICLE, "_id": "atl_2"})
            with pytest.raises(LookupError, match="no such manager"):
                captured.deliver()
        assert len(heard) == len(last) == 2
    with capture_changes() as captured:
        pass
    assert captured.changes == []


def test_receivers_may_write(heard):
    def stamps(instance, by_us, **kwargs):
        if not by_us:
            instance.title += ", seen"
            instance.save()

    with connected(stamps, CBArticle), capture_changes() as captured:
        captured.phone_saves(ARTICLE)
    assert CBArticle("atl_1").title == "by a phone, seen"
    assert heard.told("by_us") == [False, True]


def test_receivers_that_write_for_ever():
    def writes(instance, **kwargs):
        instance.save()

    with capture_changes() as captured:
        captured.phone_saves(ARTICLE)
        with connected(writes), pytest.raises(AssertionError, match="by_us"):
            captured.deliver()


def test_revisions_are_remembered_in_a_shared_cache(settings, monkeypatch, heard):
    settings.SYNC_GATEWAY_CHANGES = {"cache": "default"}
    new = CBArticle(uid="atl_3", channels=["c"])
    with capture_changes() as captured:
        new.save()
        SyncGateway.delete_document("atl_3", new.rev)
        CBArticle(uid="atl_3", channels=["c"]).save()  # on a tombstone, whose revision is not known
        captured.phone_saves(ARTICLE)
        # In another process.
        monkeypatch.setattr(authorship, "_own", {})
    assert heard.told("by_us") == [True, False]


def test_a_cache_that_fails_keeps_nobody_from_writing(settings, heard, caplog):
    settings.CACHES = {"broken": {"BACKEND": "tests.following.broken.BrokenCache"}}
    settings.SYNC_GATEWAY_CHANGES = {"cache": "broken"}
    with capture_changes() as captured:
        CBArticle(uid="atl_4", channels=["c"]).save()
        captured.phone_saves(ARTICLE)
    assert heard.told("by_us") == [True, False]
    assert "cannot be written" in caplog.text
    assert "cannot be read" in caplog.text


def test_as_many_revisions_as_a_process_remembers(monkeypatch):
    monkeypatch.setattr(authorship, "MOST", 3)
    monkeypatch.setattr(authorship, "_own", {})
    saved = []
    for number in range(5):
        document = CBArticle(uid=f"atl_{number}", channels=["c"])
        document.save()
        saved.append((document.uid, document.rev))
    assert authorship.ours(saved) == set(saved[2:])


class InATestCase(TestCase):
    """As Django's, whose documents are rolled back."""

    def test_phone_saves(self):
        with connected(Heard()) as heard, capture_changes() as captured:
            captured.phone_saves(ARTICLE)
        self.assertEqual(heard.told("sender", "by_us"), [(CBArticle, False)])
