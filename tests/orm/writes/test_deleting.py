"""Deleting documents by QuerySets: what goes, what is kept, what on_delete does."""

from __future__ import annotations

import pytest
from django.db.models.deletion import ProtectedError, RestrictedError

from django_cbtools.exceptions import (
    SyncGatewayBulkError,
    SyncGatewayConflict,
)
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.documents.documents import Documents
from tests.orm.writes.models import (
    Award,
    Book,
    Chapter,
    Loan,
    Mention,
    Note,
    Review,
    Shelf,
    Writer,
    rival,
    stored,
)

pytestmark = pytest.mark.django_db


# ------------------------------------------------------------ deleting, softly


def test_delete_is_soft_and_sends_signals(books, sent, signals):
    assert Book.objects.filter(year__gt=1900).delete() == (2, {"orm.Book": 2})
    assert sent == [["b1", "b2"]]
    assert [book.uid for book in Book.objects.all()] == ["b0"]
    assert Book.all_objects.count() == 3
    assert stored("b1")["st_deleted"] is True
    assert stored("b1")["color"] == "red"
    assert Book("b1").updated is not None
    assert [name for name, uid in signals if uid == "b1"] == [
        "pre_delete", "pre_save", "post_save", "post_delete",
    ]  # fmt: skip
    assert {uid for _, uid in signals} == {"b1", "b2"}
    rev = stored("b1")["_rev"]
    assert Book.all_objects.all().delete() == (1, {"orm.Book": 1})
    assert stored("b1")["_rev"] == rev
    assert Book.all_objects.all().delete() == (0, {})


def test_undelete(books, sent):
    books[1].delete()
    Book.objects.filter(pk="b2").delete()
    assert Book.objects.all().undelete() == 0
    assert Book.all_objects.all().undelete() == 2
    assert sent == [["b2"], ["b1", "b2"]]
    assert Book.objects.count() == 3
    books[0].delete()
    books[0].undelete()
    assert Book.objects.get(pk="b0") == books[0]
    assert not books[0].st_deleted


def test_delete_is_not_a_managers(books):
    for manager in (Book.objects, Book.all_objects, Book.books):
        for name in ("delete", "hard_delete", "undelete", "as_manager"):
            assert not hasattr(manager, name)


@pytest.fixture
def family():
    """A writer, whatever points to her, and another one with the same."""
    for name in ("ann", "bob"):
        writer = Writer.objects.create(uid=name, name=name, channels=["c"])
        book = Book.objects.create(uid=f"{name}-book", writer=writer, channels=["c"])
        Book.objects.create(uid=f"{name}-edited", editor=writer, reader=writer, channels=["c"])
        chapter = Chapter.objects.create(uid=f"{name}-chapter", book=book, channels=["c"])
        Mention.objects.create(uid=f"{name}-mention", chapter=chapter, channels=["c"])
        Note.objects.create(writer=writer)
        Loan.objects.create(writer=writer)
    return Writer("ann")


def left(manager="objects"):
    classes = (Writer, Book, Chapter, Mention, Award, Review)
    return {document.uid for cls in classes for document in getattr(cls, manager).all()}


BOBS = {"bob", "bob-book", "bob-edited", "bob-chapter", "bob-mention"}
SOFT = {
    "instance": lambda: Writer("ann").delete(),
    "queryset": lambda: Writer.objects.filter(name="ann").delete(),
}
HARD = {
    "instance": lambda: Writer("ann").hard_delete(),
    "queryset": lambda: Writer.objects.filter(name="ann").hard_delete(),
}


@pytest.mark.parametrize("how", SOFT)
def test_soft_deletion_cascades_softly(family, signals, how):
    assert SOFT[how]() == (3, {"orm.Writer": 1, "orm.Book": 1, "orm.Chapter": 1})
    assert left() == BOBS | {"ann-edited", "ann-mention"}
    assert left("all_objects") > BOBS | {"ann", "ann-book", "ann-chapter"}
    assert stored("ann-edited")["editor_uid"] is stored("ann-edited")["reader_uid"] is None
    assert stored("bob-edited")["editor_uid"] == "bob"
    assert {uid for name, uid in signals if name == "post_delete"} == {
        "ann", "ann-book", "ann-chapter",
    }  # fmt: skip
    # Nothing is deleted for real.
    assert Note.objects.count() == 2
    assert set(Loan.objects.values_list("writer_uid", flat=True)) == {None, "bob"}
    Writer("ann").undelete()
    assert Note.objects.get(writer="ann").writer == Writer("ann")


@pytest.mark.parametrize("how", [*SOFT.values(), *HARD.values()])
def test_what_is_deleted_itself_is_written_once(family, how):
    """Two relations lead to the writer: the one deletes, the other would only be emptied."""
    book = Book("ann-book")
    book.editor = family
    book.save()
    assert how()[1]["orm.Book"] == 1
    assert not Book.objects.filter(pk="ann-book").exists()


