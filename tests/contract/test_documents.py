"""Documents, one at a time."""

from __future__ import annotations

import datetime
import decimal
import uuid

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ObjectDoesNotExist

from django_cbtools.models import CHANNEL_PUBLIC, CouchbaseModelError
from django_cbtools.signals import cb_post_delete, cb_post_save, cb_pre_delete, cb_pre_save
from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayBadRequest,
    SyncGatewayConflict,
    SyncGatewayException,
)
from django_cbtools.tests import clean_buckets
from tests.testapp.models import CBArticle, CBAuthor, CBEverything, CBJob, CBPayment

UTC = datetime.timezone.utc


def article(**kwargs):
    saved = CBArticle(**{"title": "Couchbase & You", "channels": ["public"], **kwargs})
    saved.save()
    return saved


def stored(uid):
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def test_empty_channels_are_refused(gateway):
    with pytest.raises(CouchbaseModelError, match="Empty channels list can not be saved"):
        CBArticle(title="t").save()
    assert SyncGateway.all_docs([], really_all=True)["rows"] == []


def test_save_and_load(gateway):
    saved = article(price=decimal.Decimal("12.30"), tags=["a"], details={"b": {"c": 1}})
    assert saved.rev.startswith("1-")
    loaded = CBArticle(saved.uid)
    assert loaded == saved
    assert (loaded.title, loaded.price, loaded.tags) == ("Couchbase & You", saved.price, ["a"])
    assert loaded.details == {"b": {"c": 1}}
    assert loaded.created == loaded.updated == saved.updated
    loaded.save()
    assert loaded.rev.startswith("2-")
    assert loaded.updated > loaded.created


def test_created_is_set_at_the_first_save_whatever_the_uid(gateway):
    document = CBArticle(channels=["c"])
    document.get_uid()
    document.save()
    assert document.created is not None


def test_stale_revision_is_a_conflict_and_nothing_is_lost(gateway):
    saved = article()
    first, second = CBArticle(saved.uid), CBArticle(saved.uid)
    first.title = "first"
    first.save()
    second.title = "second"
    with pytest.raises(SyncGatewayConflict) as caught:
        second.save()
    assert (caught.value.status, caught.value.uid) == (409, saved.uid)
    assert CBArticle(saved.uid).title == "first"


def test_create_over_an_existing_uid_is_a_conflict(gateway):
    saved = article()
    with pytest.raises(SyncGatewayConflict):
        CBArticle(uid=saved.uid, channels=["c"]).save()


@pytest.mark.parametrize("uid", ["missing", "atl_%2F", "a/b"])
def test_missing_document(gateway, uid):
    with pytest.raises(CBArticle.DoesNotExist) as caught:
        CBArticle(uid)
    assert isinstance(caught.value, SyncGatewayException)
    assert isinstance(caught.value, ObjectDoesNotExist)
    assert caught.value.uid == uid


ODD_UIDS = [
    "a/b", "100%", "a b", "a%2Fb", "é🍺", "a+b?c#d", "x%41", '"', "'", "a//b", "é" * 125, "a\\b",
    "a:b;c,d=e@f&g", "x" * 250,
]  # fmt: skip


def test_odd_uids_come_back(gateway):
    for uid in ODD_UIDS:
        CBArticle(uid=uid, title=uid, channels=["c"]).save()
        assert CBArticle(uid).title == uid
        SyncGateway.delete_document(uid, CBArticle(uid).rev)
        with pytest.raises(CBArticle.DoesNotExist):
            CBArticle(uid)


def test_another_doc_type_does_not_load(gateway):
    author = CBAuthor(name="Ann", channels=["c"])
    author.save()
    with pytest.raises(CBArticle.DoesNotExist, match="'author'"):
        CBArticle(author.uid)


