"""How relations to documents stand in JSON, whether they are ours or Django's."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.core import checks
from django.db import models

from django_cbtools.models import CouchbaseModel, ForeignKey
from django_cbtools.sync_gateway import SyncGateway

# Django's checks ask the databases, all of them, what they can do.
pytestmark = pytest.mark.django_db(databases="__all__")


class CBHouse(CouchbaseModel):
    class Meta:
        abstract = True

    uid_prefix = "hse"
    name = models.CharField(max_length=10)


class CBRoom(CouchbaseModel):
    class Meta:
        abstract = True

    house = ForeignKey(CBHouse, models.CASCADE, null=True, related_name="rooms")


class CBDoor(CouchbaseModel):
    class Meta:
        abstract = True

    house = models.ForeignKey(CBHouse, models.CASCADE, null=True, related_name="doors")
    front = models.OneToOneField("CBHouse", models.CASCADE, null=True, db_column="of")


class CBWindow(CBRoom):
    """One with a way of its own to read its JSON."""

    class Meta:
        abstract = True

    doc_type = "window"

    def from_dict(self, dict_payload: Any) -> None:
        super().from_dict(dict_payload)


def stored(uid: str) -> dict[str, Any]:
    found: dict[str, Any] = SyncGateway.all_docs([uid])["rows"][0]["doc"]
    return found


def phone(uid: str, model: Any, **members: Any) -> None:
    SyncGateway.save_json(uid, {"doc_type": model.type_name(), "channels": ["c"], **members})


@pytest.fixture(autouse=True)
def house() -> CBHouse:
    house = CBHouse(uid="hse_1", name="H", channels=["c"])
    house.save()
    return house


@pytest.mark.parametrize("model", [CBRoom, CBDoor, CBWindow])
def test_they_are_stored_under_the_same_key(house, model):
    model(uid="r", house=house, channels=["c"]).save()
    assert stored("r")["house_uid"] == "hse_1"
    assert "house" not in stored("r")
    assert model("r").house == house
    assert model.objects.get(house__name="H").uid == "r"


def test_a_key_that_is_declared_is_the_key(house):
    CBDoor(uid="r", front=house, channels=["c"]).save()
    assert stored("r")["of"] == "hse_1"
    assert CBDoor.objects.get(front=house).front == house


@pytest.mark.parametrize("model", [CBRoom, CBDoor, CBWindow])
def test_documents_with_the_other_key_are_read(house, model):
    """As Django's relations were once stored."""
    phone("r", model, house="hse_1")
    for room in (model("r"), model.objects.get(house="hse_1"), model.objects.get(house__name="H")):
        assert room.house == house
        assert room.to_dict()["house_uid"] == "hse_1"
    assert list(model.objects.values_list("house", flat=True)) == ["hse_1"]
    model.objects.update(house=None)
    assert stored("r")["house_uid"] is None
    assert model("r").house is None
    assert not model.objects.filter(house="hse_1")
    assert stored("r")["house"] == "hse_1"


@pytest.mark.parametrize("there", [{"house": "The house"}, {"house": 5}, {"house": {"a": 1}}])
def test_what_a_phone_says_of_it_is_no_uid(there):
    phone("r", CBRoom, **there)
    assert CBRoom("r").house is None
    assert CBRoom("r").extra == there
    assert not CBRoom.objects.exclude(house=None)
    phone("s", CBRoom, house_uid="hse_1", **there)
    assert CBRoom.objects.exclude(house=None).get().extra == there
    phone("t", CBRoom, house_uid=None, house="hse_1")
    assert CBRoom("t").house is None
    assert CBRoom.objects.filter(house=None).count() == 2


# ------------------------------------------------------------------------ checks


def said(field: Any) -> list[str | None]:
    found = checks.run_checks(tags=["cbtools"])
    return [message.id for message in found if message.obj is field]


def test_relations_of_djangos_are_told_of():
    class Plain(models.Model):
        house = models.ForeignKey(CBHouse, models.CASCADE)
        houses = models.ManyToManyField(CBHouse, related_name="+")
        ours = ForeignKey(CBHouse, related_name="+")

    try:
        names = ("house", "houses", "ours")
        assert [said(Plain._meta.get_field(name)) for name in names] == [
            ["cbtools.E014"], ["cbtools.E014"], [],
        ]  # fmt: skip
    finally:
        del apps.all_models["orm"]["plain"], apps.all_models["orm"]["plain_houses"]
        del CBHouse.plain_set
        apps.clear_cache()
    assert said(CBDoor._meta.get_field("house")) == ["cbtools.W013"]
    assert said(CBRoom._meta.get_field("house")) == []
