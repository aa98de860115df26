"""Methods of fields that programs override, in every way of loading, writing and asking."""

from __future__ import annotations

import datetime

import pytest
from django import forms
from django.core import serializers
from django.db.models import F, Value
from django.db.models.functions import Concat

from django_cbtools.exceptions import CouchbaseValueError
from django_cbtools.models import load_objects
from django_cbtools.models.fields import values
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.views import CBCreateView

from .custom_fields import BareField, Custom, CustomPart, CustomSaved, Hand, Level

UTC = datetime.timezone.utc
NOON = datetime.datetime(2020, 1, 2, 12, 0, 0, 5, tzinfo=UTC)
GIVEN = {
    "secret": "héllo",
    "level": Level.HIGH,
    "pair": (1, "b"),
    "upper": "abc",
    "hand": Hand(["K", "7"]),
    "names": ["Ann", "BOB"],
    "whole": NOON,
}
STORED = {
    "secret": "aMOpbGxv",
    "level": "h",
    "pair": [1, "b"],
    "upper": "ABC",
    "hand": "K 7",
    "names": ["ann", "bob"],
    "whole": "2020-01-02T12:00:00+00:00",
}
LOADED = {
    **GIVEN,
    "upper": "ABC",
    "names": ["Ann", "Bob"],
    "whole": NOON.replace(microsecond=0),
}


def stored(uid="c"):
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def of(body):
    return {name: body[name] for name in STORED}


def have(instance):
    return {name: getattr(instance, name) for name in LOADED}


def made(**fields):
    return Custom(
        uid="c",
        channels=["c"],
        secrets=["a", None],
        part=CustomPart(**GIVEN),
        parts=[CustomPart(**GIVEN)],
        **{**GIVEN, **fields},
    )


@pytest.fixture
def saved(db):
    document = made()
    document.save()
    return document


def test_they_are_stored_as_django_would(saved):
    body = stored()
    assert of(body) == of(body["part"]) == of(body["parts"][0]) == STORED
    assert body["secrets"] == ["YQ==", None]
    assert body["part"]["stamp"] == " added"


def refreshed():
    document = Custom(uid="c")
    document.refresh_from_db()
    return document


def one_by_one():
    document = Custom(uid="c", channels=["c"])
    document.refresh_from_db(fields=["rev", *LOADED, "part", "parts", "secrets"])
    return document


@pytest.mark.parametrize(
    "load",
    [
        lambda: Custom("c"),
        lambda: load_objects(["c"], Custom)[0],
        lambda: Custom.objects.get(),
        lambda: Custom.objects.raw("SELECT uid FROM django_cbtools_custom")[0],
        refreshed,
        one_by_one,
    ],
)
def test_they_are_loaded_as_django_would(saved, load):
    document = load()
    assert have(document) == have(document.part) == have(document.parts[0]) == LOADED
    assert document.secrets == ["a", None]
    document.save()
    body = stored()
    assert of(body) == of(body["part"]) == of(body["parts"][0]) == STORED


def test_values_are_those_of_instances(saved):
    assert Custom.objects.values(*LOADED).get() == LOADED
    assert Custom.objects.values_list("part__secret", "part__hand").get() == (
        LOADED["secret"],
        LOADED["hand"],
    )


def test_a_null_and_a_missing_key(db):
    SyncGateway.save_json("c", {"doc_type": "custom", "channels": ["c"], "level": None})
    for document in (Custom("c"), Custom.objects.get()):
        assert (document.level, document.secret) == (Level.LOW, None)
    assert Custom.objects.values_list("level", flat=True).get() is Level.LOW


@pytest.mark.parametrize("name", GIVEN)
def test_what_was_saved_is_found(saved, name):
    assert Custom.objects.filter(**{name: GIVEN[name]}).exists()
    assert Custom.objects.filter(**{name: LOADED[name]}).exists()


def test_arrays_and_objects_are_found_whole(saved):
    assert Custom.objects.filter(names__contains=["ann"]).exists()
    assert Custom.objects.exclude(pair=[1, "c"]).exists()
    assert Custom.objects.filter(pair__in=[(1, "b")]).exists()


def test_nested_ones_are_found(saved):
    assert Custom.objects.filter(part__secret="héllo", part__upper="abc").exists()
    assert Custom.objects.filter(secrets__contains=["a"]).exists()
    assert Custom.objects.filter(secrets__0="a").exists()
    assert not Custom.objects.filter(part__secret="aMOpbGxv").exists()