def test_async_twins(gateway):
    async def work():
        saved = CBArticle(title="async", channels=["c"])
        await saved.asave()
        loaded = CBArticle()
        await loaded.aload(saved.uid)
        await loaded.adelete()
        await saved.arefresh_from_db()
        return loaded.title, saved.st_deleted

    assert async_to_sync(work)() == ("async", True)


def test_signals(gateway):
    seen = []

    def receiver(signal, sender, instance, **kwargs):
        seen.append((signal, sender, instance.rev is not None, kwargs.get("created")))

    for signal in (cb_pre_save, cb_post_save, cb_pre_delete, cb_post_delete):
        signal.connect(receiver, CBArticle)
    try:
        document = CBArticle(channels=["c"])
        document.get_uid()
        document.save()
        document.delete()
    finally:
        for signal in (cb_pre_save, cb_post_save, cb_pre_delete, cb_post_delete):
            signal.disconnect(receiver, CBArticle)
    assert seen == [
        (cb_pre_save, CBArticle, False, None),
        (cb_post_save, CBArticle, True, True),
        (cb_pre_delete, CBArticle, True, None),
        (cb_pre_save, CBArticle, True, None),
        (cb_post_save, CBArticle, True, False),
        (cb_post_delete, CBArticle, True, None),
    ]


def test_texts_of_dates_are_written_back_as_they_were(gateway):
    stored = {"doc_type": "article", "channels": ["c"], "published": "2020-01-02T03:04:05Z",
              "price": "1.000"}  # fmt: skip
    SyncGateway.save_json("a", stored)
    loaded = CBArticle("a")
    assert loaded.published == datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    loaded.title = "x"
    loaded.save()
    document = SyncGateway.all_docs(["a"])["rows"][0]["doc"]
    assert document["published"] == "2020-01-02T03:04:05Z"
    assert document["price"] == "1.000"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), decimal.Decimal("NaN")])
def test_numbers_that_json_cannot_carry_are_refused(gateway, number):
    name = "real" if isinstance(number, float) else "amount"
    with pytest.raises(ValueError, match="cannot store"):
        CBEverything(channels=["c"], **{name: number}).save()


def test_naive_moments_stay_naive(gateway):
    moment = datetime.datetime(2021, 3, 4, 5, 6, 7)
    saved = CBEverything(channels=["c"], moment=moment)
    saved.save()
    assert CBEverything(saved.uid).moment == moment


VALUES = [
    None, True, 0, -1, 2**53, -(2**63), 0.1, -0.5, 1e300, 5e-324, "", "text", "é🍺\u2028<&>",
    "\u0001\t\n", [], {}, [None, [1, {"a": []}]], {"a": {"b": {"c": [1, 2, 3]}}}, "x" * 100_000,
    {"with space": 1, "é": 2, "": 3, "$": 4, "a.b": 5},
]  # fmt: skip


def test_json_comes_back(gateway):
    for number, value in enumerate(VALUES):
        uid = f"a{number}"
        SyncGateway.save_json(uid, {"value": value, "channels": ["c"]})
        assert stored(uid)["value"] == value
        assert type(stored(uid)["value"]) is type(value)
        loaded = CBArticle(uid)
        assert loaded.extra == {"value": value}
        loaded.save()
        assert stored(uid)["value"] == value


def test_keys_of_a_phone_survive(gateway):
    saved = article()
    body = stored(saved.uid)
    rev = body.pop("_rev")
    SyncGateway.save_json(saved.uid, {**body, "_rev": rev, "phone": {"battery": 7}})
    loaded = CBArticle(saved.uid)
    loaded.title = "by the server"
    loaded.save()
    assert stored(saved.uid)["phone"] == {"battery": 7}


@pytest.mark.parametrize("uid", ["_x", "_design/x", ".", "..", "a/../b", "x" * 251, "é" * 126])
def test_uids_that_are_refused(gateway, uid):
    with pytest.raises(SyncGatewayBadRequest):
        CBArticle(uid=uid, channels=["c"]).save()
    with pytest.raises((CBArticle.DoesNotExist, SyncGatewayBadRequest)):
        CBArticle(uid)


