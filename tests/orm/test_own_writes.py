"""A program that writes documents by uid, and by others of its instances, is no rival of itself."""

from __future__ import annotations

import pytest
from django.db import models

from django_cbtools.exceptions import SyncGatewayBulkError, SyncGatewayConflict
from django_cbtools.models import CouchbaseModel, ForeignKey
from django_cbtools.sync_gateway import SyncGateway


class CBWriter(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "own_writer"
    name = models.CharField(max_length=20)


class CBBook(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "own_book"
    title = models.CharField(max_length=20)
    pages = models.IntegerField(default=0)
    writer = ForeignKey(CBWriter, models.CASCADE, null=True, related_name="books")


class CBChapter(CouchbaseModel):
    class Meta:
        abstract = True
        order_with_respect_to = "book"

    doc_type = "own_chapter"
    book = ForeignKey(CBBook, models.CASCADE, null=True)


@pytest.fixture
def writer(db):
    writer = CBWriter(uid="w", name="Ann", channels=["c"])
    writer.save()
    return writer


@pytest.fixture
def books(writer):
    return CBBook.objects.bulk_create(
        CBBook(uid=uid, title="old", pages=1, channels=["c"], extra={"x": uid}) for uid in "abc"
    )


# ------------------------------------------------------------- what is known by uid only


def test_fields_of_documents_that_were_not_loaded(books, django_assert_max_num_queries):
    new = [CBBook(uid=uid, title="new") for uid in "ab"]
    assert CBBook.objects.bulk_update(new, ["title"]) == 2
    for book in (CBBook("a"), CBBook("b")):
        assert (book.title, book.pages, book.extra, book.rev[:2]) == (
            "new",
            1,
            {"x": book.uid},
            "2-",
        )
    assert CBBook("c").title == "old"


def test_what_is_not_there_is_not_counted(books):
    CBBook("b").hard_delete()
    new = [CBBook(uid=uid, title="new") for uid in ("a", "b", "nothing")]
    assert CBBook.objects.bulk_update(new, ["title"]) == 1
    with pytest.raises(CBBook.DoesNotExist):
        CBBook("b")


def test_what_is_of_another_class_is_refused(books, writer):
    with pytest.raises(SyncGatewayBulkError) as told:
        CBBook.objects.bulk_update([CBBook(uid=uid, title="new") for uid in "aw"], ["title"])
    assert list(told.value.errors) == ["w"]
    assert (CBBook("a").title, CBWriter("w").name) == ("new", "Ann")


def test_an_order_is_set(books):
    made = [CBChapter(uid=uid, book=books[0], channels=["c"]) for uid in ("x", "y", "z")]
    for chapter in made:
        chapter.save()
    assert list(books[0].get_cbchapter_order()) == ["x", "y", "z"]
    books[0].set_cbchapter_order(["z", "x", "y"])
    assert list(books[0].get_cbchapter_order()) == ["z", "x", "y"]
    assert CBChapter("z").get_next_in_order().uid == "x"


# ------------------------------------------------------------ what others of its write


def save_all(books):
    for book in books:
        book.title = "mine"
        book.save()
        assert (CBBook(book.uid).title, CBBook(book.uid).pages) == ("mine", 1)


def test_add(writer, books):
    writer.books.add(*books[:2])
    save_all(books)
    assert sorted(book.uid for book in writer.books.all()) == ["a", "b"]


def test_set_and_remove(writer, books):
    writer.books.set(books[:2])
    save_all(books)
    writer.books.set(books[1:])
    save_all(books[1:])
    assert sorted(book.uid for book in writer.books.all()) == ["b", "c"]
    writer.books.remove(books[1])
    books[1].writer = None
    save_all(books[1:])
    assert [book.uid for book in writer.books.all()] == ["c"]


def test_clear(writer, books):
    writer.books.add(*books)
    loaded = CBWriter.objects.prefetch_related("books").get()
    fetched = list(loaded.books.all())
    loaded.books.clear()
    for book in fetched:
        book.writer = None
    save_all(fetched)
    assert not writer.books.exists()


@pytest.mark.parametrize("bulk", [True, False])
def test_set_anew(writer, books, bulk):
    writer.books.set(books[:2], bulk=bulk)
    writer.books.set(iter(books[1:]), bulk=bulk, clear=True)
    save_all(books[1:])
    assert sorted(book.uid for book in writer.books.all()) == ["b", "c"]


def test_who_is_stale_stays_so(writer, books):
    CBBook.objects.filter(uid="a").update(pages=1)
    writer.books.add(books[0])
    books[0].title = "mine"
    with pytest.raises(SyncGatewayConflict):
        books[0].save()
    assert CBBook("a").writer_uid == "w"


def test_one_document_twice(books):
    book, other = books[0], CBBook("a")
    book.title, other.title = "first", "second"
    assert CBBook.objects.bulk_update([book, book, other, books[1]], ["title"]) == 2
    stored = SyncGateway.all_docs(["a"])["rows"][0]["doc"]
    assert (stored["title"], stored["_rev"]) == ("first", book.rev)  # as in Django
    assert other.rev == book.rev
    save_all([other])
