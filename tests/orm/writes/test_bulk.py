"""bulk_create(), bulk_update() and get_or_create() of documents."""

from __future__ import annotations

import pytest
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import DatabaseError

from django_cbtools.exceptions import (
    CouchbaseModelError,
    SyncGatewayBulkError,
    SyncGatewayConflict,
)
from django_cbtools.models import (
    DocumentExists,
    DocumentQuerySet,
)
from django_cbtools.sync_gateway import SyncGateway
from tests.orm.writes.models import Book, Writer, rival, stored

pytestmark = pytest.mark.django_db


# ----------------------------------------------------------------- bulk_create


def test_bulk_create(sent, signals):
    made = Book.objects.bulk_create(
        (Book(uid=str(n), title=f"t{n}", channels=["c"]) for n in range(5)), batch_size=2
    )
    assert sent == [["0", "1"], ["2", "3"], ["4"]]
    assert [book.rev[:2] for book in made] == ["1-"] * 5
    assert not any(book._state.adding for book in made)
    assert Book.objects.count() == 5
    assert [name for name, uid in signals if uid == "4"] == ["pre_save", "post_save"]
    assert Book.objects.bulk_create([]) == []
    with pytest.raises(ValueError, match="positive"):
        Book.objects.bulk_create(made, batch_size=0)


def test_bulk_create_without_channels_writes_nothing(sent, signals):
    books = [*(Book(channels=["c"]) for _ in range(3)), Book()]
    with pytest.raises(CouchbaseModelError, match="Empty channels"):
        Book.objects.bulk_create(books, batch_size=1)
    assert not sent
    assert not signals


def test_bulk_create_of_what_is_there(books):
    loaded = books[2]
    new = [Book(uid=uid, title="new", channels=["c"]) for uid in ("b0", "b9")]
    with pytest.raises(SyncGatewayBulkError) as caught:
        Book.objects.bulk_create([*new, loaded])
    assert set(caught.value.errors) == {"b0", "b2"}
    assert all(isinstance(e, SyncGatewayConflict) for e in caught.value.errors.values())
    assert [stored(uid)["title"] for uid in ("b0", "b9", "b2")] == ["Emma", "new", "Solaris"]
    assert new[0].rev is None
    loaded.save()  # it is what it was


def test_bulk_create_that_ignores_conflicts(books):
    new = [Book(uid=uid, title="new", channels=["c"]) for uid in ("b0", "b9")]
    assert Book.objects.bulk_create(new, ignore_conflicts=True) == new
    assert [stored(uid)["title"] for uid in ("b0", "b9")] == ["Emma", "new"]


def test_bulk_create_that_updates_conflicts(books):
    Writer.objects.create(uid="w", name="Ann", channels=["c"])
    new = [Book(uid=uid, title="new", year=1, channels=["d"]) for uid in ("b0", "b9", "w")]
    with pytest.raises(SyncGatewayBulkError) as caught:
        Book.objects.bulk_create(
            new, update_conflicts=True, update_fields=["title"], unique_fields=["pk"]
        )
    assert list(caught.value.errors) == ["w"]
    assert (Writer("w").name, Writer("w").get_doc_type()) == ("Ann", "writes_writer")
    document = stored("b0")
    assert (document["title"], document["year"], document["color"]) == ("new", 1815, "red")
    assert stored("b9")["year"] == 1


@pytest.mark.parametrize(
    "options",
    [
        {"ignore_conflicts": True, "update_conflicts": True},
        {"update_conflicts": True, "unique_fields": ["uid"]},
        {"update_conflicts": True, "update_fields": ["uid"], "unique_fields": ["uid"]},
        {"update_conflicts": True, "update_fields": ["title"], "unique_fields": ["year"]},
    ],
    ids=str,
)
def test_bulk_create_options_that_cannot_be(options, sent):
    with pytest.raises((ValueError, DatabaseError)):
        Book.objects.bulk_create([Book(channels=["c"])], **options)
    assert not sent


# ----------------------------------------------------------------- bulk_update


