"""save(merge=...), at a gateway."""

from __future__ import annotations

import functools
import itertools

import pytest
from asgiref.sync import async_to_sync

from django_cbtools.exceptions import CouchbaseModelError
from django_cbtools.models import MergeConflict, merge_fields
from django_cbtools.signals import cb_post_save
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayBadRequest, SyncGatewayConflict
from tests.models.merging import article, phone, stored
from tests.testapp.models import CBArticle, CBAuthor, CBEverything, CBJob, CBPayment


@pytest.fixture(params=["in process", "over HTTP"])
def gateway(transactional_db, request):
    """A gateway, either way."""
    if request.param == "over HTTP":
        request.getfixturevalue("gateway_by_http")


def test_both_changes_are_there(gateway):
    uid = article(year_published=1, details={"a": 1, "b": 1}).uid
    mine = CBArticle(uid)
    phone(uid, year_published=2, details={"a": 1, "b": 2}, channels=["c", "d"], steps=[1])
    mine.title, mine.details["a"] = "mine", 2
    mine.append_channel("e")
    mine.save(merge=merge_fields)
    merged = CBArticle(uid)
    for document in (mine, merged):
        assert (document.title, document.year_published) == ("mine", 2)
        assert document.details == {"a": 2, "b": 2}
        assert document.channels == ["c", "d", "e"]
        assert document.extra == {"steps": [1]}
        assert document.rev.startswith("3-")
    assert mine.rev == merged.rev
    assert mine.updated == merged.updated
    # Nobody has come in between since.
    mine.save()


def test_without_a_conflict_nobody_is_asked(db):
    saved = article()
    saved.save(merge=lambda *sides: pytest.fail("asked"))
    assert saved.rev.startswith("2-")


def test_without_a_hook_it_remains_a_conflict(db):
    saved = article()
    phone(saved.uid, title="phone")
    with pytest.raises(SyncGatewayConflict):
        saved.save()


def test_what_the_hook_is_given(gateway):
    saved = article(tags=["a"], price="1.50", extra={"steps": [1]})
    base = {key: value for key, value in stored(saved.uid).items() if not key.startswith("_")}
    phone(saved.uid, steps=[1, 2], title=None)
    saved.tags.append("b")
    saved.extra["mine"] = True
    asked = []

    def hook(base, ours, theirs):
        asked.append((base, ours, theirs))
        # They are the hook's own.
        ours["title"] = "winner"
        return ours

    saved.save(merge=hook)
    ((was, ours, theirs),) = asked
    assert was == base
    assert theirs == {**base, "steps": [1, 2], "title": None}
    assert ours == {
        **base, "tags": ["a", "b"], "mine": True, "updated": saved.updated.isoformat(),
        "title": "winner",
    }  # fmt: skip
    assert saved.title == "winner"
    assert stored(saved.uid)["steps"] == [1]


def test_a_clash_names_the_document_and_changes_nothing(db):
    saved = article()
    phone(saved.uid, title="phone", is_draft=False)
    saved.title, rev = "mine", saved.rev
    with pytest.raises(MergeConflict, match=f"document {saved.uid}: both .* title") as caught:
        saved.save(merge=merge_fields)
    assert (caught.value.keys, caught.value.uid) == (("title",), saved.uid)
    assert type(caught.value.__cause__) is SyncGatewayConflict
    assert (saved.title, saved.is_draft, saved.rev) == ("mine", True, rev)
    assert stored(saved.uid)["title"] == "phone"
    saved.save(merge=functools.partial(merge_fields, prefer="ours"))
    assert (saved.title, saved.is_draft) == ("mine", False)


def test_what_is_neither_side_s(db):
    """The hook's winner is what is saved, and what the instance has."""
    saved = article(details={"a": 1}, extra={"gone": 1})
    phone(saved.uid, title="phone")
    saved.save(merge=lambda *sides: {"channels": ["x"], "year_published": 7, "new": 1})
    for document in (saved, CBArticle(saved.uid)):
        assert (document.title, document.year_published, document.channels) == (None, 7, ["x"])
        assert (document.details, document.extra) == ({}, {"new": 1})
    assert stored(saved.uid)["doc_type"] == "article"


@pytest.mark.parametrize("winner", [None, "x", [], True])
def test_winner_that_is_no_document(db, winner):
    saved = article()
    phone(saved.uid, title="phone")
    with pytest.raises(CouchbaseModelError, match="merge returns the JSON"):
        saved.save(merge=lambda *sides: winner)
    assert stored(saved.uid)["title"] == "phone"


def test_winner_in_no_channel(db):
    saved = article()
    phone(saved.uid, title="phone")
    with pytest.raises(CouchbaseModelError, match="Empty channels"):
        saved.save(merge=lambda base, ours, theirs: {**theirs, "channels": []})
    assert stored(saved.uid)["channels"] == ["c"]


def test_winner_that_cannot_be_sent(db):
    saved = article()
    phone(saved.uid, title="phone")
    with pytest.raises(SyncGatewayBadRequest):
        saved.save(merge=lambda base, ours, theirs: {**theirs, "n": float("nan")})
    assert stored(saved.uid)["title"] == "phone"


