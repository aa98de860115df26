"""Objects of any keys in forms: a row for each."""

from __future__ import annotations

import json

import pytest
from django import forms

from django_cbtools.form_fields.pairs import MOST
from django_cbtools.models import CouchbaseModel, DictField
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import sent

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore::django_cbtools.exceptions.StaleFormWarning"),
]

HTML = "<b>&\"'</b>"
STORED = {
    "": "empty",
    "a": "text",
    "b": 3,
    "c": None,
    "d": {"x": [1]},
    "e": " two\nlines ",
    "t": "3",
}


class Described(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "orm"

    doc_type = "forms_described"
    default_channels = ["c"]
    about = DictField(blank=True)
    maybe = DictField(blank=True, null=True)


class Form(forms.ModelForm):
    class Meta:
        model = Described
        fields = ["about", "maybe"]


def stored():
    return SyncGateway.all_docs(["a"])["rows"][0]["doc"]


def save(data):
    form = Form(data, instance=Described("a"))
    assert form.is_valid(), form.errors
    form.save()
    return stored()["about"]


@pytest.fixture
def data():
    document = {"doc_type": "forms_described", "channels": ["c"], "about": STORED}
    SyncGateway.save_json("a", document)
    return sent(Form(instance=Described("a")))


def place(data, key):
    return next(name[:-4] for name in data if name.endswith("-key") and data[name] == key)


def test_what_nobody_touches(data):
    assert not Form(data, instance=Described("a")).has_changed()
    assert save({name: value.replace("\n", "\r\n") for name, value in data.items()}) == STORED


def test_changed_added_renamed_and_removed(data):
    data[place(data, "b") + "-text"] = "4"
    data[place(data, "c") + "-key"] = HTML
    data[place(data, "d") + "-DELETE"] = "on"
    blank = place(data, "")
    assert blank == "about-0"
    row = f"about-{len(STORED)}"
    data.update({f"{row}-key": "new", f"{row}-text": "5"})
    data["maybe-0-key"], data["maybe-0-text"], data["maybe-0-kind"] = "k", "[1]", "json"
    expected = {**STORED, "b": 4, HTML: None, "new": "5"}
    del expected["c"], expected["d"]
    assert save(data) == expected
    assert stored()["maybe"] == {"k": [1]}
    assert HTML not in Form(instance=Described("a")).as_div()


def test_errors(data):
    data[place(data, "b") + "-text"] = "nonsense"
    data[place(data, "e") + "-key"] = "a"
    data["maybe-0-text"] = "without a key"
    form = Form(data, instance=Described("a"))
    assert form.errors["about"] == [
        "about.2.text: Enter a valid JSON.",
        "about.5.key: This key is there already.",
    ]
    assert form.errors["maybe"] == ["maybe.0.key: This field is required."]
    html = form.as_div()
    assert html.count("This key is there already.") == 1


def test_a_phone_has_changed_it_meanwhile(data):
    row = SyncGateway.all_docs(["a"])["rows"][0]
    about = {"0": "first", **STORED, "a": "changed"}
    SyncGateway.save_json("a", {**row["doc"], "about": about, "_rev": row["value"]["rev"]})
    data[place(data, "b") + "-text"] = "4"
    data[place(data, "a") + "-text"] = "mine"
    now = save(data)
    assert (now["a"], now["b"], now["d"]) == ("mine", 4, STORED["d"])


@pytest.mark.parametrize("value", [5, "x", [1], {str(n): n for n in range(MOST + 1)}], ids=str)
def test_what_has_no_rows_is_json(data, value):
    row = SyncGateway.all_docs(["a"])["rows"][0]
    SyncGateway.save_json("a", {**row["doc"], "about": value, "_rev": row["value"]["rev"]})
    data = sent(Form(instance=Described("a")))
    assert not Form(data, instance=Described("a")).has_changed()
    assert save(data) == value
    data["about"] = json.dumps({"k": 1})
    assert save(data) == {"k": 1}
    data["about"] = "[1]"
    assert Form(data, instance=Described("a")).errors == {"about": ["Enter an object in JSON."]}
