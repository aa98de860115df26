"""Unique values: checked at validation, and enforced by key documents."""

from __future__ import annotations

import datetime
import pickle
import threading
from decimal import Decimal

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, models
from django.db.models.functions import Lower

from django_cbtools.exceptions import (
    StaleFormWarning,
    SyncGatewayBulkError,
    SyncGatewayConflict,
)
from django_cbtools.models import CouchbaseModel, UniqueKey, UniqueKeyTaken
from django_cbtools.models.writing import unique_keys
from django_cbtools.sync_gateway import SyncGateway

DAY = datetime.datetime(2020, 5, 17, 12, tzinfo=datetime.timezone.utc)


class UniquePage(CouchbaseModel):
    """Validated only."""

    class Meta:
        abstract = True
        unique_together = [("site", "number")]
        constraints = [
            models.UniqueConstraint(fields=["code"], name="page_code"),
            models.UniqueConstraint(
                fields=["path"], condition=models.Q(site="main"), name="page_path"
            ),
            models.UniqueConstraint(Lower("title"), name="page_title"),
            models.UniqueConstraint(fields=["token"], nulls_distinct=False, name="page_token"),
        ]

    doc_type = "orm_unique_page"

    slug = models.SlugField(unique=True, null=True, blank=True)
    site = models.CharField(max_length=10, null=True, blank=True)
    number = models.IntegerField(null=True, blank=True)
    code = models.CharField(max_length=10, null=True, blank=True)
    path = models.CharField(max_length=10, null=True, blank=True)
    title = models.CharField(max_length=10, null=True, blank=True)
    token = models.CharField(max_length=10, null=True, blank=True)
    name = models.CharField(
        max_length=10, unique_for_date="at", unique_for_year="day", null=True, blank=True
    )
    label = models.CharField(max_length=10, unique_for_month="sold", null=True, blank=True)
    at = models.DateTimeField(null=True, blank=True)
    day = models.DateField(null=True, blank=True)
    sold = models.DateField(null=True, blank=True)


class UniqueAccount(CouchbaseModel):
    """Enforced."""

    class Meta:
        abstract = True
        constraints = [
            UniqueKey(fields=["slug"], name="account_slug"),
            UniqueKey(fields=["site", "amount"], name="account_amount"),
        ]

    doc_type = "orm_unique_account"

    slug = models.SlugField(null=True, blank=True)
    site = models.CharField(max_length=10, null=True, blank=True)
    amount = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)


def page(**values):
    return UniquePage(channels=["c"], **{"token": str(len(values)), **values})


def account(slug=None, **values):
    return UniqueAccount(channels=["c"], slug=slug, **values)


def keys():
    rows = SyncGateway.all_docs(None, really_all=True)["rows"]
    return {
        (row["doc"]["owner"], *row["doc"]["fields"])
        for row in rows
        if row["doc"].get("doc_type") == "unique_key"
    }


# ------------------------------------------------------------------ at validation

CLASHES = [
    ({"slug": "a"}, {"slug": "a"}, {"slug"}),
    ({"site": "s", "number": 1}, {"site": "s", "number": 1}, {"__all__"}),
    ({"code": "x"}, {"code": "x"}, {"code"}),
    ({"path": "p", "site": "main"}, {"path": "p", "site": "main"}, {"__all__"}),
    ({"title": "Title"}, {"title": "tITLE"}, {"__all__"}),
    ({"token": None}, {"token": None}, {"token"}),
    ({"name": "n", "at": DAY}, {"name": "n", "at": DAY + datetime.timedelta(hours=1)}, {"name"}),
    (
        {"name": "n", "day": datetime.date(2020, 1, 1)},
        {"name": "n", "day": datetime.date(2020, 9, 9)},
        {"name"},
    ),
    (
        {"label": "n", "sold": datetime.date(2020, 9, 1)},
        {"label": "n", "sold": datetime.date(2020, 9, 9)},
        {"label"},
    ),
]
NO_CLASHES = [
    ({"slug": None}, {"slug": None}),
    ({"site": "s", "number": 1}, {"site": "s", "number": 2}),
    ({"site": "s", "number": None}, {"site": "s", "number": None}),
    ({"path": "p", "site": "other"}, {"path": "p", "site": "other"}),
    ({"name": "n", "at": DAY}, {"name": "n", "at": DAY + datetime.timedelta(days=1)}),
    (
        {"label": "n", "sold": datetime.date(2020, 9, 1)},
        {"label": "n", "sold": datetime.date(2020, 8, 9)},
    ),
]


