"""Writing documents by QuerySets: what is written, what is kept, what is refused."""

from __future__ import annotations

import datetime
import decimal

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import DatabaseError, IntegrityError, NotSupportedError, models, transaction
from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When
from django.db.models.deletion import ProtectedError, RestrictedError
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
    CouchbaseModel,
    DictField,
    DocumentExists,
    DocumentQuerySet,
    Documents,
    ForeignKey,
    ListField,
)
from django_cbtools.signals import cb_post_delete, cb_post_save, cb_pre_delete, cb_pre_save
from django_cbtools.sync_gateway import SyncGateway

UTC = datetime.timezone.utc
pytestmark = pytest.mark.django_db


class Shelf(models.Model):
    """An ordinary model, which documents point to."""

    name = models.CharField(max_length=20)


class BookQuerySet(DocumentQuerySet):
    def old(self):
        return self.filter(year__lt=1900)


class Writer(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_writer"

    name = models.CharField(max_length=50)
    born = models.IntegerField(null=True)


class Book(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_book"

    title = models.CharField(max_length=50)
    year = models.IntegerField(default=2000)
    price = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    published = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    tags = ListField(blank=True)
    details = DictField(blank=True)
    changed = models.DateTimeField(auto_now=True, null=True)
    writer = ForeignKey(Writer, models.CASCADE, null=True, related_name="books")
    editor = ForeignKey(Writer, models.SET_NULL, null=True, related_name="edited")
    reader = ForeignKey(Writer, models.SET_NULL, null=True, related_name="+")
    shelf = models.ForeignKey(Shelf, models.CASCADE, null=True, related_name="books")
    lent_from = models.ForeignKey(Shelf, models.SET_NULL, null=True, related_name="+")

    objects = Documents.from_queryset(BookQuerySet)()
    books = BookQuerySet.as_manager()


class Chapter(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_chapter"

    book = ForeignKey(Book, models.CASCADE, related_name="chapters")


class Award(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_award"

    writer = ForeignKey(Writer, models.PROTECT, related_name="awards")


class Review(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_review"

    chapter = ForeignKey(Chapter, models.RESTRICT, related_name="reviews")


class Mention(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "writes_mention"

    chapter = ForeignKey(Chapter, models.DO_NOTHING, related_name="mentions")


class Note(models.Model):
    """Ordinary rows, which point to documents."""

    writer = ForeignKey(Writer, models.CASCADE, related_name="notes")


class Loan(models.Model):
    writer = ForeignKey(Writer, models.SET_NULL, null=True, related_name="loans")


def stored(uid):
    return SyncGateway.all_docs([uid])["rows"][0].get("doc")


def rival(uid):
    """Somebody else writes the document."""
    document = stored(uid)
    SyncGateway.save_json(uid, {**document, "rival": True})


@pytest.fixture
def books():
    """Three books with a key of a phone's."""
    for number, (title, year) in enumerate([("Emma", 1815), ("Ulysses", 1922), ("Solaris", 1961)]):
        SyncGateway.save_json(
            f"b{number}",
            {"doc_type": "writes_book", "channels": ["c"], "title": title, "year": year,
             "price": f"{number}.50", "st_deleted": False, "color": "red", "tags": [title]},
        )  # fmt: skip
    return list(Book.objects.order_by("uid"))


@pytest.fixture
def sent(monkeypatch):
    """The uids of each bulk request."""
    requests = []
    bulk_docs = SyncGateway.bulk_docs

    def counting(docs):
        requests.append([doc["_id"] for doc in docs])
        return bulk_docs(docs)

    monkeypatch.setattr("django_cbtools.sync_gateway.documents.Documents.bulk_docs", counting)
    return requests


@pytest.fixture
def failing(monkeypatch):
    """``failing(n)``: the n-th bulk request and all behind it get no answer."""
    bulk_docs = SyncGateway.bulk_docs

    def failing(number):
        requests = []

        def bulk(docs):
            requests.append(docs)
            if len(requests) >= number:
                raise SyncGatewayUnavailable("no answer", reason="no answer")
            return bulk_docs(docs)

        monkeypatch.setattr("django_cbtools.sync_gateway.documents.Documents.bulk_docs", bulk)
        return requests

    return failing


@pytest.fixture
def signals():
    """Signals as they come: their names and the documents' uids."""
    heard = []
    listeners = []
    for name, signal in [
        ("pre_save", cb_pre_save),
        ("post_save", cb_post_save),
        ("pre_delete", cb_pre_delete),
        ("post_delete", cb_post_delete),
    ]:

        def listener(instance, name=name, **kwargs):
            heard.append((name, instance.uid))

        listeners.append((signal, listener))
        signal.connect(listener)
    yield heard
    for signal, listener in listeners:
        signal.disconnect(listener)


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
    monkeypatch.setattr("django_cbtools.models.bulk.BULK_COUNT", 1)
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

    monkeypatch.setattr("django_cbtools.sync_gateway.documents.Documents.bulk_docs", late)
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
    monkeypatch.setattr("django_cbtools.models.bulk.BULK_COUNT", 1)
    requests = failing(2)
    with pytest.raises(SyncGatewayBulkError, match="2 of 3 documents") as caught:
        Book.objects.update(title="new")
    assert caught.value.errors == dict.fromkeys(["b1", "b2"], caught.value.__cause__)
    assert type(caught.value.__cause__) is SyncGatewayUnavailable
    assert len(requests) == 2
    assert [stored(uid)["title"] for uid in ("b0", "b1", "b2")] == ["new", "Ulysses", "Solaris"]


def test_nothing_is_said_of_deletions_that_were_not_tried(books, failing, monkeypatch, signals):
    monkeypatch.setattr("django_cbtools.models.bulk.BULK_COUNT", 1)
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

        patch.setattr("django_cbtools.sync_gateway.documents.Documents.bulk_docs", late)
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
