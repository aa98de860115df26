"""Documents that expire: the gateway forgets when, unless each write says it."""

from __future__ import annotations

import datetime
import time
from typing import Any

import pytest

from django_cbtools.exceptions import CouchbaseModelError, SyncGatewayConflict
from django_cbtools.models import load_objects, merge_fields, query_objects
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import PUBLIC, request
from tests.testapp.models import CBArticle

UTC = datetime.timezone.utc
FAR = "2099-01-01T00:00:00Z"
MOMENT = datetime.datetime(2099, 1, 1, tzinfo=UTC)
VIEW = "function (doc, meta) { if (doc.doc_type === 'article') emit(doc.title, null); }"


def put(uid: str, **keys: Any) -> str:
    body = {"doc_type": "article", "channels": ["c"], "title": "old", **keys}
    return SyncGateway.save_json(uid, body).json()["rev"]


def expiry(uid: str = "a") -> str | None:
    """When the gateway says that a document expires."""
    return request(PUBLIC, "GET", uid, query={"show_exp": "true"}).json().get("_exp")


def by_row(uid: str) -> CBArticle:
    """A document as a program of 1.x may load it, in a way that does not show its expiry."""
    found = CBArticle()
    found.from_sync_gateway_row(SyncGateway.all_docs([uid])["rows"][0])
    return found


def by_view(uid: str) -> CBArticle:
    from django_cbtools.sync_gateway.calls.client import ADMIN

    request(ADMIN, "PUT", "_design", "app", body={"views": {"titles": {"map": VIEW}}})
    (found,) = query_objects("app/titles", "old", CBArticle)
    return found


def by_merge(uid: str) -> CBArticle:
    stale = CBArticle(uid)
    put(uid, _rev=stale.rev, _exp=FAR, year_published=7)
    stale.tags = ["ours"]
    stale.save(merge=merge_fields)
    return stale


def refreshed(uid: str) -> CBArticle:
    found = by_row(uid)
    found.refresh_from_db()
    return found


WAYS = {
    "key": CBArticle,
    "keys": lambda uid: load_objects([uid, "nothing"], CBArticle)[0],
    "view": by_view,
    "row": by_row,
    "merge": by_merge,
    "refresh": refreshed,
}
ORM = {
    "get": lambda uid: CBArticle.objects.get(uid=uid),
    "raw": lambda uid: CBArticle.objects.raw(
        "SELECT * FROM testapp_cbarticle WHERE title = %s", ["old"]
    )[0],
}


def save(document: CBArticle) -> None:
    document.title = "new"
    document.save()


def save_a_field(document: CBArticle) -> None:
    document.title = "new"
    document.save(update_fields=["title"])


def save_in_bulk(document: CBArticle) -> None:
    document.title = "new"
    document._meta.default_manager.bulk_update([document], ["title"])


CHANGES = [save, save_a_field]


def delete(document: CBArticle) -> None:
    document.delete()


@pytest.mark.parametrize("change", [*CHANGES, save_in_bulk, delete])
@pytest.mark.parametrize("load", [*WAYS.values(), *ORM.values()], ids=[*WAYS, *ORM])
def test_a_write_keeps_it(db, load, change):
    put("a", _exp=FAR)
    change(load("a"))
    assert expiry() == FAR


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("load", WAYS.values(), ids=WAYS)
def test_a_write_keeps_it_with_a_real_gateway(gateway_by_http, load, change):
    put("a", _exp=FAR)
    change(load("a"))
    assert expiry() == FAR


def test_writes_of_querysets_keep_it(db):
    put("a", _exp=FAR)
    CBArticle.objects.update(title="new", extra={"color": "red"})
    assert (CBArticle("a").extra["color"], expiry()) == ("red", FAR)
    CBArticle.objects.all().delete()
    assert expiry() == FAR
    CBArticle.all_objects.all().undelete()
    document = CBArticle(uid="a", channels=["c"], title="newer")
    CBArticle.objects.bulk_create(
        [document], update_conflicts=True, update_fields=["title"], unique_fields=["uid"]
    )
    assert (CBArticle("a").title, expiry()) == ("newer", FAR)


