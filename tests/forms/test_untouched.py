"""What nobody has touched in a form stays as it is stored, and is not validated."""

from __future__ import annotations

import pytest
from django import forms
from django.db import models

from django_cbtools.form_fields import NestedForm
from django_cbtools.forms import DocumentForm, documentform_factory
from django_cbtools.models import (
    CouchbaseModel,
    CouchbaseNestedModel,
    DictField,
    EmbeddedField,
    EmbeddedListField,
)
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import sent
from tests.counts import TORTURE
from tests.forms.sending import phone_saves, stored

pytestmark = pytest.mark.django_db


class Address(models.URLField):
    def formfield(self, **kwargs):
        return super().formfield(**{"assume_scheme": "https", **kwargs})


class Fields(models.Model):
    class Meta:
        abstract = True
        app_label = "orm"

    title = models.CharField(max_length=5)
    text = models.TextField(blank=True)
    url = Address(blank=True)
    num = models.IntegerField(null=True, blank=True)
    real = models.FloatField(null=True, blank=True)
    amount = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    at = models.DateTimeField(null=True, blank=True)
    day = models.DateField(null=True, blank=True)
    key = models.UUIDField(null=True, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    js = models.JSONField(null=True, blank=True)
    other = models.CharField(max_length=5, blank=True)


class Part(CouchbaseNestedModel, Fields):
    class Meta:
        abstract = True
        app_label = "orm"


class Leaflet(CouchbaseModel, Fields):
    class Meta:
        abstract = True
        app_label = "orm"

    doc_type = "forms_leaflet"
    part = EmbeddedField(Part, null=True, blank=True)
    parts = EmbeddedListField(Part, blank=True)
    about = DictField(blank=True)


class LeafletForm(DocumentForm):
    class Meta:
        model = Leaflet
        fields = "__all__"


VALUES = [
    ("text", "a\nb"), ("text", "a\r\nb"), ("text", " a "), ("text", "\na"), ("text", "a\0b"),
    ("title", " t "), ("title", "a\nb"), ("title", "x" * 30), ("title", ""),
    ("url", "not a url"), ("url", " http://x.de "), ("num", "x"), ("num", 2**70),
    ("real", "x"), ("real", "1e999"), ("amount", "x"), ("amount", "1.505"),
    ("amount", 123456789), ("day", "x"), ("key", "x"), ("ip", "x"), ("ip", "::FFFF:1.2.3.4"),
    ("at", "2020-10-25T00:30:00Z"), ("at", "2020-10-25T01:30:00Z"), ("at", "x"),
    ("js", {"b": 1, "a": "\n"}),
]  # fmt: skip


def together(values):
    """As few documents as may have them all; each alone where TORTURE=1 is set."""
    documents = []
    for name, value in values:
        free = (each for each in documents if name not in each and not TORTURE)
        if (document := next(free, None)) is None:
            documents.append(document := {})
        document[name] = value
    return documents


KEYS = pytest.mark.parametrize("keys", together(VALUES), ids=repr)


@pytest.fixture(autouse=True)
def _berlin(settings):
    settings.TIME_ZONE = "Europe/Berlin"  # an hour repeats there in autumn


def saved(**keys):
    SyncGateway.save_json(
        "a", {"doc_type": "forms_leaflet", "channels": ["c"], "title": "t", **keys}
    )


def page(form_class=LeafletForm):
    """What a browser sends of a page that nobody has touched."""
    form = form_class(instance=Leaflet("a"))
    data = sent(form)
    for name in list(data):
        texts = [text.replace("\r\n", "\n") for text in data.getlist(name)]
        is_long = isinstance(getattr(form.fields.get(name), "widget", None), forms.Textarea)
        is_long = is_long or name.endswith(("-text", "-js"))
        data.setlist(name, [text.replace("\n", "\r\n" if is_long else "") for text in texts])
    return data


def save(data, form_class=LeafletForm):
    form = form_class(data, instance=Leaflet("a"))
    assert form.is_valid(), form.errors
    form.save()
    return form


def check(other):
    """Nothing is written where nothing is changed, and nothing but that where something is."""
    before, data = stored(), page()
    assert save(data.copy()).changed_data == []
    assert stored() == before
    data[other] = "new"
    save(data)
    return stored()


@KEYS
def test_of_a_document(keys):
    saved(**keys)
    document = check("other")
    assert {name: document[name] for name in keys} == keys


@KEYS
def test_of_an_object(keys):
    saved(part={"title": "t", **keys})
    part = check("part-other")["part"]
    assert {name: part[name] for name in keys} == keys
    assert part["other"] == "new"


@KEYS
def test_of_a_row(keys):
    saved(parts=[{"uid": "r", "title": "t", **keys}])
    (part,) = check("parts-0-other")["parts"]
    assert {name: part[name] for name in keys} == keys
    assert part["other"] == "new"


@pytest.mark.parametrize("value", ["x\ny", " x ", "a\0b", [1, "\n"]], ids=repr)
def test_of_a_key(value):
    saved(about={"k\nl": value, "other": "x"})
    assert check("about-1-text")["about"] == {"k\nl": value, "other": "new"}


def test_of_several_inputs():
    split = documentform_factory(
        Leaflet, fields=["at", "other"], field_classes={"at": forms.SplitDateTimeField}
    )
    saved(at="2020-10-25T01:30:00Z")
    data = page(split)
    assert data["at_1"] == "02:30:00"
    save({**data.dict(), "other": "new"}, split)
    assert stored()["at"] == "2020-10-25T01:30:00Z"
    changed = split({**data.dict(), "at_1": "02:31:00"}, instance=Leaflet("a"))
    assert list(changed.errors) == ["at"]  # it is in that hour, too


def test_what_somebody_else_has_made_of_it_is_no_conflict():
    saved(text="one\ntwo")
    data = page()
    phone_saves(text="one\ntwo\nthree")
    data["title"] = "mine"
    save(data)
    assert (stored()["text"], stored()["title"]) == ("one\ntwo\nthree", "mine")


@pytest.mark.parametrize(
    ("name", "was", "text"),
    [("title", "x" * 30, "y" * 30), ("num", "x", "y"), ("url", "bad", "worse"), ("title", "t", "")],
)
def test_what_is_changed_is_validated(name, was, text):
    saved(**{name: was})
    form = LeafletForm({**page().dict(), name: text}, instance=Leaflet("a"))
    assert list(form.errors) == [name]


def test_channels_of_somebody_else():
    form_class = documentform_factory(Leaflet, fields=["other", "channels"])
    saved()
    data = page(form_class)
    phone_saves(channels=["c", "d"])
    data["other"] = "new"
    save(data, form_class)
    assert stored()["channels"] == ["c", "d"]


def test_methods_of_the_form_see_what_is_stored():
    class Strict(LeafletForm):
        def clean_title(self):
            raise forms.ValidationError(self.cleaned_data["title"])

    saved(title="x" * 30)
    form = Strict(page(Strict), instance=Leaflet("a"))
    assert form.errors == {"title": ["x" * 30]}


def test_forms_of_ones_own():
    class PartForm(NestedForm):
        num = forms.CharField(widget=forms.Textarea)

    saved(part={"title": "t", "num": 1, "text": "a\nb"})
    field = Leaflet._meta.get_field("part").formfield(subform=PartForm)
    form_class = type("Own", (LeafletForm,), {"part": field})
    before = stored()
    assert save(page(form_class), form_class).changed_data == []
    assert stored() == before
