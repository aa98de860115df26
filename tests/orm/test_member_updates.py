"""update() of what is within objects and arrays."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db.models import F, Value
from django.db.models.functions import Concat, Upper

from django_cbtools.exceptions import CouchbaseValueError, SyncGatewayBulkError
from django_cbtools.sync_gateway import SyncGateway
from tests.orm.array_models import Customer

from .models import Article

pytestmark = pytest.mark.django_db

ADDRESS = {"city": "Oslo", "uid": "u", "color": "red", "notes": {"floor": 3, "x": {"y": 1}}}
PAYMENTS = [{"amount": "1.50", "uid": "p", "z": 1}, {"amount": "2.50", "uid": "q"}]


@pytest.fixture(autouse=True)
def documents():
    for uid in ("a", "b"):
        keys = {"name": uid, "address": ADDRESS, "payments": PAYMENTS, "prices": ["1", "2"]}
        SyncGateway.save_json(uid, {"doc_type": "arrays_customer", "channels": ["c"], **keys})


def stored(uid):
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def test_a_member_and_nothing_else():
    assert Customer.objects.update(address__city="Bergen") == 2
    for uid in ("a", "b"):
        assert stored(uid)["address"] == {**ADDRESS, "city": "Bergen"}
        assert stored(uid)["payments"] == PAYMENTS


def test_several_at_once():
    changes = {
        "address__since": "2020-01-02",
        "address__place__latitude": 3.5,
        "address__notes__floor": 4,
        "address__notes__x__y": [1],
        "payments__1__amount": Decimal("9.5"),
        "prices__0": Decimal(7),
        "name": "x",
    }
    assert Customer.objects.filter(uid="a").update(**changes) == 1
    found = stored("a")
    place = found["address"].pop("place")
    assert place["latitude"] == 3.5
    notes = {"floor": 4, "x": {"y": [1]}}
    assert found["address"] == {**ADDRESS, "since": "2020-01-02", "notes": notes}
    assert found["payments"] == [PAYMENTS[0], {"amount": "9.5", "uid": "q"}]
    assert (found["prices"], found["name"]) == (["7", "2"], "x")
    assert stored("b")["name"] == "b"
    customer = Customer.objects.get(address__city="Oslo", prices__0=7)
    assert customer.address.place.latitude == 3.5


def test_what_is_computed():
    shout = Concat(Upper("address__city"), Value("!"))
    assert Customer.objects.update(address__city=shout, payments__0__amount=F("prices__1")) == 2
    assert stored("a")["address"]["city"] == "OSLO!"
    assert stored("a")["payments"][0] == {**PAYMENTS[0], "amount": "2.00"}
    assert Customer.objects.update(address__city=F("name")) == 2
    assert stored("b")["address"]["city"] == "b"


def test_objects_are_made_where_there_are_none():
    SyncGateway.save_json("c", {"doc_type": "arrays_customer", "channels": ["c"]})
    SyncGateway.save_json("d", {"doc_type": "arrays_customer", "channels": ["c"], "address": None})
    rows = Customer.objects.filter(uid__in=["c", "d"])
    assert rows.update(address__notes__floor=1) == 2
    for uid in ("c", "d"):
        assert stored(uid)["address"]["notes"] == {"floor": 1}


def test_json():
    Article(uid="x", meta={"n": 1, "list": [1, 2]}, channels=["c"]).save()
    Article(uid="y", meta=None, channels=["c"]).save()
    assert Article.objects.update(meta__n=2) == 2
    assert (Article("x").meta, Article("y").meta) == ({"n": 2, "list": [1, 2]}, {"n": 2})
    Article.objects.filter(uid="x").update(meta__list__1="two", meta__n=None)
    assert Article("x").meta == {"n": None, "list": [1, "two"]}


def test_what_is_in_the_way_is_refused_alone():
    SyncGateway.save_json("c", {"doc_type": "arrays_customer", "channels": ["c"], "address": "?"})
    with pytest.raises(SyncGatewayBulkError) as caught:
        Customer.objects.update(address__city="Rome")
    assert list(caught.value.errors) == ["c"]
    assert "address__city" in str(caught.value)
    assert (stored("a")["address"]["city"], stored("c")["address"]) == ("Rome", "?")
    with pytest.raises(SyncGatewayBulkError, match="no element 2"):
        Customer.objects.filter(uid="a").update(payments__2__amount=1)


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("address__town", "x", FieldDoesNotExist, "city, since"),
        ("address__uid", "x", FieldDoesNotExist, "'uid'"),
        ("address__city__x", "x", FieldError, "CharField"),
        ("payments__amount", 1, FieldError, "payments__0"),
        ("labels__0", "x", FieldError, "whole field"),
        ("agent__name", "x", FieldDoesNotExist, "agent__name"),
        ("nobody__name", "x", FieldDoesNotExist, "nobody__name"),
        ("address__place__latitude", "north", CouchbaseValueError, "latitude"),
        ("payments__0__amount", "much", CouchbaseValueError, "amount"),
    ],
)
def test_what_is_no_member_is_refused_before_anything_is_written(name, value, error, words):
    before = stored("a")
    with pytest.raises(error, match=words):
        Customer.objects.update(**{name: value})
    assert stored("a") == before