@pytest.mark.parametrize("how", HARD)
def test_hard_deletion_cascades_for_real(family, signals, how):
    Chapter("ann-chapter").delete()
    assert HARD[how]() == (
        4, {"orm.Writer": 1, "orm.Book": 1, "orm.Chapter": 1, "orm.Note": 1},
    )  # fmt: skip
    assert left() == left("all_objects") == BOBS | {"ann-edited", "ann-mention"}
    assert stored("ann") is stored("ann-book") is stored("ann-chapter") is None
    assert stored("ann-edited")["editor_uid"] is None
    assert [note.writer.uid for note in Note.objects.all()] == ["bob"]
    assert {uid for name, uid in signals if name == "pre_delete"} == {
        "ann", "ann-book", "ann-chapter",
    }  # fmt: skip


@pytest.mark.parametrize("how", SOFT)
def test_what_is_protected_stays(family, how):
    award = Award.objects.create(writer=family, channels=["c"])
    with pytest.raises(ProtectedError) as caught:
        SOFT[how]()
    assert caught.value.protected_objects == {award}
    assert len(left()) == 11
    with pytest.raises(ProtectedError):
        HARD[how]()
    # What is deleted softly may come back to its writer, unless she is deleted for real.
    award.delete()
    with pytest.raises(ProtectedError):
        HARD[how]()
    SOFT[how]()
    assert "ann" not in left()


@pytest.mark.parametrize("how", SOFT)
def test_what_is_restricted_stays(family, how):
    review = Review.objects.create(chapter=Chapter("ann-chapter"), channels=["c"])
    with pytest.raises(RestrictedError) as caught:
        SOFT[how]()
    assert caught.value.restricted_objects == {review}
    assert len(left()) == 11


def test_a_stale_document_is_not_deleted_and_nothing_with_it(family):
    stale = Writer("ann")
    rival("ann")
    for delete in (stale.delete, stale.hard_delete):
        with pytest.raises(SyncGatewayConflict):
            delete()
    assert len(left()) == 10
    assert Note.objects.count() == 2


def test_rows_stay_where_a_document_could_not_be_deleted(family):
    SyncGateway.save_json("cid", {"doc_type": "writes_writer", "channels": ["c"], "name": "ann"})
    note = Note.objects.create(writer_uid="ann")
    bulk = SyncGateway.bulk_docs
    with pytest.MonkeyPatch.context() as patch:

        def late(docs):
            if any(doc["_id"] == "ann" for doc in docs):
                rival("ann")
            return bulk(docs)

        patch.setattr(Documents, "bulk_docs", late)
        with pytest.raises(SyncGatewayBulkError) as caught:
            Writer.objects.filter(name="ann").hard_delete()
    assert list(caught.value.errors) == ["ann"]
    assert stored("cid") is None
    assert Note.objects.filter(pk=note.pk).exists()


def test_deleting_an_ordinary_row_deletes_its_documents_softly(books, signals):
    shelf, other = Shelf.objects.create(name="a"), Shelf.objects.create(name="b")
    Book.objects.filter(pk__in=["b0", "b1"]).update(shelf=shelf)
    Book.objects.filter(pk="b2").update(shelf=other, lent_from=shelf)
    Chapter.objects.create(uid="chapter", book=Book("b0"), channels=["c"])
    del signals[:]
    assert shelf.delete() == (4, {"orm.Shelf": 1, "orm.Book": 2, "orm.Chapter": 1})
    assert left() == {"b2"}
    assert {"b0", "chapter"} < left("all_objects")
    assert stored("b2")["lent_from"] is None
    assert stored("b2")["shelf"] == other.pk
    assert {uid for name, uid in signals if name == "pre_delete"} == {"b0", "b1", "chapter"}
    rev = stored("b2")["_rev"]
    Book.objects.filter(pk="b2").delete()
    assert stored("b2")["_rev"] != rev
    rev = stored("b2")["_rev"]
    assert Shelf.objects.all().delete() == (1, {"orm.Shelf": 1})
    assert stored("b2")["_rev"] == rev
    assert left() == set()


# ------------------------------------------------------------------- for real


def test_hard_delete_leaves_a_tombstone(books, sent):
    books[2].delete()
    assert Book.all_objects.filter(year__gt=1900).hard_delete() == (2, {"orm.Book": 2})
    assert sent == [["b1", "b2"]]
    assert [book.uid for book in Book.all_objects.all()] == ["b0"]
    assert SyncGateway.all_docs(["b1"])["rows"][0]["error"] == "not_found"
    with pytest.raises(SyncGatewayConflict):
        books[1].save()


def test_hard_delete_of_an_instance(books):
    book = books[0]
    assert book.hard_delete() == (1, {"orm.Book": 1})
    assert stored("b0") is None
    assert (book.uid, book.rev) == ("b0", None)
    with pytest.raises(ValueError, match="no revision"):
        book.hard_delete()
    book.save()
    assert stored("b0")["title"] == "Emma"
    assert stored("b0")["color"] == "red"


def test_hard_delete_needs_no_channels(books):
    SyncGateway.save_json("b9", {"doc_type": "writes_book", "title": "phone's"})
    assert Book.objects.filter(title="phone's").hard_delete() == (1, {"orm.Book": 1})
    assert stored("b9") is None
