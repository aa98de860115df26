"""Names and values, however they are written, are never taken for SQL."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.apps import apps
from django.core.exceptions import FieldError
from django.db import connection, models
from django.db.models import Count, F, Q, Value
from django.db.models.functions import Concat
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools.models import CouchbaseModel
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle

HOSTILE = [
    "'", '"', "`", "%", "%s", "%(a)s", "%%", "\\", "\\'", '\\"', ";", "--", "/*", "]", "[0]",
    ".", "$", "?", ":a", "@a", "{value}", "{0}", "{", "\n", "\t", " ", "a b", "é", "🎈", "#",
    "x'); DROP TABLE cbtools_documents; --", "' OR '1'='1", '" OR "1"="1',
    "1) UNION SELECT body FROM x --", "NULL",
    "select", "uid", "body", "doc_type",
]  # fmt: skip
# Django 6.1 is about to refuse such an alias.
pytestmark = pytest.mark.filterwarnings("ignore:Using percent signs in a column alias")

#: What SQL has no way to write, or Django refuses.
NUL = "a\x00b"


def names():
    return pytest.mark.parametrize("hostile", HOSTILE)


def document_class(hostile_key="title", hostile_type="quoting"):
    class Quoted(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        doc_type = hostile_type

        title = models.CharField(max_length=100, null=True, db_column=hostile_key)
        number = models.IntegerField(default=0)

    return Quoted


@pytest.fixture(autouse=True)
def unregistered():
    """Other tests look at all classes there are, which hostile ones would not pass."""
    yield
    apps.all_models["testapp"].pop("quoted", None)
    apps.clear_cache()


def count():
    """All documents, by the gateway."""
    return len(SyncGateway.all_docs(None, really_all=True)["rows"])


@names()
def test_values(db, hostile):
    CBArticle(uid="a", channels=["c"], title=hostile).save()
    CBArticle(uid="b", channels=["c"], title="other", details={"k": hostile}).save()
    objects = CBArticle.objects
    assert objects.get(title=hostile).uid == "a"
    for lookup in ("contains", "startswith", "endswith", "iexact", "in"):
        value = [hostile] if lookup == "in" else hostile
        assert objects.get(**{f"title__{lookup}": value}, uid="a").uid == "a"
    assert objects.exclude(title=hostile).get().uid == "b"
    assert objects.get(details__k=hostile).uid == "b"
    assert objects.get(details__k__startswith=hostile).uid == "b"
    assert not objects.filter(uid=hostile).exists()
    assert objects.annotate(x=Value(hostile)).values_list("x", flat=True)[0] == hostile
    found = objects.annotate(x=Concat("title", Value(hostile))).get(uid="a")
    assert found.x == hostile * 2
    assert objects.filter(uid="a").update(title=hostile + "2") == 1
    assert objects.get(uid="a").title == hostile + "2"
    assert count() == 2


@names()
def test_keys_of_json(db, hostile):
    CBArticle(uid="a", channels=["c"], details={hostile: 1}, extra={f"x{hostile}": 2}).save()
    CBArticle(uid="b", channels=["c"], details={"other": 1}).save()
    objects = CBArticle.objects
    found = objects.filter(**{f"details__{hostile}": 1})
    if '"' in hostile or hostile == "\\":  # SQLite finds no such key
        assert {one.uid for one in found} <= {"a"}
    else:
        assert [one.uid for one in found] == ["a"]
        assert objects.get(details__has_key=hostile).uid == "a"
        assert objects.get(**{f"extra__x{hostile}": 2}).uid == "a"
    list(objects.order_by(f"details__{hostile}"))
    list(objects.values_list(F(f"details__{hostile}"), flat=True))
    with suppress(ValueError):  # Django allows no such alias
        list(objects.values(f"details__{hostile}"))
    assert count() == 2


#: What SQLite's paths cannot say.
UNSAID = [text for text in HOSTILE if text in ("\n", "\t") or '"' in text or "\\" in text]


@pytest.mark.parametrize("hostile", [text for text in HOSTILE if text not in UNSAID])
def test_keys_of_fields(db, hostile):
    model = document_class(hostile_key=hostile)
    if hostile in ("uid", "doc_type"):
        return  # it is there already: another field, or class
    model(uid="a", channels=["c"], title="t", number=1).save()
    model(uid="b", channels=["c"], title="u").save()
    assert SyncGateway.all_docs(["a"])["rows"][0]["doc"][hostile] == "t"
    objects = model.objects
    assert objects.get(title="t").number == 1
    assert objects.get(title__contains="t", number=1).title == "t"
    assert list(objects.order_by("-title").values_list("title", flat=True)) == ["u", "t"]
    assert list(objects.values("title").annotate(n=Count("uid")).order_by("title")) == [
        {"title": "t", "n": 1},
        {"title": "u", "n": 1},
    ]
    assert objects.filter(title=F("title"), number__in=[1]).count() == 1
    assert objects.filter(Q(title="t") | Q(number=5)).update(number=2) == 1
    assert objects.aggregate(x=models.Max("title"), n=models.Sum("number")) == {"x": "u", "n": 2}


@names()
def test_doc_types(db, hostile):
    model = document_class(hostile_type=hostile)
    CBArticle(uid="z", channels=["c"], title="t").save()
    model(uid="a", channels=["c"], title="t", number=1).save()
    assert model.objects.get().uid == "a"
    assert model.objects.get(title="t", number=1).uid == "a"
    assert model.objects.filter(title__contains="%").count() == 0


@names()
def test_names_of_buckets(db, settings, hostile):
    CBArticle(uid="z", channels=["c"], title="t").save()
    settings.SYNC_GATEWAY_BUCKET = hostile
    assert list(CBArticle.objects.all()) == []
    assert not CBArticle.objects.filter(title__contains="t").exists()


@names()
def test_aliases(db, hostile):
    CBArticle(uid="a", channels=["c"], title="t").save()
    objects = CBArticle.objects
    for ask in (
        lambda: list(objects.annotate(**{hostile: F("title")}).values(hostile)),
        lambda: list(objects.alias(**{hostile: F("title")}).order_by(hostile)),
        lambda: objects.aggregate(**{hostile: Count("uid")}),
        lambda: list(objects.values(**{hostile: F("title")})),
        lambda: list(objects.order_by(hostile)),
        lambda: list(objects.order_by(f"-{hostile}")),
        lambda: list(objects.values(hostile)),
        lambda: list(objects.filter(**{hostile: "t"})),
        lambda: list(objects.filter(**{f"title__{hostile}": "t"})),
        lambda: list(objects.extra(select={hostile: "1"})) if hostile.isidentifier() else None,
    ):
        try:
            found = ask()
        except (FieldError, ValueError, TypeError):
            continue  # Django knows no such field, or allows no such name
        assert found in (None, []) or len(found) == 1
    assert count() == 1


def test_nul(db):
    CBArticle(uid="a", channels=["c"], title=NUL, details={NUL: 1}).save()
    assert CBArticle("a").title == NUL
    assert not CBArticle.objects.filter(title="ab").exists()
    assert not CBArticle.objects.filter(**{f"details__{NUL}": 2}).exists()
    assert not CBArticle.objects.filter(uid=NUL).exists()
    assert count() == 1


@given(hostile=st.text(max_size=12))
def test_any_text(django_db_setup, django_db_blocker, hostile):
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cbtools_documents")
        before = cursor.fetchone()
        list(CBArticle.objects.filter(title__contains=hostile, details__k=hostile)[:1])
        list(CBArticle.objects.filter(**{f"details__x{hostile}": hostile})[:1])
        list(CBArticle.objects.order_by(f"details__x{hostile}")[:1])
        cursor.execute("SELECT count(*) FROM cbtools_documents")
        assert cursor.fetchone() == before