def test_it_costs_no_round_trip_where_it_was_seen(db, round_trips):
    put("a", _exp=FAR)
    round_trips.clear()
    save(CBArticle("a"))
    assert round_trips == ["POST _bulk_get", "PUT a"]
    document = by_row("a")
    round_trips.clear()
    for title in ("one", "two"):
        document.title = title
        document.save()
    assert round_trips == ["POST _bulk_get", "PUT a", "PUT a"]


def test_what_was_written_meanwhile_is_a_conflict(db):
    put("a", _exp=FAR)
    document = by_row("a")
    put("a", _rev=document.rev, title="theirs")
    with pytest.raises(SyncGatewayConflict):
        save(document)
    assert (CBArticle("a").title, expiry()) == ("theirs", None)


# ------------------------------------------------------------------- expires_at


@pytest.mark.parametrize("load", [*WAYS.values(), *ORM.values()], ids=[*WAYS, *ORM])
def test_it_is_read(db, load):
    put("a", _exp=FAR)
    assert load("a").expires_at == MOMENT
    assert CBArticle().expires_at is None


@pytest.mark.parametrize(
    "value",
    [MOMENT, MOMENT.astimezone(datetime.timezone(datetime.timedelta(hours=5))),
     MOMENT.replace(microsecond=9)],
)  # fmt: skip
def test_it_is_set(db, value):
    document = CBArticle(uid="a", channels=["c"])
    document.expires_at = value
    document.save()
    assert (expiry(), document.expires_at, CBArticle("a").expires_at) == (FAR, MOMENT, MOMENT)
    document.expires_at = None
    document.save()
    assert (expiry(), document.expires_at, CBArticle("a").expires_at) == (None, None, None)


@pytest.mark.parametrize(
    "value", ["2099-01-01", 5, True, datetime.datetime(2099, 1, 1), datetime.date(2099, 1, 1)]
)
def test_only_an_aware_datetime_is_one(value):
    with pytest.raises(CouchbaseModelError, match="datetime with a time zone"):
        CBArticle(uid="a").expires_at = value


@pytest.mark.parametrize("value", [MOMENT, FAR, 4070908800, "2099-01-01T05:00:00+05:00"])
def test_save_takes_what_the_gateway_takes(db, value):
    document = CBArticle(uid="a", channels=["c"])
    document.save(expires=value)
    assert expiry() == FAR
    document.save()
    assert expiry() == FAR
    document.title = "unsaved"
    document.save(update_fields=[], expires=None)
    assert (expiry(), CBArticle("a").title) == (None, None)
    document.save(update_fields=["tags"], expires=value)
    assert expiry() == FAR
    document.save(expires=None)
    assert expiry() is None


@pytest.mark.parametrize("value", [3600, "3600", datetime.timedelta(hours=1)])
def test_a_time_to_live_runs_once(db, value, monkeypatch):
    now = time.time()
    document = CBArticle(uid="a", channels=["c"])
    document.save(expires=value)
    ends = document.expires_at
    assert abs(ends.timestamp() - now - 3600) < 600
    monkeypatch.setattr(time, "time", lambda: now + 1800)
    document.save()
    assert document.expires_at == CBArticle("a").expires_at == ends


def test_one_in_extra_runs_once_too(db):
    document = CBArticle(uid="a", channels=["c"], extra={"_exp": 3600})
    document.save()
    ends = expiry()
    assert document.extra == CBArticle("a").extra == {"_exp": ends}


@pytest.mark.parametrize(
    "value",
    [-1, 1 << 32, 2.5, float("inf"), "tomorrow", "2099-01-01", [], MOMENT.replace(year=2200)],
)  # fmt: skip
def test_what_no_gateway_takes_is_told(db, value):
    document = CBArticle(uid="a", channels=["c"])
    with pytest.raises(CouchbaseModelError, match="Document a: it cannot expire at"):
        document.save(expires=value)
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle("a")


def test_another_program_may_have_a_field_of_that_name(db):
    from tests.testapp.models import CBCoupon

    coupon = CBCoupon(channels=["c"], expires_at=datetime.date(2030, 1, 1))
    coupon.save(expires=MOMENT)
    again = CBCoupon(coupon.uid)
    assert again.expires_at == datetime.date(2030, 1, 1)
    again.save()
    assert expiry(coupon.uid) == FAR
