"""Document classes, and what Django knows of them."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models
from django.db.migrations.state import ProjectState

from django_cbtools.models import CouchbaseModel
from tests.models.articles import article
from tests.testapp.models import Bookmark, CBArticle, CBAuthor, CBPayment, CBRegistered, CBReview


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
