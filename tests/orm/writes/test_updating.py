"""Updating documents by QuerySets: what is written, what is kept, what is refused."""

from __future__ import annotations

import datetime
import decimal

import pytest
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import NotSupportedError, models
from django.db.models import Case, F, OuterRef, Subquery, Value, When
from django.db.models.functions import Concat, Lower, Now, Upper
from django.utils import timezone

from django_cbtools.exceptions import (
    CouchbaseModelError,
    CouchbaseValueError,
    SyncGatewayBadRequest,
    SyncGatewayBulkError,
    SyncGatewayConflict,
    SyncGatewayUnavailable,
)
from django_cbtools.models import (
    DocumentQuerySet,
)
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.documents.documents import Documents
from tests.orm.writes.models import UTC, Book, Writer, rival, stored

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------------- update


def test_update_changes_the_keys_and_keeps_the_others(books, sent):
    before = stored("b1")
    start = timezone.now()
    assert Book.objects.filter(year__gt=1900).update(title="New", tags=["a"]) == 2
    assert sent == [["b1", "b2"]]
    document = stored("b1")
    assert start <= datetime.datetime.fromisoformat(document.pop("updated")) <= timezone.now()
    assert document == {
        **before, "title": "New", "tags": ["a"], "_rev": document["_rev"],
    }  # fmt: skip
    assert document["_rev"].startswith("2-")
    assert stored("b0")["title"] == "Emma"


def values_of(**kwargs):
    Book.objects.update(**kwargs)
    return [list(row) for row in Book.objects.order_by("uid").values_list(*kwargs)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"year": F("year") + 1}, [[1816], [1923], [1962]]),
        ({"year": F("year") * 1.5}, [[2722], [2883], [2941]]),
        ({"title": F("year")}, [["1815"], ["1922"], ["1961"]]),
        ({"title": Upper("title")}, [["EMMA"], ["ULYSSES"], ["SOLARIS"]]),
        ({"title": Concat(Lower("title"), Value("!"))}, [["emma!"], ["ulysses!"], ["solaris!"]]),
        ({"title": Case(When(year__lt=1900, then=Value("old")), default=F("title"))},
         [["old"], ["Ulysses"], ["Solaris"]]),
        ({"price": F("price") * 3}, [[decimal.Decimal("1.50")], [decimal.Decimal("4.50")],
                                     [decimal.Decimal("7.50")]]),
        ({"price": F("price") / 3}, [[decimal.Decimal("0.17")], [decimal.Decimal("0.50")],
                                     [decimal.Decimal("0.83")]]),
        ({"year": F("price")}, [[0], [1], [2]]),
        ({"year": Value(None)}, [[None]] * 3),
        ({"title": Value("all")}, [["all"]] * 3),
        ({"details": F("tags")}, [[["Emma"]], [["Ulysses"]], [["Solaris"]]]),
        ({"title": F("extra__color")}, [["red"]] * 3),
        ({"year": F("year") + 1, "title": F("title")},
         [[1816, "Emma"], [1923, "Ulysses"], [1962, "Solaris"]]),
    ],
    ids=str,
)  # fmt: skip
def test_update_to_what_the_database_computes(books, expression, expected):
    assert values_of(**expression) == expected


def test_update_to_a_subquery(books):
    newest = Book.objects.order_by("-year").exclude(pk=OuterRef("pk"))
    assert values_of(title=Subquery(newest.values("title")[:1])) == [
        ["Solaris"], ["Solaris"], ["Ulysses"],
    ]  # fmt: skip


def test_every_value_is_computed_from_what_was_there_before(books, monkeypatch):
    """As in one UPDATE: also where it takes many requests."""
    monkeypatch.setattr("django_cbtools.sync_gateway.documents.documents.BULK_COUNT", 1)
    top = Book.objects.order_by("-year").values("year")[:1]
    assert values_of(year=Subquery(top) + 1) == [[1962]] * 3


