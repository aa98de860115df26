"""``update()`` of what others write at the same time, and of what phones have left out."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections, models
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce, Concat

from django_cbtools import conf
from django_cbtools.backends import updates
from django_cbtools.exceptions import SyncGatewayBulkError
from django_cbtools.models import CouchbaseModel
from django_cbtools.sync_gateway import SyncGateway
from tests.counts import TORTURE

WRITERS, TIMES = 6, 15 if TORTURE else 5


class CBCounter(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "counter"
    n = models.IntegerField(default=0)
    likes = models.IntegerField(default=5)
    name = models.CharField(max_length=20)
    plain = models.IntegerField()
    price = models.DecimalField(max_digits=4, decimal_places=2, default=Decimal("1.50"))
    maybe = models.IntegerField(null=True)
    meta = models.JSONField(default=lambda: {"n": 7})


@pytest.fixture(params=["in process", "http"])
def counter(request, http_gateway, settings, monkeypatch):
    if request.param == "http":
        # As with a back end that queries what a real gateway writes.
        monkeypatch.setattr(conf, "uses_embedded_gateway", lambda: False)
        settings.SYNC_GATEWAY_URL, settings.SYNC_GATEWAY_ADMIN_URL = http_gateway.urls
        SyncGateway.put_admin_user()
    CBCounter(uid="a", channels=["c"], plain=0).save()


def test_each_of_many_writers_counts(counter):
    counted, failed = [], []

    def work() -> None:
        try:
            for _ in range(TIMES):
                counted.append(CBCounter.objects.filter(pk="a").update(n=F("n") + 1))
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert counted == [1] * WRITERS * TIMES
    assert CBCounter("a").n == WRITERS * TIMES


def put(uid: str, **keys: Any) -> None:
    found = SyncGateway.all_docs([uid])["rows"][0]
    rev = {"_rev": found["value"]["rev"]} if "doc" in found else {}
    SyncGateway.save_json(uid, {"doc_type": "counter", "channels": ["c"], **rev, **keys})


@pytest.fixture
def rival(monkeypatch):
    """Somebody who writes each time after documents have been selected, as often as it says."""

    def install(times: int, **keys: Any) -> None:
        load = updates.Bulk.load
        left = [times]

        def later(bulk: Any, *args: Any) -> Any:
            if left[0]:
                left[0] -= 1
                put("a", **keys)
            return load(bulk, *args)

        monkeypatch.setattr(updates.Bulk, "load", later)

    return install


def test_what_does_not_match_any_more_is_left_alone(db, rival):
    for uid in "ab":
        put(uid, n=1)
    rival(1, n=2)
    assert CBCounter.objects.filter(n=1).update(n=F("n") + 10) == 1
    assert (CBCounter("a").n, CBCounter("b").n) == (2, 11)


@pytest.mark.parametrize("value", [F("n") + 10, 15])
def test_it_is_selected_computed_and_written_again(db, rival, value):
    for uid in "ab":
        put(uid, n=1)
    rival(3, n=5, name="theirs")
    assert CBCounter.objects.update(n=value) == 2
    assert (CBCounter("a").n, CBCounter("a").name) == (15, "theirs")


def test_it_is_told_in_the_end(db, rival, monkeypatch):
    monkeypatch.setattr(updates, "ATTEMPTS", 3)
    for uid in "ab":
        put(uid, n=1)
    rival(99, n=5)
    with pytest.raises(SyncGatewayBulkError) as told:
        CBCounter.objects.update(n=F("n") + 1)
    assert list(told.value.errors) == ["a"]
    assert CBCounter("b").n == 2


# --------------------------------------------------------------------- missing keys


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"n": F("n") + 1}, "n", 1),
        ({"n": F("n") + F("likes")}, "n", 5),
        ({"likes": F("likes") * 2, "n": F("likes")}, "likes", 10),
        ({"price": F("price") + 1}, "price", Decimal("2.50")),
        ({"name": Concat(F("name"), Value("!"))}, "name", "!"),
        ({"n": Case(When(likes__gt=4, then=F("likes") - 1), default=99)}, "n", 4),
        ({"n": F("meta__n")}, "n", 7),
        ({"maybe": F("maybe") + 1}, "maybe", None),
        ({"plain": Coalesce(F("plain"), 3) + 1}, "plain", 4),
    ],
)  # fmt: skip
def test_a_missing_key_counts_as_the_default(db, values, name, expected):
    put("a")
    put("b", n=0, likes=5, price="1.50", name="", meta={"n": 7}, maybe=None, plain=None)
    assert CBCounter.objects.update(**values) == 2
    assert getattr(CBCounter("a"), name) == getattr(CBCounter("b"), name) == expected


@pytest.mark.parametrize(
    ("keys", "values", "why"),
    [
        ({}, {"plain": F("plain") + 1}, "plain cannot become null, which is what is computed"),
        ({"plain": "abc"}, {"plain": F("plain") + 1}, "since plain has a value of another type"),
        ({"n": "abc"}, {"maybe": F("n") + 1}, "since n has a value of another type"),
        ({"price": "99.00"}, {"price": F("price") * 9}, "field price cannot store"),
    ],
)  # fmt: skip
def test_what_cannot_be_stored_is_refused_by_its_uid(db, keys, values, why):
    put("a", **keys)
    put("b", plain=1, n=1, price="1.00")
    with pytest.raises(SyncGatewayBulkError, match=f"Document a: .*{why}") as told:
        CBCounter.objects.update(**values)
    assert list(told.value.errors) == ["a"]
    assert told.value.errors["a"].uid == "a"
    (name,) = values
    body = SyncGateway.all_docs(["a"])["rows"][0]["doc"]
    assert body["_rev"].startswith("1-")
    assert getattr(CBCounter("b"), name) in (2, Decimal("9.00"))
