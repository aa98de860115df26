"""Django's signals, which are sent for documents as for any model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import models
from django.db.models import signals

from django_cbtools.exceptions import SyncGatewayConflict
from django_cbtools.models import CouchbaseModel, ForeignKey
from django_cbtools.signals import cb_post_delete, cb_post_save, cb_pre_delete, cb_pre_save

pytestmark = pytest.mark.django_db


class CBOwner(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    name = models.CharField(max_length=10)


class CBOwned(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    owner = ForeignKey(CBOwner, models.CASCADE, null=True)
    other = ForeignKey(CBOwner, models.SET_NULL, null=True, related_name="+")


SIGNALS = {
    name: getattr(signals, name) for name in ("pre_save", "post_save", "pre_delete", "post_delete")
}
OURS = {
    "cb_pre_save": cb_pre_save,
    "cb_post_save": cb_post_save,
    "cb_pre_delete": cb_pre_delete,
    "cb_post_delete": cb_post_delete,
}


class Heard(list[Any]):
    """What was sent: names of signals, and their arguments."""

    def names(self) -> list[str]:
        found = [name for name, _ in self]
        self.clear()
        return found

    def about(self, name: str) -> list[dict[str, Any]]:
        return [about for found, about in self if found == name]


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    connected = []
    for name, signal in {**SIGNALS, **OURS}.items():

        def receiver(name: str = name, **about: Any) -> None:
            del about["signal"]
            heard.append((name, about))

        for sender in (CBOwner, CBOwned):
            signal.connect(receiver, sender=sender, weak=False)
            connected.append((signal, receiver, sender))
    yield heard
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


def of_django(heard: Heard) -> list[str]:
    return [name for name in heard.names() if name in SIGNALS]


def owner(uid: str = "a") -> CBOwner:
    found = CBOwner(uid=uid, name="Ann", channels=["c"])
    found.save()
    return found


def test_a_save_sends_what_djangos_does(heard):
    ann = owner()
    about = {"instance": ann, "raw": False, "using": "default", "update_fields": None}
    about["sender"] = CBOwner
    assert heard.about("pre_save") == [about]
    assert heard.about("post_save") == [{**about, "created": True}]
    assert heard.names() == ["pre_save", "cb_pre_save", "cb_post_save", "post_save"]
    ann.save()
    assert [each["created"] for each in heard.about("post_save")] == [False]
    heard.clear()
    ann.save(update_fields=["name"])
    assert heard.about("pre_save")[0]["update_fields"] == frozenset({"name"})
    assert heard.about("post_save")[0]["update_fields"] == frozenset({"name"})
    assert heard.about("post_save")[0]["created"] is False
    heard.clear()
    ann.save(update_fields=[])
    assert heard == []


def test_a_receiver_changes_what_is_saved(heard):
    def fill(instance: Any, **about: Any) -> None:
        instance.name, instance.channels = "Filled", ["filled"]

    signals.pre_save.connect(fill, sender=CBOwner)
    try:
        CBOwner(uid="f").save()
    finally:
        signals.pre_save.disconnect(fill, sender=CBOwner)
    assert CBOwner("f").name == "Filled"
    assert CBOwner("f").channels == ["filled"]


def test_what_is_refused_was_not_saved(heard):
    ann, same = owner(), CBOwner("a")
    ann.save()
    heard.clear()
    with pytest.raises(SyncGatewayConflict):
        same.save()
    assert heard.names() == ["pre_save", "cb_pre_save"]


@pytest.mark.parametrize("hard", [False, True])
def test_a_deletion_is_one(heard, hard):
    ann = owner()
    heard.clear()
    ann.hard_delete() if hard else ann.delete()
    about = {"sender": CBOwner, "instance": ann, "using": "default", "origin": ann, "hard": hard}
    assert heard.about("pre_delete") == heard.about("post_delete") == [about]
    names = heard.names()
    assert names[:2] == ["pre_delete", "cb_pre_delete"]
    assert names[-2:] == ["cb_post_delete", "post_delete"]
    assert not {"pre_save", "post_save"} & set(names)


def test_what_is_taken_back_is_saved(heard):
    ann = owner()
    ann.delete()
    heard.clear()
    ann.undelete()
    assert of_django(heard) == ["pre_save", "post_save"]


@pytest.mark.parametrize("hard", [False, True])
def test_a_queryset_that_is_deleted_sends_them_for_each(heard, hard):
    for uid in "ab":
        owner(uid)
    heard.clear()
    found = CBOwner.objects.order_by("pk")
    found.hard_delete() if hard else found.delete()
    for name in ("pre_delete", "post_delete"):
        sent = heard.about(name)
        assert [each["instance"].uid for each in sent] == ["a", "b"]
        assert all(each["origin"] is found and each["hard"] is hard for each in sent)
    # As in Django, nothing is deleted before all of them know.
    assert of_django(heard) == ["pre_delete"] * 2 + ["post_delete"] * 2


def test_what_cascades_sends_them_and_what_is_set_null_does_not(heard):
    ann = owner()
    CBOwned(uid="o", owner=ann, channels=["c"]).save()
    CBOwned(uid="n", other=ann, channels=["c"]).save()
    heard.clear()
    ann.delete()
    sent = heard.about("post_delete")
    assert {each["instance"].uid for each in sent} == {"a", "o"}
    assert all(each["origin"] is ann and each["hard"] is False for each in sent)
    # As in Django, nothing is deleted before all of them know.
    assert of_django(heard) == ["pre_delete"] * 2 + ["post_delete"] * 2


def test_bulk_writes_send_none_of_djangos(heard):
    ann = owner()
    heard.clear()
    made = CBOwner.objects.bulk_create([CBOwner(uid="b", name="Bo", channels=["c"])])
    assert of_django(heard) == []
    made[0].name = "Bob"
    CBOwner.objects.bulk_update(made, ["name"])
    CBOwner.objects.filter(pk=ann.pk).update(name="x")
    assert of_django(heard) == []


def test_others_ways_to_save(heard):
    CBOwner.objects.create(name="x", channels=["c"])
    assert of_django(heard) == ["pre_save", "post_save"]
    CBOwner.objects.update_or_create(name="x", defaults={"name": "y"})
    assert of_django(heard) == ["pre_save", "post_save"]
    CBOwner.objects.get_or_create(name="y")
    assert of_django(heard) == []


def test_fixtures_are_raw(heard, tmp_path):
    owner()
    file = tmp_path / "authors.json"
    call_command("dumpdata", "testapp.CBOwner", output=str(file))
    heard.clear()
    call_command("loaddata", str(file), verbosity=0)
    (before,), (after,) = heard.about("pre_save"), heard.about("post_save")
    assert before["raw"] is after["raw"] is True
    assert after["created"] is False