def test_update_to_the_time(books):
    Book.objects.update(published=Now(), day=F("published"))
    book = Book.objects.get(pk="b0")
    assert abs(timezone.now() - book.published) < datetime.timedelta(minutes=1)
    Book.objects.update(day=F("published"))
    assert Book.objects.get(pk="b0").day == book.published.date()
    moment = datetime.datetime(2020, 5, 17, 12, 30, 15, 500_000, tzinfo=UTC)
    Book.objects.update(published=moment, updated=moment, changed=None)
    assert stored("b0")["published"] == stored("b0")["updated"] == moment.isoformat()


def test_update_across_relations(books):
    ann = Writer(uid="ann", name="Ann", channels=["c"])
    bob = Writer(uid="bob", name="Bob", channels=["c"])
    Writer.objects.bulk_create([ann, bob])
    assert Book.objects.filter(year__lt=1950).update(writer=ann) == 2
    assert stored("b0")["writer_uid"] == "ann"
    assert Book.objects.filter(writer__name="Ann").update(writer_uid="bob") == 2
    assert Writer.objects.filter(books__year__gt=1800).update(born=1) == 1
    assert Writer.objects.annotate(n=models.Count("books")).filter(n=2).update(born=2) == 1
    assert Writer("bob").born == 2
    assert Book.objects.filter(pk="b0").update(writer=None) == 1
    assert [book.uid for book in Writer("bob").books.all()] == ["b1"]


def test_related_managers_write(books):
    ann = Writer.objects.create(name="Ann", channels=["c"])
    ann.edited.add(*books[:2])
    assert {book.uid for book in ann.edited.all()} == {"b0", "b1"}
    ann.edited.remove(books[0])
    ann.edited.set([books[2]])
    assert {book.uid for book in ann.edited.all()} == {"b2"}
    ann.edited.clear()
    assert not ann.edited.exists()
    made = ann.edited.create(title="New", channels=["c"])
    assert Book.objects.get(editor=ann) == made


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"uid": "x"}, FieldError),
        ({"pk": "x"}, FieldDoesNotExist),
        ({"rev": "1-x"}, FieldError),
        ({"title": F("writer__name")}, FieldError),
        ({"title": F("nothing")}, FieldError),
        ({"nothing": 1}, FieldDoesNotExist),
        ({"year": models.Max("year")}, FieldError),
        ({"year": models.Window(models.Max("year"))}, FieldError),
        ({"year": "many"}, ValueError),
        ({"price": decimal.Decimal("NaN")}, ValueError),
        ({"title": Writer(uid="w")}, TypeError),
        ({"writer": Writer()}, ValueError),
        ({"channels": []}, CouchbaseModelError),
        ({"channels": None}, CouchbaseModelError),
        ({"channels": "abc"}, CouchbaseModelError),
        ({"channels": [1]}, CouchbaseModelError),
    ],
    ids=str,
)
def test_update_that_cannot_be(books, sent, kwargs, error):
    with pytest.raises(error):
        Book.objects.update(**kwargs)
    # That nothing matches makes it no better.
    with pytest.raises(error):
        Book.objects.filter(title="none").update(**kwargs)
    assert not sent


def test_update_of_nothing(books, sent):
    assert Book.objects.update() == 0
    assert Book.objects.none().update(title="x") == 0
    assert Book.objects.filter(title="none").update(title="x") == 0
    assert Book.objects.filter(pk__in=[]).update(title="x") == 0
    assert not sent
    with pytest.raises(TypeError, match="Cannot update a query once a slice has been taken"):
        Book.objects.all()[:1].update(title="x")
    with pytest.raises(TypeError, match="Cannot use 'limit' or 'offset' with delete"):
        Book.objects.all()[:1].delete()
    with pytest.raises(TypeError, match="values"):
        Book.objects.values("title").delete()
    union = Book.objects.filter(year=1).union(Book.objects.filter(year=2))
    for write in (lambda: union.update(title="x"), union.delete, union.hard_delete):
        with pytest.raises(NotSupportedError):
            write()


def test_a_rival_between_finding_and_writing_is_no_loser(books, monkeypatch):
    load = Book.all_objects._queryset_class.filter
    raced = []

    def filter_(self, *args, **kwargs):
        if "pk__in" in kwargs and not raced:
            raced.append(1)
            rival("b1")
            SyncGateway.delete_document("b2", stored("b2")["_rev"])
        return load(self, *args, **kwargs)

    monkeypatch.setattr(DocumentQuerySet, "filter", filter_)
    assert Book.objects.update(title="mine") == 2
    assert stored("b0")["title"] == stored("b1")["title"] == "mine"
    assert stored("b1")["rival"] is True
    assert Book.objects.filter(title="mine").count() == 2


