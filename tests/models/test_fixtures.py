"""Fixtures: dumpdata and loaddata, in every format, with documents."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from io import StringIO

import pytest
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import models
from django.test import TestCase, TransactionTestCase

from django_cbtools.models import CouchbaseModel, CouchbaseModelError, ForeignKey, registry
from django_cbtools.models.queryset import Documents
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.tests import clean_buckets
from tests.testapp.models import (
    Bookmark,
    CBArticle,
    CBAuthor,
    CBEverything,
    CBParcel,
    CBPlace,
    CBReview,
)

UTC = datetime.timezone.utc
FORMATS = ["json", "jsonl", "xml"]


def dumped(*labels, **options):
    output = StringIO()
    call_command("dumpdata", *labels, stdout=output, **options)
    return output.getvalue()


def entries(*labels, **options):
    return json.loads(dumped(*labels, **options))


def names(*labels, **options):
    return {(entry["model"], entry["pk"]) for entry in entries(*labels, **options)}


def stored(uid):
    """A document as the gateway has it, without what is the gateway's.

    Of its times, Django's JSON keeps milliseconds.
    """
    document = SyncGateway.all_docs([uid])["rows"][0]["doc"]
    return {
        key: value[:23] if key in ("created", "updated") else value
        for key, value in document.items()
        if key not in ("_id", "_rev", "_cv")
    }


@pytest.fixture
def documents(db):
    author = CBAuthor(uid="ann", name="Ann", channels=["c"])
    author.save()
    CBArticle(
        uid="a", title="Ä\n<&>", author=author, channels=["c", "d"], tags=["x", {"y": 1}],
        price=decimal.Decimal("1.50"), details={"k": [None]},
        published=datetime.datetime(2020, 5, 17, 12, 30, 15, 123000, tzinfo=UTC),
        extra={"color": "red", "author": "no field", "deep": {"er": [1, None]}},
    ).save()  # fmt: skip
    gone = CBArticle(uid="gone", title="gone", channels=["c"])
    gone.save()
    gone.delete()
    CBReview(uid="r", stars=5, channels=["c"]).save()
    CBEverything(
        uid="e", text="t", integer=2**60, real=0.1, boolean=True,
        moment=datetime.datetime(2020, 5, 17, 12, 30, 15, 7000, tzinfo=UTC),
        day=datetime.date(2020, 5, 17), hour=datetime.time(1, 2, 3, 7000),
        duration=datetime.timedelta(days=1, microseconds=7), amount=decimal.Decimal("10.2500"),
        key=uuid.UUID(int=7), binary=b"\x00\xff", json={"a": [1, None]}, address="10.0.0.1",
        file="a/b.txt", channels=["c"],
    ).save()  # fmt: skip
    CBParcel(
        uid="p", labels=["a"], days=[datetime.date(2020, 5, 17)], codes={1, 2},
        place=CBPlace(city="Oslo", extra={"zip": 1}), channels=["c"],
        stops=[CBPlace(city="Rome", since=datetime.date(2020, 5, 17))],
    ).save()  # fmt: skip
    Bookmark(pk=7, article=CBArticle("a"), note="n").save()


ALL = {
    ("testapp.cbauthor", "ann"), ("testapp.cbarticle", "a"), ("testapp.cbreview", "r"),
    ("testapp.cbeverything", "e"), ("testapp.cbparcel", "p"), ("testapp.bookmark", 7),
}  # fmt: skip
DELETED = ("testapp.cbarticle", "gone")


# -------------------------------------------------------------------- dumpdata


def test_an_app_stands_for_its_documents_too(documents):
    assert names("testapp") == ALL
    assert names("testapp", use_base_manager=True) == ALL | {DELETED}
    assert names("auth") & ALL == set()


def test_all_apps(documents):
    assert names() >= ALL
    assert names(exclude=["testapp"]) & ALL == set()
    assert names(exclude=["testapp.CBArticle"]) & ALL == ALL - {("testapp.cbarticle", "a")}


def test_by_model(documents):
    assert names("testapp.CBArticle") == {("testapp.cbarticle", "a")}
    assert names("testapp.cbarticle", use_base_manager=True) == {
        ("testapp.cbarticle", "a"), DELETED
    }  # fmt: skip
    assert names("testapp.CBAuthor", "testapp.Bookmark") == {
        ("testapp.cbauthor", "ann"), ("testapp.bookmark", 7)
    }  # fmt: skip


def test_pks(documents):
    assert names("testapp.CBArticle", primary_keys="a,nobody") == {("testapp.cbarticle", "a")}
    assert names("testapp.CBArticle", primary_keys="r") == set()
    for labels in [(), ("testapp",)]:
        with pytest.raises(CommandError, match="--pks option with one model"):
            dumped(*labels, primary_keys="a")


def test_what_an_entry_looks_like(documents):
    (entry,) = entries("testapp.CBArticle")
    assert entry["fields"]["title"] == "Ä\n<&>"
    assert entry["fields"]["author"] == "ann"
    assert entry["fields"]["channels"] == ["c", "d"]
    assert entry["fields"]["price"] == "1.50"
    assert entry["fields"]["extra"]["color"] == "red"


def test_output_into_a_file(documents, tmp_path):
    file = tmp_path / "all.json.gz"
    call_command("dumpdata", "testapp", output=str(file), use_base_manager=True)
    before = stored("a")
    clean_buckets()
    call_command("loaddata", str(file), verbosity=0)
    assert stored("a") == before


def test_wrong_labels_get_djangos_errors(db):
    for label in ("nowhere", "testapp.Nobody", "nowhere.CBArticle"):
        with pytest.raises(CommandError):
            dumped(label)


def test_without_an_orm_for_documents_the_rest_is_dumped(gateway_by_http, settings):
    CBAuthor(name="Ann", channels=["c"]).save()
    Bookmark(pk=7, note="n").save()
    left_out = [model._meta.label for model in registry.documents()]
    assert names("testapp", exclude=left_out) == {("testapp.bookmark", 7)}
    assert names("testapp.Bookmark") == {("testapp.bookmark", 7)}
    settings.DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
    assert names("testapp", exclude=left_out) == {("testapp.bookmark", 7)}
    for labels in [(), ("testapp",), ("testapp.CBAuthor",)]:
        with pytest.raises(CommandError, match=r"cannot be dumped: they are behind the gateway"):
            dumped(*labels)


# -------------------------------------------------------------------- loaddata


@pytest.fixture(params=FORMATS)
def fixture(request, documents, tmp_path):
    file = tmp_path / f"fixture.{request.param}"
    options = {"use_natural_foreign_keys": True, "use_natural_primary_keys": True}
    call_command(
        "dumpdata", "testapp", format=request.param, output=str(file), use_base_manager=True,
        **options,
    )  # fmt: skip
    return file


def test_round_trip_into_an_empty_database(fixture):
    uids = ["ann", "a", "gone", "r", "e", "p"]
    before = {uid: stored(uid) for uid in uids}
    clean_buckets()
    Bookmark.objects.all().delete()
    assert not CBArticle.all_objects.exists()
    call_command("loaddata", str(fixture), verbosity=0)
    assert {uid: stored(uid) for uid in uids} == before
    assert CBArticle.objects.get().extra["deep"] == {"er": [1, None]}
    assert CBArticle.all_objects.get(pk="gone").st_deleted
    assert Bookmark.objects.get().article == CBArticle("a")


def test_into_a_full_database_it_writes_on_top(fixture):
    before, revision = stored("a"), CBArticle("a").rev
    article = CBArticle("a")
    article.title, article.extra = "changed since", {"color": "blue"}
    article.save()
    CBArticle("gone").undelete()
    call_command("loaddata", str(fixture), verbosity=0)
    assert stored("a") == before
    generation = int(CBArticle("a").rev.partition("-")[0])
    assert generation == int(revision.partition("-")[0]) + 2
    assert CBArticle.all_objects.get(pk="gone").st_deleted


WRITTEN_BY_HAND = """[
  {"model": "testapp.cbarticle", "pk": "a",
   "fields": {"title": "first", "author": "ann", "channels": ["c"]}},
  {"model": "testapp.cbauthor", "pk": "ann", "fields": {"name": "Ann", "channels": ["c"]}}
]"""


@pytest.fixture
def by_hand(tmp_path):
    file = tmp_path / "by_hand.json"
    file.write_text(WRITTEN_BY_HAND)
    return str(file)


def test_written_by_hand_with_a_forward_reference(db, by_hand):
    call_command("loaddata", by_hand, verbosity=0)
    article = CBArticle.objects.get(author__name="Ann")
    assert (article.title, article.year_published, article.extra) == ("first", 2014, {})


def test_undeclared_keys_stay_where_a_fixture_has_none(db, by_hand):
    CBArticle(uid="a", title="old", channels=["c"], extra={"color": "red"}).save()
    call_command("loaddata", by_hand, verbosity=0)
    assert (CBArticle("a").title, CBArticle("a").extra) == ("first", {"color": "red"})


def test_a_document_in_no_channel_is_refused_and_nothing_is_loaded(db, tmp_path):
    file = tmp_path / "wrong.json"
    file.write_text(WRITTEN_BY_HAND.replace('"name": "Ann", "channels": ["c"]', '"name": "Ann"'))
    with pytest.raises(CouchbaseModelError, match="Empty channels"):
        call_command("loaddata", str(file), verbosity=0)
    assert not CBArticle.objects.exists()


def test_stdin(db, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO(WRITTEN_BY_HAND))
    call_command("loaddata", "-", format="json", verbosity=0)
    assert CBArticle.objects.count() == 1


def test_serializers_beside_commands(db):
    (loaded, _) = serializers.deserialize("json", WRITTEN_BY_HAND)
    loaded.save()
    text = serializers.serialize("json", CBArticle.objects.all(), fields=["title"])
    assert json.loads(text)[0]["fields"] == {"title": "first"}


class TagManager(Documents):
    def get_by_natural_key(self, name):
        return self.get(name=name)


class Tag(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    doc_type = "fixtures_tag"
    name = models.CharField(max_length=10)
    objects = TagManager()

    def natural_key(self):
        return (self.name,)


class Page(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    doc_type = "fixtures_page"
    tag = ForeignKey(Tag, null=True)


def test_natural_keys(db, tmp_path):
    tag = Tag(name="red", channels=["c"])
    tag.save()
    Page(uid="p", tag=tag, channels=["c"]).save()
    (page,) = serializers.serialize("python", Page.objects.all(), fields=["tag"])
    assert page["fields"] == {"tag": tag.uid}
    file = tmp_path / "natural.json"
    call_command(
        "dumpdata", "testapp", use_natural_foreign_keys=True, use_natural_primary_keys=True,
        output=str(file),
    )  # fmt: skip
    first, second = json.loads(file.read_text())
    assert "pk" not in first
    assert second["fields"]["tag"] == ["red"]
    call_command("loaddata", str(file), verbosity=0)
    assert Tag.objects.get() == tag
    clean_buckets()
    call_command("loaddata", str(file), verbosity=0)
    assert Page.objects.get().tag == Tag.objects.get(name="red")
    assert Tag.objects.get() != tag


class WithFixtures(TestCase):
    fixtures = ["articles"]

    def test_they_are_there(self):
        self.assertEqual(CBArticle.objects.get().author, CBAuthor("fixture_author"))
        CBArticle.objects.get().delete()

    def test_they_are_there_again(self):
        self.test_they_are_there()


class WithFixturesCommitted(TransactionTestCase):
    fixtures = ["articles"]

    def test_they_are_there(self):
        self.assertEqual(CBArticle.objects.get().author, CBAuthor("fixture_author"))
        CBArticle.objects.get().delete()

    def test_they_are_there_again(self):
        self.test_they_are_there()