def test_bulk_writes_prepare_as_well(db):
    document = made(**dict.fromkeys(GIVEN))
    Custom.objects.bulk_create([document])
    for name, value in GIVEN.items():
        setattr(document, name, value)
    Custom.objects.bulk_update([document], list(GIVEN))
    assert of(stored()) == STORED
    Custom.objects.update(**dict.fromkeys(GIVEN))
    assert of(stored()) == dict.fromkeys(STORED)
    Custom.objects.update(**GIVEN)
    assert of(stored()) == STORED
    changed = Custom("c")
    changed.secret, changed.upper = "new", "new"
    changed.save(update_fields=["secret", "upper"])
    assert of(stored()) == {**STORED, "secret": "bmV3", "upper": "NEW"}


def test_computed_values_are_what_the_database_has(saved):
    Custom.objects.update(secret=F("secret"), upper=F("upper"), hand=Concat("hand", Value(" 2")))
    assert of(stored()) == {**STORED, "hand": "K 7 2"}
    Custom.objects.update(secret=Concat(Value("YW"), Value("Jj")))
    assert Custom("c").secret == "abc"


def test_fixtures_hold_what_is_stored(saved):
    text = serializers.serialize("json", Custom.objects.all())
    SyncGateway.delete_document("c", saved.rev)
    for each in serializers.deserialize("json", text):
        each.save()
    assert of(stored()) == STORED
    assert have(Custom("c")) == LOADED


def test_pre_save_says_what_is_written(db):
    document = CustomSaved(uid="s", channels=["c"], saved="a", stamp="one")
    document.save()
    assert (stored("s")["saved"], stored("s")["stamp"]) == ("a!", "one added")
    assert document.stamp == "one"
    document.stamp = "two"
    document.save(update_fields=["stamp"])
    assert stored("s")["stamp"] == "two changed"
    other = CustomSaved(uid="t", channels=["c"], saved="b", stamp="three")
    CustomSaved.objects.bulk_create([other])
    assert (stored("t")["saved"], stored("t")["stamp"]) == ("b!", "three added")


def test_values_that_are_changed_in_place(saved):
    document = Custom("c")
    document.hand.cards.append("2")
    document.parts[0].hand.cards.append("3")
    document.save()
    assert (stored()["hand"], stored()["parts"][0]["hand"]) == ("K 7 2", "K 7 3")


def test_what_cannot_be_read_is_kept(db, caplog):
    wrong = {
        "secret": "%",
        "level": "x",
        "pair": 5,
        "hand": [1],
        "secrets": ["%", "YQ=="],
    }
    SyncGateway.save_json("c", {"doc_type": "custom", "channels": ["c"], **wrong})
    for document in (Custom("c"), Custom.objects.get()):
        assert {name: getattr(document, name) for name in wrong} == {**wrong, "secrets": ["%", "a"]}
    assert "level of django_cbtools.Custom keeps a value that it cannot read" in caplog.text
    assert Custom("c").unread().keys() == wrong.keys() - {"secrets"}
    document.upper = "x"
    document.save()
    assert {name: stored()[name] for name in wrong} == wrong


def test_no_object_reaches_json(db):
    for value in (Hand([]), object(), b"x", {1}, float("nan")):
        document = CustomSaved(uid="s", channels=["c"], saved="a", bare=value)
        with pytest.raises(CouchbaseValueError, match="Document s: field bare cannot store"):
            document.save()
    document.bare = "x"
    document.save()
    with pytest.raises(CouchbaseValueError):
        CustomSaved.objects.update(bare=object())
    assert CustomSaved("s").bare == "x"


class UnpreparedField(BareField):
    def get_internal_type(self):
        return "CharField"


def test_texts_are_texts():
    field = UnpreparedField()
    kind = values.kind(field)
    assert (kind.written(field, "x"), kind.written(field, 5)) == ("x", "5")
    with pytest.raises(TypeError):
        kind.written(field, object())


def test_a_forms_values_are_values(rf, db):
    class Form(forms.Form):
        secret = forms.CharField()

    class View(CBCreateView):
        model = Custom
        form_class = Form
        success_url = "/"

        def get_form_kwargs(self):
            return {"data": self.request.POST}

        def get_extra_data(self):
            return {"channels": ["c"]}

    View.as_view()(rf.post("/", {"secret": "YQ=="}))
    assert Custom.objects.get().secret == "YQ=="