@pytest.mark.parametrize(("first", "second", "fields"), CLASHES)
def test_taken_values_are_told_at_validation(db, first, second, fields):
    there, other = page(**{"token": "1", **first}), page(**{"token": "2", **second})
    there.save()
    with pytest.raises(ValidationError) as caught:
        other.full_clean()
    assert set(caught.value.message_dict) == fields
    there.full_clean()  # it does not stand in its own way
    UniquePage(there.uid).full_clean()
    there.delete()
    other.full_clean()  # what is deleted softly takes nothing
    there.undelete()
    with pytest.raises(ValidationError):
        other.full_clean()


@pytest.mark.parametrize(("first", "second"), NO_CLASHES)
def test_other_values_are_not_taken(db, first, second):
    page(**{"token": "1", **first}).save()
    page(**{"token": "2", **second}).full_clean()


class UniquePageForm(forms.ModelForm):
    class Meta:
        model = UniquePage
        fields = ["slug", "code"]


def test_a_form_says_what_is_taken(db):
    there = page(slug="a", code="x")
    there.save()
    form = UniquePageForm({"slug": "a", "code": "x"})
    assert set(form.errors) == {"slug", "code"}
    with pytest.warns(StaleFormWarning):
        assert UniquePageForm({"slug": "a", "code": "y"}, instance=there).is_valid()


def test_without_an_orm_nothing_unique_is_checked(gateway_by_http):
    page(slug="a", code="x", name="n", at=DAY).save()
    again = page(slug="a", code="x", name="n", at=DAY)
    again.full_clean()
    assert UniquePageForm({"slug": "a", "code": "x"}).is_valid()


# ---------------------------------------------------------------- by key documents


def test_a_taken_value_is_refused(db):
    first = account("a")
    first.save()
    second = account("a")
    with pytest.raises(UniqueKeyTaken) as caught:
        second.save()
    assert isinstance(caught.value, IntegrityError)
    assert (caught.value.fields, caught.value.owner) == (("slug",), first.uid)
    assert str(caught.value) == (
        f"document {second.uid} is not saved: its slug is taken by document {first.uid}."
    )
    assert "doc" not in SyncGateway.all_docs([second.uid])["rows"][0]
    with pytest.raises(ValidationError) as told:
        second.full_clean()
    assert set(told.value.message_dict) == {"slug"}
    second.slug = "b"
    second.save()
    assert keys() == {(first.uid, "slug"), (second.uid, "slug")}


def test_a_value_is_free_again(db):
    first = account("a")
    first.save()
    first.slug = "b"
    first.save()
    second = account("a")
    second.save()
    first.delete()
    third = account("b")
    third.save()
    assert keys() == {(second.uid, "slug"), (third.uid, "slug")}
    with pytest.raises(UniqueKeyTaken) as caught:
        first.undelete()
    assert caught.value.owner == third.uid
    third.hard_delete()
    UniqueAccount(first.uid).undelete()
    second.hard_delete()
    account("a").save()


def test_saving_again_asks_nothing_more(db, monkeypatch):
    first = account("a", site="s")
    first.save()
    monkeypatch.setattr(SyncGateway, "bulk_docs", lambda docs: pytest.fail("a key is written"))
    first.site = "t"
    first.save()
    UniqueAccount(first.uid).save(update_fields=["site"])


def test_several_fields_and_values_that_are_written_in_other_ways(db):
    first = account(site="s", amount=Decimal("1.5"))
    first.save()
    account(site="s", amount=None).save()
    account(site="s", amount=None).save()
    account(site="t", amount=Decimal("1.5")).save()
    with pytest.raises(UniqueKeyTaken, match="its site and amount is taken by"):
        account(site="s", amount=Decimal("1.50")).save()


def test_one_of_two_keys_is_taken(db):
    account(site="s", amount=1).save()
    both = account("a", site="s", amount=1)
    with pytest.raises(UniqueKeyTaken):
        both.save()
    account("a").save()
    assert ("slug",) not in {key[1:] for key in keys() if key[0] == both.uid}