def test_bulk_update_writes_the_fields_alone(books, sent):
    before = stored("b0")
    for book in books:
        book.title, book.year = "new", 1
    assert Book.objects.bulk_update(books, ["title"], batch_size=2) == 3
    assert sent == [["b0", "b1"], ["b2"]]
    document = stored("b0")
    del document["updated"]
    assert document == {**before, "title": "new", "_rev": document["_rev"]}
    assert books[0].rev == document["_rev"]
    for book in books:  # they have their new revisions
        book.save()
    assert stored("b0")["year"] == 1
    assert stored("b0")["color"] == "red"


def test_bulk_update_honours_revisions(books):
    rival("b1")
    for book in books:
        book.title = "new"
    with pytest.raises(SyncGatewayBulkError) as caught:
        Book.objects.bulk_update([*books, Book(uid="b9", title="x", channels=["c"])], ["title"])
    assert set(caught.value.errors) == {"b1"}
    assert [stored(uid)["title"] for uid in ("b0", "b1", "b2")] == ["new", "Ulysses", "new"]
    assert stored("b9") is None


def test_bulk_update_of_an_instance_that_was_not_loaded(books):
    made = Book(uid="b0", title="new", rev=books[0].rev)
    assert Book.objects.bulk_update([made], ["title"]) == 1
    assert (stored("b0")["title"], stored("b0")["color"]) == ("new", "red")
    stale = Book(uid="b1", title="new", rev="1-x")
    with pytest.raises(SyncGatewayBulkError):
        Book.objects.bulk_update([stale], ["title"])
    assert stored("b1")["title"] == "Ulysses"


@pytest.mark.parametrize(
    "fields", [[], ["uid"], ["rev"], ["pk"], ["nothing"]], ids=lambda fields: str(fields)
)
def test_bulk_update_that_cannot_be(books, sent, fields):
    with pytest.raises((ValueError, FieldDoesNotExist)):
        Book.objects.bulk_update(books, fields)
    with pytest.raises(ValueError, match="primary key"):
        Book.objects.bulk_update([Book()], ["title"])
    assert Book.objects.bulk_update([], ["title"]) == 0
    assert not sent


# -------------------------------------------------------------- get_or_create


def test_get_or_create(books):
    assert Book.objects.get_or_create(title="Emma", defaults={"year": 1}) == (books[0], False)
    made, created = Book.objects.get_or_create(
        title="Momo", defaults={"year": lambda: 1973, "channels": ["c"]}
    )
    assert created
    assert stored(made.uid)["year"] == 1973
    with pytest.raises(FieldError):
        Book.objects.get_or_create(title="x", defaults={"nothing": 1})


def test_update_or_create(books):
    book, created = Book.objects.update_or_create(title="Emma", defaults={"year": 1})
    assert not created
    document = stored("b0")
    assert (document["year"], document["color"], document["_rev"]) == (1, "red", book.rev)
    made, created = Book.objects.update_or_create(
        title="Momo", defaults={"year": 1}, create_defaults={"year": 1973, "channels": ["c"]}
    )
    assert created
    assert made.year == 1973


@pytest.mark.parametrize("how", ["get_or_create", "update_or_create"])
def test_the_loser_of_a_race_gets_the_winners(monkeypatch, how):
    def get(self, **kwargs):
        """Nothing is there yet; and then there is."""
        monkeypatch.undo()
        SyncGateway.save_json(
            "race", {"doc_type": "writes_book", "channels": ["c"], "title": "winner", "year": 1}
        )
        raise Book.DoesNotExist

    monkeypatch.setattr(DocumentQuerySet, "get", get)
    book, created = getattr(Book.objects, how)(
        uid="race", defaults={"title": "loser", "channels": ["c"]}
    )
    assert not created
    assert book.title == stored("race")["title"] == {"g": "winner", "u": "loser"}[how[0]]
    assert stored("race")["year"] == 1


def test_what_is_deleted_softly_is_in_the_way(books):
    books[0].delete()
    with pytest.raises(DocumentExists):
        Book.objects.get_or_create(uid="b0", defaults={"channels": ["c"]})
    assert Book.all_objects.get_or_create(uid="b0") == (books[0], False)
