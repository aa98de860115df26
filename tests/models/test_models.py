"""Documents: making, saving, loading, deleting, and their JSON."""

from __future__ import annotations

import copy
import datetime
import decimal
import io
import json
import logging
import pickle
import uuid

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import models
from django.db.migrations.state import ProjectState
from django.forms import modelform_factory
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from django_cbtools.exceptions import UnknownFieldWarning
from django_cbtools.models import (
    CHANNEL_PUBLIC,
    CouchbaseModel,
    CouchbaseModelError,
    dt2ts,
    load_objects,
    load_objects_dict,
    load_related_objects,
    st2dt,
    try_else_return_none_obj,
)
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import (
    Bookmark,
    CBArticle,
    CBAuthor,
    CBEverything,
    CBJob,
    CBPayment,
    CBRegistered,
    CBReview,
)

UTC = datetime.timezone.utc


def article(**kwargs):
    saved = CBArticle(**{"title": "Couchbase & You", "channels": ["public"], **kwargs})
    saved.save()
    return saved


# ------------------------------------------------------------------- identity


def test_new_document_has_no_uid():
    with pytest.warns(UnknownFieldWarning):
        document = CBArticle(title="t", unknown="ignored")
    assert (document.uid, document.rev, document.channels) == (None, None, [])
    assert document.is_new()
    assert not hasattr(document, "unknown")


def test_get_uid_makes_one_and_keeps_it():
    document = CBArticle()
    uid = document.get_uid()
    assert uid.startswith("atl_")
    assert len(uid) == len("atl_") + 22
    assert document.get_uid() == uid
    assert CBArticle(uid_prefix="xyz").get_uid().startswith("xyz_")


def test_equality_is_djangos():
    one, other = CBArticle(), CBArticle()
    assert one != other
    assert one.uid is None
    with pytest.raises(TypeError):
        hash(one)
    assert CBArticle(uid="a") == CBArticle(uid="a")
    assert CBArticle(uid="a") != CBReview(uid="a")


def test_mutable_defaults_are_not_shared():
    CBArticle().channels.append("x")
    assert CBArticle().channels == []


# --------------------------------------------------------------------- saving


def test_document_without_doc_type_loads_by_key_only(db):
    SyncGateway.save_json("odd", {"title": "x"})
    assert CBArticle("odd").title == "x"
    assert not CBArticle.objects.filter(title="x").exists()


def test_delete_is_soft(db):
    saved = article()
    saved.delete()
    loaded = CBArticle(saved.uid)
    assert loaded.st_deleted
    assert not CBArticle.objects.filter(uid=saved.uid).exists()
    assert CBArticle.all_objects.get(uid=saved.uid) == saved


def test_tombstone_does_not_exist_and_can_be_made_again(db):
    saved = article()
    SyncGateway.delete_document(saved.uid, saved.rev)
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle(saved.uid)
    again = CBArticle(uid=saved.uid, channels=["c"])
    again.save()
    assert again.rev.startswith("3-")


def test_refresh_from_db(db):
    saved = article()
    other = CBArticle(saved.uid)
    other.title, other.extra["new"] = "changed", 1
    other.save()
    saved.refresh_from_db(fields=["year_published"])
    assert saved.title == "Couchbase & You"
    saved.refresh_from_db()
    assert (saved.title, saved.rev, saved.extra) == ("changed", other.rev, {"new": 1})


# ----------------------------------------------------------------------- JSON


def test_json_of_a_document(db):
    moment = datetime.datetime(2020, 2, 29, 1, 2, 3, 4, tzinfo=UTC)
    document = CBArticle(title="t", channels=["c"], published=moment, price="1.20")
    document.author_uid = "aut_1"
    assert document.to_dict() == {
        "doc_type": "article",
        "channels": ["c"],
        "created": None,
        "updated": None,
        "st_deleted": False,
        "title": "t",
        "year_published": 2014,
        "is_draft": True,
        "author_uid": "aut_1",
        "published": "2020-02-29T01:02:03.000004+00:00",
        "price": "1.20",
        "tags": [],
        "details": {},
    }
    assert json.loads(document.to_json()) == document.to_dict()


