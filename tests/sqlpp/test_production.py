"""Documents in production: a gateway that writes them, and a query service that reads their bodies.

QUERY_URL may name a real query service: then it is asked.
"""

from __future__ import annotations

import copy
import datetime
import pickle
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connections
from django.db.models import Value
from django.forms import modelform_factory
from django.urls import reverse
from django.utils import timezone

from django_cbtools.admin.forms import DocumentForm
from django_cbtools.exceptions import SyncGatewayBulkError, SyncGatewayConflict
from django_cbtools.models import merge_fields
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.transport.transport import Transport
from tests.admin.browser import fields
from tests.testapp.models import CBArticle

from .bucket import OTHERS, Bucket

PHOTO = {"photo.png": {"content_type": "image/png", "data": "aGVsbG8="}}
SOON = (timezone.now() + datetime.timedelta(days=3)).replace(microsecond=0)


@pytest.fixture
def bucket(couchbase_alias: Any, gateway_by_http: Any, settings: Any) -> Any:
    with Bucket() as bucket:
        couchbase_alias(bucket.url)
        settings.SYNC_GATEWAY_OPTIONS = {"pool_size": 1}
        yield bucket


@pytest.fixture
def gateway(monkeypatch: Any) -> Gateway:
    return Gateway(monkeypatch)


class Gateway:
    """What the gateway is asked: ``_bulk_get`` and ``_bulk_docs``, or PUT of a document.

    ``before`` is done before the next request that it is about.
    """

    def __init__(self, monkeypatch: Any) -> None:
        self.asked: Counter[str] = Counter()
        self.before: dict[str, Callable[[], None]] = {}
        send = Transport.send

        def counted(
            transport: Any, address: Any, method: str, path: str, *args: Any, **kwargs: Any
        ) -> Any:
            name = path.partition("?")[0].rpartition("/")[2]
            name = name if name.startswith("_") else method
            self.before.pop(name, lambda: None)()
            self.asked[name] += 1
            return send(transport, address, method, path, *args, **kwargs)

        monkeypatch.setattr(Transport, "send", counted)


def put(uid: str = "a", **body: Any) -> None:
    """Write as a phone does it, on top of what is there."""
    there = SyncGateway.bulk_get([uid])[0].get("doc", {})
    kept = {key: value for key, value in there.items() if key != "_cv"}
    first = {"doc_type": "article", "channels": ["c"], "st_deleted": False}
    SyncGateway.save_json(uid, {**first, **kept, **body})


def stored(uid: str = "a") -> Any:
    return SyncGateway.bulk_get([uid])[0]["doc"]


BODY = {
    "title": "t",
    "color": "red",
    "big": 2**60 + 1,
    "more": [0.1, {"n": 12345678901234567890123}],
}


def make(*uids: str) -> None:
    for uid in uids:
        put(uid, **BODY, _attachments=PHOTO, _exp=SOON.isoformat())


def changed(document: Any) -> Any:
    document.title = "changed"
    return document


def all_changed() -> list[Any]:
    return [changed(document) for document in CBArticle.objects.all()]


def by_form(document: Any) -> None:
    form = modelform_factory(CBArticle, form=DocumentForm, fields=["title"])
    page = form(instance=document)
    sent = form({"title": "changed", "revision": page["revision"].value()}, instance=document)
    assert sent.is_valid(), sent.errors
    sent.save()


#: A write, and what the gateway is asked for it where there is one document, or are many.
WRITES: dict[str, tuple[Callable[[Any], Any], dict[str, int]]] = {
    "save": (lambda one: changed(one).save(), {"_bulk_get": 1, "PUT": 1}),
    "fields": (lambda one: changed(one).save(update_fields=["title"]), {"_bulk_get": 1, "PUT": 1}),
    "form": (by_form, {"_bulk_get": 1, "PUT": 1}),
    "delete": (lambda one: one.delete(), {"_bulk_get": 1, "PUT": 1}),
    "update": (
        lambda one: CBArticle.objects.update(title="changed"),
        {"_bulk_get": 1, "_bulk_docs": 1},
    ),
    "computed": (
        lambda one: CBArticle.objects.filter(title="t").update(title=Value("changed")),
        {"_bulk_get": 1, "_bulk_docs": 1},
    ),
    "bulk_update": (
        lambda one: CBArticle.objects.bulk_update(all_changed(), ["title"]),
        {"_bulk_get": 1, "_bulk_docs": 1},
    ),
    "delete all": (
        lambda one: CBArticle.objects.all().delete(), {"_bulk_get": 1, "_bulk_docs": 1}
    ),
}  # fmt: skip
writes = pytest.mark.parametrize("name", WRITES)


