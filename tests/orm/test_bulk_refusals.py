"""Writes of many documents, one of which cannot be written: it is told, the others are saved."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from django.db import models

from django_cbtools.exceptions import CouchbaseModelError, SyncGatewayBulkError
from django_cbtools.models import CouchbaseModel, ForeignKey, UniqueKey
from django_cbtools.signals import cb_pre_delete
from django_cbtools.sync_gateway import SyncGateway
from tests.gateway.access.client import ADMIN
from tests.testapp.models import CBArticle, CBAuthor

COUNT = 21


class CBMaker(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "bulk_maker"
    name = models.CharField(max_length=10)


class CBMeasure(CouchbaseModel):
    """A document with values that are unique."""

    class Meta:
        abstract = True
        constraints = (UniqueKey(fields=["name"], name="measure_name"),)

    doc_type = "bulk_measure"
    name = models.CharField(max_length=10)
    value = models.FloatField(null=True)
    maker = ForeignKey(CBMaker, models.CASCADE, null=True)


@pytest.fixture
def measures(db: None) -> list[CBMeasure]:
    """Documents of one maker; a phone has written a number into one that is none."""
    CBMaker(uid="maker", name="Ann", channels=["c"]).save()
    made = [
        CBMeasure(uid=f"{n:02}", name=str(n), value=n, maker_uid="maker", channels=["c"])
        for n in range(COUNT)
    ]
    CBMeasure.objects.bulk_create(made)
    body = SyncGateway.all_docs(["07"])["rows"][0]["doc"]
    del body["_id"]
    text = json.dumps({**body, "deep": {"n": [1, "1e400"]}})
    assert ADMIN.put("test_documents/07", text.replace('"1e400"', "1e400"))[0] == 201
    return made


def refused(write: Any) -> dict[str, Exception]:
    with pytest.raises(SyncGatewayBulkError) as told:
        write()
    assert "deep.n.1 is out of range" in str(told.value)
    return dict(told.value.errors)


def stored() -> list[dict[str, Any]]:
    rows = SyncGateway.all_docs([f"{n:02}" for n in range(COUNT)])["rows"]
    return [row["doc"] for row in rows if "doc" in row]


def test_update(measures):
    errors = refused(lambda: CBMeasure.objects.update(value=5))
    assert list(errors) == ["07"]
    assert errors["07"].uid == "07"
    assert [body["value"] for body in stored()].count(5) == COUNT - 1


def test_bulk_update(measures):
    documents = list(CBMeasure.objects.order_by("uid"))
    for document in documents:
        document.value = 5
    assert list(refused(lambda: CBMeasure.objects.bulk_update(documents, ["value"]))) == ["07"]
    assert [body["value"] for body in stored()].count(5) == COUNT - 1


@pytest.mark.parametrize("delete", [
    lambda: CBMeasure.objects.all().delete(),
    lambda: CBMaker("maker").delete(),
])  # fmt: skip
def test_delete(measures, delete):
    told: list[str] = []

    def listen(instance: Any, **kwargs: Any) -> None:
        told.append(instance.uid)

    cb_pre_delete.connect(listen, sender=CBMeasure)
    try:
        assert list(refused(delete)) == ["07"]
    finally:
        cb_pre_delete.disconnect(listen, sender=CBMeasure)
    assert [body["_id"] for body in stored() if not body["st_deleted"]] == ["07"]
    assert "07" not in told
    assert len(told) == COUNT - 1
    # It can be deleted for real.
    assert CBMeasure.objects.all().hard_delete()[0] == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, "x", object()])
@pytest.mark.parametrize("where", ["value", "extra"])
def test_bulk_create(db, value, where, monkeypatch):
    if (value, where) == ("x", "extra"):
        return
    monkeypatch.setattr("django_cbtools.sync_gateway.documents.documents.BULK_COUNT", 10)
    made = [CBMeasure(uid=f"{n:02}", name=str(n), channels=["c"]) for n in range(25)]
    odd = made[15]
    if where == "value":
        odd.value = value
    else:
        odd.extra = {"n": value}
    with pytest.raises(SyncGatewayBulkError) as told:
        CBMeasure.objects.bulk_create(made)
    assert list(told.value.errors) == ["15"]
    assert str(told.value).startswith("1 of 25 documents were not saved (15: ")
    assert CBMeasure.objects.count() == 24
    assert [document.rev is None for document in made].count(True) == 1
    # What it would have had for itself is free.
    CBMeasure(name="15", channels=["c"]).save()


def test_an_odd_uid_stops_no_others(db):
    made = [CBAuthor(uid=uid, channels=["c"]) for uid in ("a", "_b", "c" * 251, "d")]
    with pytest.raises(SyncGatewayBulkError) as told:
        CBAuthor.objects.bulk_create(made)
    assert list(told.value.errors) == ["_b", "c" * 251]
    assert CBAuthor.objects.count() == 2


# -------------------------------------------------------------------- special keys


@pytest.mark.parametrize("key", [
    "_deleted", "_id", "_rev", "_cv", "_revisions", "_purged", "_removed", "_sync", "_sync_x",
])  # fmt: skip
def test_extra_cannot_have_what_is_the_gateways(db, key):
    article = CBArticle(uid="a", channels=["c"], extra={"n": 1})
    article.save()
    article.extra[key] = True
    rev = article.rev
    writes = [
        article.save,
        lambda: article.save(update_fields=["extra"]),
        lambda: CBArticle.objects.update(extra=article.extra),
        lambda: CBArticle.objects.bulk_create(
            [CBArticle(uid="b", channels=["c"]),
             CBArticle(uid="c", channels=["c"], extra=article.extra)]
        ),
    ]  # fmt: skip
    for write in writes:
        with pytest.raises(CouchbaseModelError, match=f"extra cannot have '{key}'"):
            write()
    with pytest.raises(SyncGatewayBulkError, match=f"extra cannot have '{key}'"):
        CBArticle.objects.bulk_update([article], ["extra"])
    assert CBArticle("a").rev == rev
    assert CBArticle.objects.count() == 1
