"""refresh_from_db() and copies, as Django's."""

from __future__ import annotations

import asyncio
import copy
import pickle

import pytest
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models

from django_cbtools.models import CouchbaseModel, ForeignKey
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle, CBAuthor, CBJob, CBParcel, CBPayment, CBPlace


class Holder(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "holder"


class Passport(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "passport"
    holder = models.OneToOneField(Holder, models.CASCADE, null=True, related_name="passport")


class Visa(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "visa"
    holder = ForeignKey(Holder, models.CASCADE, null=True, related_name="visas")


@pytest.fixture
def article(db):
    author = CBAuthor(uid="a", name="n", channels=["c"])
    author.save()
    saved = CBArticle(uid="t", title="old", year_published=1, author=author, channels=["c"])
    saved.save()
    CBArticle.objects.update(title="new", year_published=2)
    return saved


# --------------------------------------------------------------- refresh_from_db()


@pytest.mark.parametrize("names", [["titel"], ["title", "objects"], ["to_dict"]])
def test_a_wrong_name_raises(article, names):
    with pytest.raises(FieldDoesNotExist, match=names[-1]):
        article.refresh_from_db(fields=names)
    assert article.title == "old"


def test_a_path_raises(article):
    with pytest.raises(ValueError, match="Relations and transforms are not allowed"):
        article.refresh_from_db(fields=["author__name"])


def test_names_of_all_kinds(article):
    article.refresh_from_db(fields=("pk", "title", "author_uid"))
    assert (article.title, article.year_published) == ("new", 1)
    article.refresh_from_db(fields=[])
    assert article.year_published == 1
    article.refresh_from_db(using="default", fields={"year_published"})
    assert article.year_published == 2


def test_another_alias_raises(article):
    for fields in (None, ["title"]):
        with pytest.raises(ImproperlyConfigured, match="loaded from 'plain'"):
            article.refresh_from_db(using="plain", fields=fields)


def test_from_a_queryset(article, django_assert_num_queries):
    with pytest.raises(CBArticle.DoesNotExist):
        article.refresh_from_db(from_queryset=CBArticle.objects.filter(title="old"))
    with django_assert_num_queries(1):
        article.refresh_from_db(
            fields=["title", "author"], from_queryset=CBArticle.objects.select_related("author")
        )
        assert (article.title, article.year_published) == ("new", 1)
        assert article.author.name == "n"
    article.extra["color"] = "red"
    article.refresh_from_db(from_queryset=CBArticle.objects.all())
    assert (article.title, article.year_published, article.extra) == ("new", 2, {})
    article.title = "newer"
    article.save()
    assert CBArticle("t").title == "newer"


def test_relations_are_forgotten(db):
    Holder(uid="h", channels=["c"]).save()
    holder = Holder.objects.prefetch_related("visas").get()
    passport = Passport(uid="p", holder=holder, channels=["c"])
    passport.save()
    Visa(uid="v", holder=holder, channels=["c"]).save()
    assert (holder.passport, list(holder.visas.all())) == (passport, [])
    Passport.objects.update(holder=None)
    holder.refresh_from_db(fields=["created"])
    assert (holder.passport, list(holder.visas.all())) == (passport, [])
    holder.refresh_from_db(fields=["passport", "visas"])
    with pytest.raises(Passport.DoesNotExist):
        holder.passport  # noqa: B018
    assert [visa.pk for visa in holder.visas.all()] == ["v"]


@pytest.mark.django_db(transaction=True)
def test_the_async_one(article):
    asyncio.run(article.arefresh_from_db(from_queryset=CBArticle.objects.all()))
    assert article.title == "new"


def test_only_and_defer_know_the_fields(article):
    assert CBArticle.objects.only("title").get().year_published == 2
    assert CBArticle.objects.defer("title").defer(None).get().get_deferred_fields() == set()
    for ask in (CBArticle.objects.only, CBArticle.objects.defer):
        with pytest.raises(FieldDoesNotExist):
            ask("titel")
    del article.title
    assert article.title == "new"


# -------------------------------------------------------------------------- copies

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda document: pickle.loads(pickle.dumps(document)),
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_copies_are_apart(db, copied):
    document = {
        "doc_type": "parcel", "channels": ["c"], "labels": ["a", 5], "codes": [3, 1, 3],
        "place": {"city": "X", "odd": 1}, "stops": [{"city": "Y", "since": "2020-01-01"}],
        "days": ["2020-01-01", "never"], "color": {"r": [1]},
    }  # fmt: skip
    SyncGateway.save_json("p", document)
    original = CBParcel("p")
    before = original.to_dict()
    other = copied(original)
    assert other == original
    assert other.to_dict() == before
    other.extra["color"]["r"].append(2)
    other.extra["new"] = 1
    other.channels.append("d")
    other.labels.append("b")
    other.codes.add(7)
    other.place.city = "Z"
    other.stops.append(CBPlace(city="W"))
    other.stops[0].city = "V"
    assert original.to_dict() == before
    changed = other.to_dict()
    assert changed["color"] == {"r": [1, 2]}
    assert changed["days"] == ["2020-01-01", "never"]
    assert changed["stops"][0] == {"city": "V", "since": "2020-01-01"}
    other.save()
    original.refresh_from_db()
    assert (original.rev, original.place.city) == (other.rev, "Z")


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_copies_of_lists_of_nested_models(copied):
    job = CBJob(title="t", channels=["c"])
    job.payments = [CBPayment(amount="1.50")]
    other = copied(job)
    other.payments[0].amount = "2.00"
    other.payments.append(CBPayment(amount="3"))
    assert [payment.amount for payment in job.payments] == ["1.50"]


def test_a_copy_is_saved_as_another_document(article):
    other = copy.copy(article)
    other.pk, other._state.adding = None, True
    other.save()
    assert other.uid != article.uid
    assert CBArticle(other.uid).title == "old"