@writes
def test_what_sql_does_not_show_is_kept(bucket: Any, gateway: Gateway, name: str) -> None:
    make("a", "b")
    write, expected = WRITES[name]
    one = CBArticle.objects.filter(pk="a").get()
    assert "_attachments" not in one.extra
    assert "_exp" not in one.extra
    gateway.asked.clear()
    write(one)
    assert gateway.asked == expected
    now = stored()
    assert list(now["_attachments"]) == ["photo.png"]
    assert datetime.datetime.fromisoformat(now["_exp"].replace("Z", "+00:00")) == SOON
    assert {key: now[key] for key in ("color", "big", "more")} == {
        key: BODY[key] for key in ("color", "big", "more")
    }
    assert now["st_deleted"] if "delete" in name else now["title"] == "changed"


@pytest.mark.parametrize("name", ["save", "fields", "delete"])
def test_a_phone_writes_between_read_and_save(bucket: Any, gateway: Gateway, name: str) -> None:
    make("a")
    one = CBArticle.objects.get()
    put(title="a phone's")
    before = stored()
    gateway.asked.clear()
    with pytest.raises(SyncGatewayConflict):
        WRITES[name][0](one)
    assert stored() == before


@pytest.mark.parametrize("name", ["save", "fields", "delete"])
def test_a_phone_writes_after_the_revision_was_asked(
    bucket: Any, gateway: Gateway, name: str
) -> None:
    make("a")
    one = CBArticle.objects.get()
    gateway.before["PUT"] = lambda: put(title="a phone's")
    with pytest.raises(SyncGatewayConflict):
        WRITES[name][0](one)
    assert stored()["title"] == "a phone's"
    assert "year_published" not in stored()


@pytest.mark.parametrize("moment", ["_bulk_get", "_bulk_docs"])
def test_a_phone_writes_during_an_update(bucket: Any, gateway: Gateway, moment: str) -> None:
    """What matches still is written on top of what the phone wrote."""
    make("a", "b")
    gateway.before[moment] = lambda: put(color="blue")
    assert CBArticle.objects.update(title="changed") == 2
    assert (stored()["color"], stored()["title"]) == ("blue", "changed")


@pytest.mark.parametrize("moment", ["_bulk_get", "_bulk_docs"])
@pytest.mark.parametrize("name", ["bulk_update", "delete all"])
def test_a_phone_writes_during_a_bulk_write(
    bucket: Any, gateway: Gateway, name: str, moment: str
) -> None:
    make("a", "b")
    gateway.before[moment] = lambda: put(color="blue")
    with pytest.raises(SyncGatewayBulkError) as refused:
        WRITES[name][0](None)
    assert refused.value.errors.keys() == {"a"}
    assert stored()["color"] == "blue"
    assert stored()["title"] == "t"
    assert not stored()["st_deleted"]


@pytest.mark.parametrize("name", ["save", "fields", "delete"])
def test_a_phone_deletes_between_read_and_save(bucket: Any, name: str) -> None:
    make("a")
    one = CBArticle.objects.get()
    SyncGateway.delete_document("a", stored()["_rev"])
    with pytest.raises((SyncGatewayConflict, DatabaseError)):
        WRITES[name][0](one)
    assert "doc" not in SyncGateway.bulk_get(["a"])[0]
    assert not CBArticle.all_objects.count()


def test_both_changes_are_merged(bucket: Any) -> None:
    make("a")
    one = CBArticle.objects.get()
    put(color="blue")
    changed(one).save(merge=merge_fields)
    now = stored()
    assert (now["color"], now["title"], now["big"]) == ("blue", "changed", 2**60 + 1)
    assert list(now["_attachments"]) == ["photo.png"]