def test_in_bulk_each_one_for_itself(db):
    account("a").save()
    made = [account(slug) for slug in ("a", "b", "b", "c", None, None)]
    with pytest.raises(SyncGatewayBulkError) as caught:
        UniqueAccount.objects.bulk_create(made)
    assert set(caught.value.errors) == {made[0].uid, made[2].uid}
    assert all(isinstance(error, UniqueKeyTaken) for error in caught.value.errors.values())
    assert caught.value.errors[made[2].uid].owner == made[1].uid
    found = UniqueAccount.objects.order_by("slug").values_list("slug", flat=True)
    assert list(found) == [None, None, "a", "b", "c"]
    with pytest.raises(SyncGatewayBulkError):
        UniqueAccount.objects.filter(slug__in=["b", "c"]).update(slug="d")
    assert UniqueAccount.objects.filter(slug="d").count() == 1
    assert UniqueAccount.objects.filter(slug="a").delete()[0] == 1
    UniqueAccount.objects.bulk_create([account("a")])
    UniqueAccount.objects.filter(slug="d").hard_delete()
    account("d").save()
    assert len(keys()) == UniqueAccount.objects.filter(slug__isnull=False).count()
    UniqueAccount.objects.bulk_create([account("a"), account("e")], ignore_conflicts=True)
    assert UniqueAccount.objects.filter(slug__in="ae").count() == 2


def test_get_or_create_finds_who_was_first(db, monkeypatch):
    looked = UniqueAccount.objects.none()

    def somebody_else_is_first(self, *args, **kwargs):
        monkeypatch.undo()
        account("a").save()
        return looked.get(*args, **kwargs)

    monkeypatch.setattr(type(looked), "get", somebody_else_is_first)
    found, created = UniqueAccount.objects.get_or_create(slug="a", defaults={"channels": ["c"]})
    assert (found, created) == (UniqueAccount.objects.get(), False)


def test_what_is_refused_for_another_reason_takes_nothing(db):
    first = account("a")
    first.save()
    stale = UniqueAccount(first.uid)
    first.site = "s"
    first.save()
    stale.slug = "b"
    with pytest.raises(SyncGatewayConflict):
        stale.save()
    account("b").save()
    assert len(keys()) == 2


def test_what_a_program_left_behind_can_be_taken_over(db, monkeypatch):
    first = account("a")
    with monkeypatch.context() as broken:
        broken.setattr(SyncGateway, "save_document", lambda document: exit("in between"))
        with pytest.raises(SystemExit):
            first.save()
    assert keys() == {(first.uid, "slug")}
    with pytest.raises(UniqueKeyTaken) as caught:
        account("a").save()  # it may be just about to be written
    assert caught.value.owner == first.uid
    monkeypatch.setattr(unique_keys, "GRACE", 0)
    second = account("a")
    second.save()
    assert keys() == {(second.uid, "slug")}
    with pytest.raises(UniqueKeyTaken):
        first.save()


def test_what_a_phone_deleted_takes_nothing(db, monkeypatch):
    monkeypatch.setattr(unique_keys, "GRACE", 0)
    first = account("a")
    first.save()
    body = {**first.to_dict(), "_rev": first.rev, "st_deleted": True}
    SyncGateway.save_json(first.uid, body)
    account("a").save()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(3))
def test_one_of_many_writers_wins(round_):
    outcomes = []
    barrier = threading.Barrier(6)

    def write(number):
        try:
            document = account("a", site=str(number))
            barrier.wait()
            document.save()
            outcomes.append(document.uid)
        except UniqueKeyTaken as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(outcomes) == 6
    assert winners == [each.uid for each in UniqueAccount.objects.all()]
    assert len(winners) == 1
    assert keys() == {(winners[0], "slug")}


def test_keys_need_no_orm_and_are_in_no_channel(gateway_by_http):
    first = account("a")
    first.save()
    with pytest.raises(UniqueKeyTaken) as caught:
        account("a").save()
    assert caught.value.owner == first.uid
    first.delete()
    account("a").save()
    rows = SyncGateway.all_docs(None, really_all=True)["rows"]
    (key,) = [row["doc"] for row in rows if row["doc"]["doc_type"] == "unique_key"]
    assert key["channels"] == []


def test_documents_that_were_there_before_are_seen_at_validation(db):
    body = {"doc_type": "orm_unique_account", "channels": ["c"], "slug": "a"}
    SyncGateway.save_json("former", body)
    with pytest.raises(ValidationError):
        account("a").full_clean()
    former = UniqueAccount("former")
    former.slug = "b"
    former.save()
    with pytest.raises(UniqueKeyTaken):
        account("b").save()


def test_the_error_can_be_pickled():
    error = UniqueKeyTaken("a", ("slug",), "b")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.fields, again.owner, again.uid) == (str(error), ("slug",), "b", "a")