def test_members_of_the_gateways_are_refused(gateway):
    with pytest.raises(SyncGatewayBadRequest):
        SyncGateway.save_json("a", {"_sync": 1})


def test_document_that_is_too_large(gateway):
    with pytest.raises(SyncGatewayException) as caught:
        SyncGateway.save_json("a", {"text": "x" * (21 * 1024 * 1024)})
    assert caught.value.status in (400, 413)
    assert "error" in SyncGateway.all_docs(["a"])["rows"][0]


def test_soft_delete(gateway):
    saved = article()
    saved.delete()
    assert CBArticle(saved.uid).st_deleted is True
    again = CBArticle(saved.uid)
    again.st_deleted = False
    again.save()
    assert CBArticle(saved.uid).st_deleted is False


def test_tombstone_and_a_document_made_anew(gateway):
    saved = article()
    SyncGateway.delete_document(saved.uid, saved.rev)
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle(saved.uid)
    again = CBArticle(uid=saved.uid, channels=["c"])
    again.save()
    assert again.rev.startswith("3-")
    assert CBArticle(saved.uid).rev == again.rev


def test_delete_of_a_stale_revision(gateway):
    saved = article()
    old = saved.rev
    saved.save()
    with pytest.raises(SyncGatewayConflict):
        SyncGateway.delete_document(saved.uid, old)
    assert CBArticle(saved.uid).rev == saved.rev


def test_update_of_a_tombstone_is_a_conflict(gateway):
    saved, other = article(), None
    other = CBArticle(saved.uid)
    SyncGateway.delete_document(saved.uid, saved.rev)
    with pytest.raises(SyncGatewayConflict):
        other.save()


def test_revisions_follow_one_another(gateway):
    saved = article()
    revs = [saved.rev]
    for _ in range(5):
        saved.save()
        revs.append(saved.rev)
    assert [int(rev.partition("-")[0]) for rev in revs] == [1, 2, 3, 4, 5, 6]
    assert len(set(revs)) == 6


def test_same_document_has_the_same_revision(gateway):
    first, second = uuid.uuid4().hex, uuid.uuid4().hex  # nobody has deleted these before
    rev = SyncGateway.save_json(first, {"n": 1, "channels": ["c"]}).json()["rev"]
    assert SyncGateway.save_json(second, {"channels": ["c"], "n": 1}).json()["rev"] == rev


def test_refresh(gateway):
    saved = article()
    other = CBArticle(saved.uid)
    other.title, other.extra["new"] = "changed", 1
    other.save()
    saved.refresh_from_db()
    assert (saved.title, saved.rev, saved.extra) == ("changed", other.rev, {"new": 1})


def test_forward_relation(gateway):
    author = CBAuthor(name="Ann", channels=["c"])
    author.save()
    saved = article(author=author)
    assert stored(saved.uid)["author_uid"] == author.uid
    assert CBArticle(saved.uid).author == author


def test_nested_models(gateway):
    job = CBJob(title="j", channels=["c"])
    job.payments = [CBPayment(amount="1.20"), CBPayment(amount="3.40")]
    job.save()
    loaded = CBJob(job.uid)
    assert [payment.amount for payment in loaded.payments] == [
        decimal.Decimal("1.20"),
        decimal.Decimal("3.40"),
    ]
    assert [payment.uid for payment in loaded.payments] == [p.uid for p in job.payments]


def test_clean_buckets(gateway):
    article()
    article()
    clean_buckets()
    assert SyncGateway.all_docs([], really_all=True)["rows"] == []


def test_public_channel(gateway):
    document = CBArticle(title="t")
    document.append_channel(CHANNEL_PUBLIC)
    document.append_channel(CHANNEL_PUBLIC)
    document.save()
    assert stored(document.uid)["channels"] == ["public"]
