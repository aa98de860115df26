"""System checks of documents."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.db import models

from django_cbtools.checks import check_documents
from django_cbtools.models import (
    AttachmentField,
    BlobField,
    CouchbaseModel,
    CouchbaseNestedModel,
    ForeignKey,
)
from tests.checks.found import OTHERS, ids, ours
from tests.testapp.models import CBArticle, CBAuthor, CBPayment

# Django's checks of JSON fields ask the databases, all of them, what they can do.
pytestmark = pytest.mark.django_db(databases="__all__")


def test_the_projects_documents_pass():
    assert [message for message in check_documents(None) if message.id not in OTHERS] == []
    found = checks.run_checks(tags=["models"])
    assert [message for message in found if message.id not in OTHERS] == []


def test_many_to_many_is_refused(declared):
    class CBTagged(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        authors = models.ManyToManyField(CBAuthor)

    assert "cbtools.E001" in ids(CBTagged)


def test_fields_with_the_names_of_the_librarys(declared):
    class CBOverridden(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        rev = models.IntegerField(default=1)
        channels = models.CharField(max_length=5)
        created = models.DateField()
        extra = models.CharField(max_length=5)

    assert ids(CBOverridden) >= {"cbtools.E009"}
    found = [message.msg for message in ours() if message.obj is CBOverridden]
    assert [name for name in ("rev", "created", "extra") if f"The field {name} " in str(found)] == [
        "rev",
        "extra",
    ]


def test_what_a_table_would_compute_is_refused(declared):
    class CBComputed(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        number = models.IntegerField(default=1)
        double = models.GeneratedField(
            expression=models.F("number") * 2,
            output_field=models.IntegerField(),
            db_persist=True,
        )
        made = models.CharField(max_length=10, db_default="made")

    messages = check_documents(None)
    computed = [each.obj.name for each in messages if each.id == "cbtools.E010"]
    assert computed == ["double", "made"]


def test_attachments_of_parts_are_refused(declared):
    class CBPart(CouchbaseNestedModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        photo = BlobField()
        scan = AttachmentField()
        plain = models.FileField()

    messages = check_documents(None)
    refused = [each.obj.name for each in messages if each.id == "cbtools.E030"]
    assert refused == ["photo", "scan"]


@pytest.mark.parametrize("key", ['a"b', "a\\b", "a\nb", "a\x00b"])
def test_keys_that_sql_cannot_read_are_refused(declared, key):
    class CBKeyed(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        fine = models.IntegerField(db_column="it's 100% fine: ÿ")
        number = models.IntegerField(db_column=key)

    found = [each.obj for each in check_documents(None) if each.id == "cbtools.E011"]
    assert found == [CBKeyed._meta.get_field("number")]


def test_documents_get_djangos_own_checks(declared):
    class CBClashing(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        title = models.CharField(max_length=-1)
        author = ForeignKey(CBAuthor, models.DO_NOTHING, related_name="articles")

    found = checks.run_checks(tags=[checks.Tags.models])
    said = [message.id for message in found if getattr(message.obj, "model", None) is CBClashing]
    assert {"fields.E121", "fields.E304"} <= set(said)
    assert len(said) == len(set(said))


def test_our_relation_to_an_ordinary_model_is_refused(declared):
    class CBOfARow(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        owner = ForeignKey(User, models.CASCADE, related_name="+")

    (message,) = (found for found in ours() if found.id == "cbtools.E029")
    assert message.obj is CBOfARow._meta.get_field("owner")
    assert "auth.User" in message.msg


class _Meta:
    abstract = True
    app_label = "testapp"


def _declare(base, **body):
    return type(base)("CBOther", (base,), {"__module__": __name__, "Meta": _Meta, **body})


@pytest.mark.parametrize(
    ("base", "body"),
    [
        (CouchbaseModel, {"doc_type": "article"}),
        (CBAuthor, {"doc_type": "article"}),
        # It has forgotten to say that it is another.
        (CBArticle, {"stars": models.IntegerField(null=True)}),
        # Its default is the name of the class.
        (CouchbaseModel, {"doc_type": "cbeverything"}),
    ],
    ids=["unrelated", "child of another", "child with fields", "the default"],
)
def test_two_classes_with_one_doc_type(declared, base, body):
    other = _declare(base, **body)
    (message,) = (found for found in ours() if found.id == "cbtools.W007")
    assert message.obj is other
    assert repr(other.type_name()) in message.msg


@pytest.mark.parametrize(
    ("base", "body"),
    [
        (CouchbaseModel, {"doc_type": "blog"}),
        (CouchbaseModel, {}),
        (CBArticle, {"doc_type": "blog", "stars": models.IntegerField(null=True)}),
        # Those that share it on purpose.
        (CBArticle, {"doc_type": "article", "stars": models.IntegerField(null=True)}),
        (CBArticle, {"shout": lambda self: self.title.upper()}),
        # It is never a document.
        (CouchbaseNestedModel, {"doc_type": "article"}),
        (CBPayment, {}),
    ],
    ids=["own", "default", "child's own", "repeated", "methods only", "nested", "nested child"],
)
def test_doc_types_that_differ_or_are_shared_on_purpose(declared, base, body):
    _declare(base, **body)
    assert [message for message in ours() if message.id == "cbtools.W007"] == []


@pytest.mark.parametrize(
    ("body", "near"),
    [
        ({"default_chanels": ["news"]}, ["'default_channels'"]),
        ({"default_chanels": classmethod(lambda cls, document: ["news"])}, ["'default_channels'"]),
        ({"doctype": "tool"}, ["'doc_type'"]),
        ({"doctype": models.TextField()}, []),
        ({"channel_names": ["news"], "keyspaces": lambda self: []}, []),
    ],
)
def test_attributes_that_are_nearly_ours(declared, body, near):
    _declare(CouchbaseModel, **body)
    hints = [str(message.hint) for message in ours() if message.id == "cbtools.W022"]
    assert [hint.removeprefix("Did you mean ").rstrip("?") for hint in hints] == near
