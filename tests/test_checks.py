"""System checks of documents, and the test kit."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core import checks
from django.db import models

from django_cbtools.checks import check_documents
from django_cbtools.models import CouchbaseModel, ForeignKey, query_view
from tests.testapp.models import CBArticle, CBAuthor

# Django's checks of JSON fields ask the databases, all of them, what they can do.
pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def declared():
    """Takes back the documents that a test declares."""
    before = dict(apps.all_models["testapp"])
    yield
    apps.all_models["testapp"].clear()
    apps.all_models["testapp"].update(before)
    apps.clear_cache()


def ids(model):
    return {message.id for message in check_documents(None) if message.obj.model is model}


def test_the_projects_documents_pass():
    assert check_documents(None) == []
    assert checks.run_checks(tags=["models"]) == []


def test_many_to_many_is_refused(declared):
    class CBTagged(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        authors = models.ManyToManyField(CBAuthor)

    assert "cbtools.E001" in ids(CBTagged)


def test_documents_get_djangos_own_checks(declared):
    class CBClashing(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        title = models.CharField(max_length=-1)
        author = ForeignKey(CBAuthor, models.DO_NOTHING, related_name="articles")

    assert {"fields.E121", "fields.E304"} <= ids(CBClashing)


def test_couchbase_views_fixture(couchbase_views):
    saved = CBArticle(channels=["c"])
    saved.save()
    assert query_view("by_type", "article") == [saved.uid]