@pytest.mark.parametrize("times", [1, 10, 11])
def test_somebody_is_first_again(db, times, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    saved = article(year_published=0)
    saved.details["mine"] = 1
    numbers = itertools.count(1)

    def hook(base, ours, theirs):
        number = next(numbers)
        if number < times:
            phone(saved.uid, year_published=number, **{f"n{number}": 1})
        return merge_fields(base, ours, theirs)

    phone(saved.uid, n0=1)
    if times == 11:
        with pytest.raises(SyncGatewayConflict):
            saved.save(merge=hook)
        # What has been merged so far can be saved.
        saved.save(merge=merge_fields)
    else:
        saved.save(merge=hook)
    merged = CBArticle(saved.uid)
    assert (merged.details, merged.year_published) == ({"mine": 1}, times - 1)
    assert merged.extra == {f"n{number}": 1 for number in range(times)}
    assert next(numbers) == min(times, 10) + 1


def test_deleted_document_is_not_made_again(gateway):
    saved = article()
    SyncGateway.delete_document(saved.uid, saved.rev)
    with pytest.raises(SyncGatewayConflict, match="There is no document") as caught:
        saved.save(merge=lambda base, ours, theirs: ours)
    assert (caught.value.uid, caught.value.status) == (saved.uid, 409)
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle(saved.uid)
    saved.rev = None
    saved.save()
    assert CBArticle(saved.uid).title == "t"


def test_document_of_another_type_is_not_merged(db):
    saved = article()
    phone(saved.uid, doc_type="author")
    with pytest.raises(SyncGatewayConflict, match="'author'"):
        saved.save(merge=lambda base, ours, theirs: ours)
    assert CBAuthor(saved.uid)


def test_deleted_softly_stays_so(db):
    saved = article()
    mine = CBArticle(saved.uid)
    saved.delete()
    mine.title = "mine"
    mine.save(merge=merge_fields)
    assert mine.st_deleted
    assert CBArticle(saved.uid).st_deleted


def test_new_document_over_one_that_is_there(db):
    first = CBArticle(uid="atl_one", title="t", channels=["a"], extra={"x": 1})
    first.save()
    second = CBArticle(uid="atl_one", title="u", channels=["b"], price="2.00")
    seen = []

    def receiver(created, **kwargs):
        seen.append(created)

    cb_post_save.connect(receiver, CBArticle)
    try:
        with pytest.raises(MergeConflict) as caught:
            second.save(merge=merge_fields)
        second.save(merge=functools.partial(merge_fields, prefer="ours"))
    finally:
        cb_post_save.disconnect(receiver, CBArticle)
    assert caught.value.keys == ("title",)
    merged = CBArticle("atl_one")
    assert (merged.title, merged.channels, str(merged.price)) == ("u", ["a", "b"], "2.00")
    assert (merged.created, merged.updated) == (first.created, second.updated)
    assert merged.extra == {"x": 1}
    assert seen == [False]


def test_new_document_becomes_the_winner_too(db):
    CBArticle(uid="atl_one", title="t", channels=["a"]).save()
    second = CBArticle(uid="atl_one", title="u", channels=["b"])
    second.save(merge=lambda base, ours, theirs: {"channels": base["channels"] + ["x"]})
    assert (second.title, second.channels) == (None, ["x"])


def test_attachments_survive(gateway):
    saved = article(extra={"_attachments": {"a": {"data": "YQ=="}}})
    mine = CBArticle(saved.uid)
    phone(saved.uid, _attachments={**stored(saved.uid)["_attachments"], "b": {"data": "Yg=="}})
    mine.extra["_attachments"]["c"] = {"data": "Yw=="}
    mine.title = "mine"
    mine.save(merge=merge_fields)
    assert set(stored(saved.uid)["_attachments"]) == {"a", "b", "c"}
    assert stored(saved.uid)["title"] == "mine"


def test_nested_models_are_merged(db):
    job = CBJob(title="t", channels=["c"])
    job.payments = [CBPayment(amount="1.00")]
    job.save()
    mine, other = CBJob(job.uid), CBJob(job.uid)
    other.payments.append(CBPayment(amount="2.00"))
    other.save()
    mine.title = "mine"
    mine.save(merge=merge_fields)
    assert [str(payment.amount) for payment in mine.payments] == ["1.00", "2.00"]
    assert (CBJob(job.uid).title, len(CBJob(job.uid).payments)) == ("mine", 2)


def test_relation_is_followed_anew(db):
    one, two = CBAuthor(name="1", channels=["c"]), CBAuthor(name="2", channels=["c"])
    one.save()
    two.save()
    saved = article(author=one)
    phone(saved.uid, author_uid=two.uid)
    saved.save(merge=merge_fields)
    assert saved.author == two


def test_a_phones_value_of_another_type_is_kept(db):
    SyncGateway.save_json("odd", {"doc_type": "cbeverything", "channels": ["c"], "day": 5})
    mine = CBEverything("odd")
    phone("odd", key="no UUID")
    mine.text = "mine"
    mine.save(merge=merge_fields)
    document = stored("odd")
    assert (document["day"], document["key"], document["text"]) == (5, "no UUID", "mine")


def test_async(db):
    async def work():
        saved = CBArticle(channels=["c"])
        await saved.asave()
        other = CBArticle()
        await other.aload(saved.uid)
        other.title = "other"
        await other.asave()
        saved.tags.append("mine")
        await saved.asave(merge=merge_fields)
        return saved

    saved = async_to_sync(work)()
    assert (saved.title, saved.tags) == ("other", ["mine"])