def test_many_are_written_in_few_requests(bucket: Any, gateway: Gateway) -> None:
    make(*(f"a{n}" for n in range(20)))
    gateway.asked.clear()
    assert CBArticle.objects.update(title="changed") == 20
    assert gateway.asked == {"_bulk_get": 1, "_bulk_docs": 1}
    assert len(bucket.statements) == 2


def test_a_request_of_the_site_ends(bucket: Any) -> None:
    assert not CBArticle.objects.exists()
    connections["server"].close()
    connections["server"].connect()
    assert not CBArticle.objects.exists()


def test_reading_asks_no_gateway(bucket: Any, gateway: Gateway) -> None:
    make("a", "b")
    gateway.asked.clear()
    found = list(CBArticle.objects.all())
    assert [str(one.title) for one in found] == ["t", "t"]
    found[0].full_clean(exclude=["rev"])
    pickle.loads(pickle.dumps(copy.copy(found[0])))
    assert not gateway.asked


def test_expiry_and_revision_are_asked_once(bucket: Any, gateway: Gateway) -> None:
    make("a")
    one = CBArticle.objects.get()
    gateway.asked.clear()
    assert one.expires_at == one.expires_at == SOON
    assert one.rev == stored()["_rev"]
    assert "_attachments" in one.extra
    changed(one).save()
    assert gateway.asked == {"_bulk_get": 2, "PUT": 1}  # one of them is stored()'s
    one.expires_at = None
    one.save()
    assert stored().get("_exp") is None


def test_a_new_expiry(bucket: Any) -> None:
    make("a")
    CBArticle.objects.get().save(expires=datetime.timedelta(days=30))
    later = CBArticle.objects.get().expires_at
    assert later is not None
    assert later > SOON
    assert list(stored()["_attachments"]) == ["photo.png"]


def test_what_is_no_document_of_the_class_is_not_found(bucket: Any) -> None:
    make("a", "deleted")
    SyncGateway.delete_document("deleted", stored("deleted")["_rev"])
    assert CBArticle.all_objects.count() == 1
    assert [one.uid for one in CBArticle.all_objects.all()] == ["a"]
    assert not CBArticle.all_objects.filter(pk__in=[*OTHERS, "deleted"]).exists()


def test_a_backup(bucket: Any, gateway: Gateway, tmp_path: Any) -> None:
    """It has what the gateway alone has, asked for in one request."""
    make("a", "b")
    before, path = stored(), str(tmp_path / "backup.json")
    gateway.asked.clear()
    call_command("dumpdata", "testapp.CBArticle", database="server", output=path)
    assert gateway.asked == {"_bulk_get": 1}
    CBArticle.objects.update(title="changed", extra={})
    call_command("loaddata", path, verbosity=0, database="server")
    now = stored()
    for key in ("title", "color", "big", "more", "_exp"):
        assert now[key] == before[key]
    assert list(now["_attachments"]) == ["photo.png"]


def test_the_admin(bucket: Any, gateway: Gateway, settings: Any, admin_client: Any) -> None:
    settings.ROOT_URLCONF = "tests.admin.site"
    make("a")
    url = reverse("admin:testapp_cbarticle_change", args=["a"])
    gateway.asked.clear()
    page = admin_client.get(url)
    assert gateway.asked == {"_bulk_get": 1}
    sent = fields(page, "cbarticle_form")
    gateway.asked.clear()
    answer = admin_client.post(url, {**sent, "title": "changed"})
    assert answer.status_code == 302, answer.context["errors"]
    assert gateway.asked == {"_bulk_get": 1, "PUT": 1}
    now = stored()
    assert (now["title"], now["big"], now["color"]) == ("changed", 2**60 + 1, "red")
    assert list(now["_attachments"]) == ["photo.png"]
    assert "_exp" in now
    put(color="blue")
    answer = admin_client.post(url, {**sent, "title": "once more"})
    assert answer.status_code == 200
    assert stored()["title"] == "changed"