VALUES = {
    "text": "é\u2028<&>\x00🍺",
    "integer": 2**62,
    "real": 0.1,
    "boolean": False,
    "moment": datetime.datetime(2021, 3, 4, 5, 6, 7, 800009, tzinfo=UTC),
    "day": datetime.date(2021, 3, 4),
    "hour": datetime.time(5, 6, 7, 8),
    "duration": datetime.timedelta(days=3, microseconds=7),
    "amount": decimal.Decimal("12345678.1200"),
    "key": uuid.UUID("12345678123456781234567812345678"),
    "binary": b"\x00\xff",
    "json": {"a": [1, None, {"b": "c"}]},
    "address": "2001:db8::1",
}


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back(db, name):
    saved = CBEverything(channels=["c"], **{name: VALUES[name]})
    saved.save()
    by_key = CBEverything(saved.uid)
    by_orm = CBEverything.objects.get(uid=saved.uid)
    assert getattr(by_key, name) == getattr(by_orm, name) == VALUES[name]
    assert type(getattr(by_key, name)) is type(VALUES[name])


def test_file_is_stored_and_its_name_kept(db, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    saved = CBEverything(channels=["c"], file=ContentFile(b"x", name="a.txt"))
    saved.save()
    assert SyncGateway.all_docs([saved.uid])["rows"][0]["doc"]["file"] == "a.txt"
    with CBEverything(saved.uid).file.open() as file:
        assert file.read() == b"x"


WRONG = {
    "a": 1, "moment": "yesterday", "amount": [1], "integer": "many", "boolean": "maybe",
    "day": 5, "duration": "long", "key": "k", "binary": "%", "real": {}, "text": 5,
}  # fmt: skip


def test_a_phones_values_of_other_types_are_kept_and_written_back(db, caplog):
    SyncGateway.save_json("odd", {"doc_type": "cbeverything", "channels": ["c"], **WRONG})
    with caplog.at_level(logging.WARNING):
        loaded = CBEverything("odd")
    assert "odd" in caplog.text
    assert loaded.moment == "yesterday"
    assert loaded.extra == {"a": 1}
    loaded.text = "five"
    loaded.save()
    stored = SyncGateway.all_docs(["odd"])["rows"][0]["doc"]
    assert {key: stored[key] for key in WRONG} == {**WRONG, "text": "five"}
    assert list(CBEverything.objects.filter(integer__gt=1)) == []
    assert CBEverything.objects.get(text="five").day == 5


class TestUnknownKeys(HypothesisTestCase):
    @given(
        st.dictionaries(
            st.text(min_size=1).filter(lambda key: not key.startswith("_")),
            st.recursive(
                st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=5,
            ),
        )
    )
    def test_survive_a_save(self, extra):
        known = CBAuthor(channels=["c"]).to_dict()
        extra = {key: value for key, value in extra.items() if key not in known}
        extra = json.loads(json.dumps(extra).encode("utf-8", "replace"))
        try:
            json.dumps(extra, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return
        SyncGateway.save_json("a", {**known, **extra, "_rev": self.rev()})
        loaded = CBAuthor("a")
        loaded.name = "changed"
        loaded.save()
        stored = SyncGateway.all_docs(["a"])["rows"][0]["doc"]
        assert {key: stored[key] for key in extra} == extra
        assert CBAuthor("a").extra == extra

    def rev(self):
        row = SyncGateway.all_docs(["a"])["rows"][0]
        return row["value"]["rev"] if "value" in row else ""


def test_from_dict_touches_only_what_it_is_given():
    document = CBArticle(title="t", price=decimal.Decimal("1"))
    document.from_dict({"title": "u"})
    assert (document.title, document.price) == ("u", decimal.Decimal("1"))


def test_nested_models(db):
    job = CBJob(title="t", channels=["c"])
    job.payments = [CBPayment(amount=decimal.Decimal("12.34")), CBPayment(uid="preset")]
    job.save()
    loaded = CBJob(job.uid)
    assert [payment.amount for payment in loaded.payments] == [decimal.Decimal("12.34"), None]
    assert loaded.payments[1].uid == "preset"
    assert set(loaded.payments[0].to_dict()) == {
        "amount", "uid", "created", "updated", "st_deleted",
    }  # fmt: skip
    loaded.save()
    assert [payment.uid for payment in CBJob(job.uid).payments] == [
        payment.uid for payment in job.payments
    ]
    for refused in (CBPayment().save, lambda: CBPayment().load("x")):
        with pytest.raises(CouchbaseModelError):
            refused()


@pytest.mark.parametrize("start", [None, "", 5, ["v"]])
def test_references_lists(start):
    document = CBArticle()
    if start is not None:
        document.some_key = start
    document.append_to_references_list("some_key", "v")
    document.append_to_references_list("some_key", "v")
    assert document.get_references_list("some_key") == ["v"]
    document.delete_from_references_list("some_key", "v")
    document.delete_from_references_list("some_key", "v")
    assert document.some_key == []


def test_channels():
    document = CBArticle()
    document.append_channel(CHANNEL_PUBLIC)
    document.append_channel(CHANNEL_PUBLIC)
    assert document.channels == ["public"]
    document.clear_channels()
    assert document.channels == []


# --------------------------------------------------------------------- loading


def test_load_objects(db, caplog):
    first, second = article(), article()
    assert load_objects([second.uid, "missing", first.uid], CBArticle) == [second, first]
    assert "missing" in caplog.text
    assert load_objects_dict([first.uid], CBArticle) == {first.uid: first}
    for nothing in (None, "", []):
        assert load_objects(nothing, CBArticle) == []
    assert try_else_return_none_obj("missing", CBArticle) is None
    assert try_else_return_none_obj(first.uid, CBArticle) == first


def test_load_related_objects_takes_one_request(db, django_assert_num_queries):
    authors = [CBAuthor(name=str(n), channels=["c"]) for n in range(3)]
    CBAuthor.objects.bulk_create(authors)
    articles = [article(author=author) for author in authors]
    articles += [article(), article(author_uid="aut_gone")]
    articles = load_objects([a.uid for a in articles], CBArticle)
    with django_assert_num_queries(3):
        load_related_objects(articles, "author", CBAuthor)
    assert [a.author for a in articles] == [*authors, None, None]
    assert articles[4].author_uid == "aut_gone"


def test_forward_relation_goes_by_key(db):
    author = CBAuthor(name="Ann", channels=["c"])
    author.save()
    saved = article(author=author)
    assert CBArticle(saved.uid).author == author
    assert CBArticle(saved.uid).author.name == "Ann"
    dangling = article(author_uid="aut_gone")
    with pytest.raises(CBAuthor.DoesNotExist):
        assert dangling.author


@pytest.mark.parametrize(
    "wrong", [{"title": "x" * 46}, {"price": "1234567890.12"}, {"price": "0.123"}], ids=str
)
def test_fields_keep_their_validators(wrong):
    with pytest.raises(ValidationError) as caught:
        CBArticle(channels=["c"], **wrong).full_clean()
    assert set(caught.value.message_dict) == set(wrong)


def test_validation_of_relations_goes_by_key(gateway_by_http):
    author = CBAuthor(name="Ann", channels=["c"])
    author.save()
    CBArticle(author=author, channels=["c"]).full_clean()
    with pytest.raises(ValidationError, match="aut_gone"):
        CBArticle(author_uid="aut_gone", channels=["c"]).full_clean()


def test_model_form(db):
    author = CBAuthor(name="Ann", channels=["c"])
    author.save()
    form_class = modelform_factory(CBArticle, fields="__all__")
    assert set(form_class.base_fields) == {
        "title", "year_published", "is_draft", "author", "published", "price", "tags", "details",
    }  # fmt: skip
    form = form_class({"title": "t", "year_published": "1999", "author": author.uid})
    form.instance.append_channel("c")
    assert form.is_valid(), form.errors
    saved = form.save()
    assert CBArticle(saved.uid).author == author
    assert CBArticle(saved.uid).year_published == 1999
    bad = form_class({"title": "x" * 46, "year_published": "n", "author": "aut_gone"})
    assert set(bad.errors) == {"title", "year_published", "author"}


def test_dates_helpers():
    moment = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert st2dt(dt2ts(moment)) == moment
    assert dt2ts(moment.replace(tzinfo=None)) == dt2ts(moment)
    assert abs(dt2ts() - dt2ts(datetime.datetime.now(UTC))) <= 1


# ------------------------------------------------------------------ the classes


def test_documents_stay_out_of_migrations(db, tmp_path):
    assert ("testapp", "cbarticle") not in ProjectState.from_apps(apps).models
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
    told = io.StringIO()
    call_command("migrate", stdout=told)
    assert "not yet reflected" not in told.getvalue()


def test_documents_are_models_of_their_app():
    assert apps.get_model("testapp", "CBArticle") is CBArticle
    assert CBArticle in apps.get_models()
    assert CBArticle in apps.get_app_config("testapp").get_models()
    assert not CBArticle._meta.auto_created
    assert CBPayment not in apps.get_models()


def test_migrations_do_not_see_documents_of_apps_without_migrations():
    class Parent(CouchbaseModel):
        class Meta:
            abstract = True

    class Child(Parent):
        class Meta:
            abstract = True

    assert Child._meta.app_label == "django_cbtools"
    assert ProjectState(real_apps={"django_cbtools"}).apps.get_models() == []


def test_registered_document_is_in_the_registry():
    assert CBRegistered in apps.get_models()
    assert CBRegistered._meta.managed is False


def test_inheritance_copies_fields(db):
    assert issubclass(CBReview, CBArticle)
    assert CBReview._meta.parents == {}
    review = CBReview(title="t", stars=5, channels=["c"])
    review.save()
    assert CBReview.objects.get(stars=5, title="t") == review
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle(review.uid)
    assert issubclass(CBReview.DoesNotExist, CBArticle.DoesNotExist)


def test_reverse_names_stay_with_their_declarer(db):
    names = {rel.get_accessor_name() for rel in CBAuthor._meta.related_objects}
    assert names == {"articles"}


def test_pickle_and_copy(db):
    saved = article(price="1.10", extra={"a": [1]})
    loaded = CBArticle(saved.uid)
    for other in (pickle.loads(pickle.dumps(loaded)), copy.copy(loaded), copy.deepcopy(loaded)):
        assert other.to_dict() == loaded.to_dict()
        assert other.rev == loaded.rev


def test_redeclaring_in_a_function_is_no_problem(db):
    for title in ("first", "second"):

        class Local(CouchbaseModel):
            class Meta:
                abstract = True

            name = models.CharField(max_length=10)

        document = Local(name=title, channels=["c"])
        document.save()
        assert Local.objects.get(name=title) == document


def test_ordinary_model_points_to_a_document(db):
    saved = article()
    name, path, _, kwargs = Bookmark._meta.get_field("article").deconstruct()
    assert (name, path) == ("article", "django.db.models.CharField")
    assert kwargs["db_column"] == "article_uid"
    bookmark = Bookmark.objects.create(article=saved, note="n")
    assert Bookmark.objects.get(article__title="Couchbase & You") == bookmark
    assert Bookmark.objects.get().article == saved