def test_a_rival_before_the_gateway_writes_is_no_loser(books, monkeypatch):
    bulk_docs = SyncGateway.bulk_docs

    def late(docs):
        monkeypatch.undo()
        rival("b0")
        return bulk_docs(docs)

    monkeypatch.setattr(Documents, "bulk_docs", late)
    with pytest.raises(SyncGatewayBulkError, match=r"1 of 3 documents.*b0: ") as caught:
        Book.objects.all().delete()
    assert type(caught.value.errors["b0"]) is SyncGatewayConflict
    assert [book.uid for book in Book.objects.all()] == ["b0"]


def test_a_document_that_may_not_be_saved_is_told_and_the_rest_is_saved(books):
    SyncGateway.save_json("b9", {"doc_type": "writes_book", "title": "phone's", "year": "x"})
    for write in (
        lambda: Book.objects.update(title="new"),
        lambda: Book.objects.all().delete(),
    ):
        with pytest.raises(SyncGatewayBulkError, match="b9: Empty channels list") as caught:
            write()
        assert list(caught.value.errors) == ["b9"]
        assert type(caught.value.errors["b9"]) is SyncGatewayBadRequest
        assert isinstance(caught.value.errors["b9"].__cause__, CouchbaseModelError)
    assert {book.uid for book in Book.objects.all()} == {"b9"}
    assert stored("b0")["title"] == "new"
    assert stored("b9")["title"] == "phone's"


def test_update_to_what_one_document_cannot_store(books):
    SyncGateway.save_json(
        "b9", {"doc_type": "writes_book", "channels": ["c"], "title": "7", "year": 1}
    )
    with pytest.raises(SyncGatewayBulkError) as caught:
        Book.objects.update(year=F("title"))
    assert set(caught.value.errors) == {"b0", "b1", "b2"}
    assert isinstance(caught.value.errors["b0"].__cause__, CouchbaseValueError)
    assert Book("b9").year == 7


def test_a_gateway_that_fails_halfway(books, failing, monkeypatch):
    """What it has refused to answer for counts as refused, and so does what was not tried."""
    monkeypatch.setattr("django_cbtools.sync_gateway.documents.documents.BULK_COUNT", 1)
    requests = failing(2)
    with pytest.raises(SyncGatewayBulkError, match="2 of 3 documents") as caught:
        Book.objects.update(title="new")
    assert caught.value.errors == dict.fromkeys(["b1", "b2"], caught.value.__cause__)
    assert type(caught.value.__cause__) is SyncGatewayUnavailable
    assert len(requests) == 2
    assert [stored(uid)["title"] for uid in ("b0", "b1", "b2")] == ["new", "Ulysses", "Solaris"]


def test_nothing_is_said_of_deletions_that_were_not_tried(books, failing, monkeypatch, signals):
    monkeypatch.setattr("django_cbtools.sync_gateway.documents.documents.BULK_COUNT", 1)
    failing(2)
    with pytest.raises(SyncGatewayBulkError, match="2 of 3 documents"):
        Book.objects.all().delete()
    assert [uid for name, uid in signals if name == "pre_delete"] == ["b0", "b1"]
    assert [uid for name, uid in signals if name == "post_delete"] == ["b0"]


def test_a_gateway_that_fails_at_once_is_no_bulk_error(books, failing):
    failing(1)
    for write in (
        lambda: Book.objects.update(title="new"),
        lambda: Book.objects.all().delete(),
        lambda: Book.objects.all().hard_delete(),
        lambda: Book.objects.bulk_update(books, ["title"]),
        lambda: Book.objects.bulk_create([Book(channels=["c"])]),
    ):
        with pytest.raises(SyncGatewayUnavailable):
            write()


def test_update_of_undeclared_keys(books):
    Book.objects.filter(pk="b0").update(extra={"size": 3})
    document = stored("b0")
    assert (document["size"], document["title"]) == (3, "Emma")
    assert "color" not in document
    assert stored("b1")["color"] == "red"
