"""Indexes of documents on SQLite: which queries use them, and that no document breaks one."""

from __future__ import annotations

import datetime
import decimal
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.db.models import Count, F, Q
from django.db.models.functions import Lower

from django_cbtools.models import CouchbaseModel, indexes, register_index
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle, CBAuthor, CBEverything

UTC = datetime.timezone.utc


class CBIndexed(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"
        indexes = [
            models.Index(fields=["country", "-height"], name="by_height"),
            models.Index(Lower("name"), name="lower_name"),
            models.Index("country", F("name").desc(), name="by_name"),
            models.Index(fields=["name"], name="drafts", condition=Q(is_draft=True)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["country", "code"], name="unique_code"),
        ]

    doc_type = "indexed"

    name = models.CharField(max_length=40)
    country = models.CharField(max_length=2, db_index=True)
    height = models.FloatField(null=True)
    code = models.SlugField(db_column="the code's 100%")
    is_draft = models.BooleanField(default=False)
    number = models.IntegerField(unique=True, null=True)


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(indexes, "_registered", {})


@pytest.fixture
def made(db):
    call_command("create_cb_indexes", verbosity=0)


INDEXED = CBIndexed.objects.all()
USED = {
    "a field of several": (INDEXED.filter(country="NO"), "by_|testapp_cbi_country"),
    "all of them": (INDEXED.filter(country="NO", height=3), "by_height"),
    "a range": (INDEXED.filter(country="NO", height__gt=3), "by_height"),
    "in": (INDEXED.filter(country__in=["NO", "DK"]), "by_|testapp_cbi_country"),
    "null": (INDEXED.filter(number=None), "testapp_cbi_number"),
    "soft-deleted ones too": (CBIndexed.all_objects.filter(number=3), "testapp_cbi_number"),
    "a range of soft-deleted ones too": (
        CBIndexed.all_objects.filter(number__lt=3), "testapp_cbi_number"),
    "order": (INDEXED.order_by("number"), "testapp_cbi_number"),
    "order, turned round": (INDEXED.order_by("-number")[:5], "testapp_cbi_number"),
    "order in the other direction": (
        INDEXED.filter(country="NO").order_by("-height"), "by_height"),
    "filter, not order": (
        INDEXED.filter(country="NO", code="x").order_by("number"), "unique_code"),
    "an expression": (INDEXED.annotate(lower=Lower("name")).filter(lower="a"), "lower_name"),
    "an ordered expression": (INDEXED.filter(country="NO").order_by("-name"), "by_name"),
    "a condition": (INDEXED.filter(is_draft=True, name="x"), "drafts"),
    "a slug": (INDEXED.filter(code="x"), "testapp_cbi_the cod"),
    "a key": (CBArticle.objects.filter(author="aut_1"), "testapp_cba_author_"),
    "a relation": (CBArticle.objects.filter(author__name="x"), "testapp_cba_author_"),
    "a relation backwards": (
        CBAuthor.objects.filter(articles__title="x", pk="aut_1"), "testapp_cba_author_"),
    "groups": (INDEXED.values("country").annotate(n=Count("pk")).order_by(), "by_|testapp_cbi_co"),
    "distinct values": (INDEXED.values("number").distinct(), "testapp_cbi_number"),
}  # fmt: skip


@pytest.mark.parametrize("case", USED)
def test_index_is_used(made, case):
    queryset, names = USED[case]
    plan = queryset.explain()
    assert any(f" cbtools_ix_{name}" in plan for name in names.split("|")), plan


@pytest.mark.parametrize(
    "queryset",
    [
        INDEXED.filter(name="x"),
        INDEXED.filter(is_draft=False, name="x"),
        CBArticle.objects.filter(title="x"),
    ],
    ids=["no condition", "another condition", "another class"],
)
def test_index_that_does_not_serve_is_not_used(made, queryset):
    assert "cbtools_ix_" not in queryset.explain()


def test_relation_backwards_is_not_searched_document_by_document(made):
    plan = CBAuthor.objects.filter(name="Ann", articles__title="x").explain()
    assert "cbtools_ix_testapp_cba_author_" in plan


def test_order_by_an_index_does_not_sort(made):
    assert "TEMP B-TREE" not in INDEXED.order_by("number").explain()
    assert "TEMP B-TREE" not in INDEXED.filter(country="NO").order_by("-height").explain()
    assert "TEMP B-TREE" not in INDEXED.values("country").annotate(n=Count("pk")).explain()
    assert "TEMP B-TREE" in INDEXED.order_by("name").explain()


# ----------------------------------------------------------------- each field

VALUES = {
    "text": "alpha", "integer": 2**40, "real": 1.5, "boolean": True,
    "moment": datetime.datetime(2020, 5, 17, 12, 30, 15, 500_000, tzinfo=UTC),
    "day": datetime.date(2020, 1, 1), "hour": datetime.time(1, 0, 0, 7),
    "duration": datetime.timedelta(seconds=1), "amount": decimal.Decimal("9.5"),
    "key": uuid.UUID(int=1), "address": "10.0.0.1", "file": "a.txt",
}  # fmt: skip

#: Of what a phone may write in place of a value: what SQLite's functions of dates and numbers do
#: not take for what it looks like, or take for the time that it is.
HOSTILE = [
    "now", "NOW", " now ", "now+01:00", "now.5", "nowZ", "subsec", "subsecond", "localtime", "utc",
    "2020-01-01T00:00:00now", "2020-01-01 00:00:00 localtime", "+1 day", "12:00", "12:00now",
    "2451545", "2451545.5", "-1", "1e999", "9" * 400, "", " ", "\u0000", "a\u0000b", "'", '"', "%s",
    "%", "\ud7ff\ue000\U0001f6eb", "x" * 100_000, "2020-02-30", "0000-00-00", "-4713-11-24",
    "true", "null", "[]", "{}", 0, -1, 1.5, 1e308, -1e308, 2**63, -(2**63), 10**30, True, False,
    None, [], {}, ["now"], {"now": "now"}, [[[[["now"]]]]], [None] * 1000,
]  # fmt: skip


@pytest.fixture
def everything(db):
    register_index(CBEverything, *VALUES, "json", "channels", "created", "updated")
    register_index(CBEverything, *(["boolean", f"-{name}"] for name in VALUES if name != "boolean"))
    call_command("create_cb_indexes", verbosity=0)


@pytest.mark.parametrize("name", VALUES)
def test_each_type_of_field_is_indexed(everything, name):
    CBEverything(uid="it", channels=["c"], **VALUES).save()
    CBEverything(uid="other", channels=["c"]).save()
    for found in (
        CBEverything.objects.filter(**{name: VALUES[name]}),
        CBEverything.all_objects.filter(**{f"{name}__gte": VALUES[name]}),
    ):
        plan = found.explain()
        assert f"cbtools_ix_testapp_cbe_{name[:7]}" in plan or "cbtools_ix_testapp_cbe_bool" in plan
        assert [document.uid for document in found] == ["it"]
    ordered = CBEverything.objects.order_by(name)
    assert f"cbtools_ix_testapp_cbe_{name[:7]}" in ordered.explain()
    assert [document.uid for document in ordered] == ["other", "it"]


def test_binary_data_cannot_be_indexed(db):
    """Whoever has the file without our functions could not write documents any more."""
    register_index(CBEverything, "binary")
    with pytest.raises(CommandError, match="an index cannot have the BinaryField 'binary' in it"):
        call_command("create_cb_indexes", verbosity=0)


def test_no_document_breaks_an_index(everything):
    """A value that an index cannot take would keep the document from being saved at all."""
    names = [*VALUES, "json", "binary", "created", "updated"]
    documents = [
        {"doc_type": "cbeverything", "channels": ["c"], "_id": f"{number}", **values}
        for number, values in enumerate(
            values
            for value in HOSTILE
            for values in (dict.fromkeys(names, value), *({name: value} for name in names))
        )
    ]
    saved = SyncGateway.bulk_docs(documents)
    assert [row for row in saved if "rev" not in row] == []
    everyone = {document["_id"] for document in documents}
    for name in names:
        found = CBEverything.all_objects.order_by(name).values_list("pk", flat=True)
        assert set(found) == everyone
    # Changed, they are taken out of the indexes again.
    changed = [
        {**document, **dict.fromkeys(names), "_rev": row["rev"]}
        for document, row in zip(documents, saved, strict=True)
    ]
    assert [row for row in SyncGateway.bulk_docs(changed) if "rev" not in row] == []
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        assert cursor.fetchall() == [("ok",)]
