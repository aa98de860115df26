"""save() of documents: which fields, what is refused; managers and async twins."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError, IntegrityError, models, transaction
from django.db.models import F, Q

from django_cbtools.exceptions import (
    CouchbaseModelError,
    CouchbaseValueError,
    SyncGatewayBulkError,
    SyncGatewayConflict,
)
from django_cbtools.models import (
    DocumentExists,
)
from tests.orm.writes.models import Book, Writer, rival, stored

pytestmark = pytest.mark.django_db


# ------------------------------------------------------------------------ save


def test_save_of_some_fields(books):
    book = books[0]
    before = stored("b0")
    book.title, book.year = "new", 1
    book.save(update_fields=["title"])
    document = stored("b0")
    assert document.pop("updated")
    assert document == {**before, "title": "new", "_rev": book.rev}
    assert book.year == 1
    book.save(update_fields=["year"])
    assert stored("b0")["year"] == 1
    book.save(update_fields=[])
    assert stored("b0")["_rev"] == book.rev


def test_save_of_some_fields_names_them_as_django_does(books):
    writer = Writer.objects.create(name="Ann", channels=["c"])
    books[0].writer = writer
    for name in ("writer", "writer_uid"):
        books[0].save(update_fields=[name])
        assert stored("b0")["writer_uid"] == writer.uid
    books[0].extra["color"] = "blue"
    books[0].save(update_fields={"extra"})
    assert stored("b0")["color"] == "blue"
    assert "changed" not in stored("b0")
    books[0].save(update_fields=["changed"])
    assert stored("b0")["changed"]
    for name in ("nothing", "uid", "pk", "rev", "chapters"):
        with pytest.raises(ValueError, match="do not exist in this model"):
            books[0].save(update_fields=["title", name])


def test_save_of_some_fields_of_a_stale_document(books):
    rival("b0")
    with pytest.raises(SyncGatewayConflict):
        books[0].save(update_fields=["title"])
    assert stored("b0")["rival"] is True


def test_save_of_some_fields_of_what_is_not_there(books):
    for book in (Book(uid="none", channels=["c"]), books[0]):
        if book.rev:
            Book("b0").hard_delete()
        with pytest.raises(DatabaseError, match="did not affect any rows"):
            book.save(update_fields=["title"])
        with pytest.raises(DatabaseError, match="Forced update did not affect any rows"):
            book.save(force_update=True)
        assert stored(book.uid) is None
    with pytest.raises(ValueError, match="no primary key"):
        Book(channels=["c"]).save(force_update=True)


def test_save_that_is_forced(books):
    with pytest.raises(DocumentExists) as caught:
        Book(uid="b0", title="new", channels=["c"]).save(force_insert=True)
    assert isinstance(caught.value, IntegrityError)
    assert caught.value.uid == "b0"
    with pytest.raises(DocumentExists):
        books[0].save(force_insert=True)
    books[0].title = "new"
    books[0].save(force_update=True)
    assert stored("b0")["title"] == "new"
    with pytest.raises(SyncGatewayConflict):
        Book(uid="b1", channels=["c"]).save(force_update=True)
    with pytest.raises(ValueError, match="Cannot force both"):
        books[0].save(force_insert=True, force_update=True)
    with pytest.raises(ValueError, match="Cannot force both"):
        books[0].save(force_insert=True, update_fields=["title"])
    with pytest.raises(ValueError, match="merge"):
        books[0].save(update_fields=["title"], merge=lambda base, ours, theirs: ours)


def test_save_of_related_documents_that_are_not_saved(books):
    books[0].writer = Writer(name="new")
    for save in (
        books[0].save,
        lambda: Book.objects.bulk_update(books, ["writer"]),
        lambda: Book.objects.bulk_create([Book(writer=Writer(), channels=["c"])]),
    ):
        with pytest.raises(ValueError, match="unsaved related object 'writer'"):
            save()


@pytest.mark.parametrize("name", ["year", "title"])
def test_save_computes_nothing(books, name):
    setattr(books[0], name, F(name))
    for save in (
        books[0].save,
        lambda: books[0].save(update_fields=[name]),
        lambda: Book.objects.bulk_create([Book(**{name: F(name)}, channels=["c"])]),
    ):
        with pytest.raises(CouchbaseValueError, match=r"QuerySet.update\(\)"):
            save()
    with pytest.raises(SyncGatewayBulkError):
        Book.objects.bulk_update(books, [name])
    assert stored("b0")["title"] == "Emma"


def test_a_copy_is_a_new_document(books):
    copy = books[0]
    copy.pk, copy._state.adding = None, True
    copy.save()
    assert copy.pk != "b0"
    assert stored(copy.pk)["color"] == "red"
    assert Book.objects.filter(title="Emma").count() == 2


def test_raw_saves_write_over_what_is_there(books, signals):
    raw = Book(uid="b0", rev="7-other", title="fixture", channels=["c"])
    models.Model.save_base(raw, raw=True)
    assert stored("b0")["title"] == "fixture"
    assert stored("b0")["color"] == "red"
    assert stored("b0")["changed"] is None
    raw = Book(uid="b0", title="again", extra={"size": 1}, channels=["c"])
    models.Model.save_base(raw, raw=True)
    assert stored("b0")["size"] == 1
    assert "color" not in stored("b0")
    made = Book(uid="made", rev="7-other", title="fixture", channels=["c"])
    models.Model.save_base(made, raw=True)
    assert stored("made")["_rev"] == made.rev
    assert not made._state.adding
    assert not signals
    Writer.objects.create(uid="w", name="Ann", channels=["c"])
    for refused, error in ((Book(uid="w", channels=["c"]), Book.DoesNotExist),
                           (Book(uid="b1"), CouchbaseModelError)):  # fmt: skip
        with pytest.raises(error), transaction.atomic():
            models.Model.save_base(refused, raw=True)
    assert (stored("w")["name"], stored("b1")["title"]) == ("Ann", "Ulysses")


# ----------------------------------------------------------- managers, twins


def test_managers_of_ones_own(books):
    assert Book.objects.old().get().uid == "b0"
    assert Book.books.old().update(title="old") == 1
    Book.books.old().delete()
    assert not Book.objects.old().exists()
    assert not Book.books.old().exists()
    assert Book.all_objects.filter(Q(year=1815)).exists()


def test_async_twins(books):
    async def work():
        assert await Book.objects.filter(pk="b0").aupdate(title="a") == 1
        book = await Book.objects.aget(pk="b0")
        book.title = "b"
        assert await Book.objects.abulk_update([book], ["title"]) == 1
        await book.arefresh_from_db()
        book.year = 3
        await book.asave(update_fields=["year"])
        assert await Book.objects.filter(pk="b0").adelete() == (1, {"orm.Book": 1})
        assert await Book.all_objects.filter(pk="b0").aundelete() == 1
        await book.arefresh_from_db()
        await book.adelete()
        await book.aundelete()
        assert await Book.objects.acount() == 3
        await book.ahard_delete()
        assert await Book.objects.filter(pk="b1").ahard_delete() == (1, {"orm.Book": 1})
        await Book.objects.abulk_create([Book(uid="made", channels=["c"])])
        made, created = await Book.objects.aget_or_create(uid="made")
        assert not created
        made, created = await Book.objects.aupdate_or_create(uid="made", defaults={"title": "z"})
        return made

    made = async_to_sync(work)()
    assert stored("made")["title"] == made.title == "z"
    assert {book.uid for book in Book.all_objects.all()} == {"b2", "made"}


def test_no_template_deletes_anything(books):
    for method in (books[0].delete, books[0].hard_delete, books[0].undelete, books[0].save):
        assert method.alters_data
    queryset = Book.objects.all()
    for name in ("update", "delete", "hard_delete", "undelete", "bulk_create", "bulk_update"):
        assert getattr(queryset, name).alters_data
