"""What phones write in other types, in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import models

from django_cbtools.admin import CouchbaseModelAdmin
from django_cbtools.models import CouchbaseModel
from django_cbtools.models.naming import whatever_is_there
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import fields
from tests.admin.site import site
from tests.counts import TORTURE
from tests.testapp.models import CBArticle, CBAuthor, CBParcel

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.site")]

LIST = "/admin/testapp/cbarticle/"
ODD = ["text", 5, -0.5, True, {"a": [1]}, [], [1, 2], ""]
KEYS = ["title", "year_published", "is_draft", "author_uid", "published", "price", "tags",
        "details", "created", "updated"]  # fmt: skip


@pytest.fixture
def boss(client):
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


def stored(uid: str) -> dict[str, Any]:
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def save(**keys: Any) -> dict[str, Any]:
    document = {"doc_type": "article", "channels": ["c"], "st_deleted": False, "title": "t",
                "year_published": 2000, "is_draft": True, **keys}  # fmt: skip
    SyncGateway.save_json("a", document)
    return document


def test_the_site_has_them_all():
    assert set(KEYS) <= {field.attname for field in CBArticle._meta.concrete_fields}
    assert {"is_draft", "author"} <= set(site.get_model_admin(CBArticle).list_display)


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("keys", [[key] for key in KEYS] if TORTURE else [KEYS[:1], KEYS[1:]])
def test_pages_are_shown_and_an_untouched_form_keeps_it(boss, keys, value):
    written = save(**dict.fromkeys(keys, value))
    rev = stored("a")["_rev"]
    assert boss.get(LIST).status_code == 200
    page = boss.get(f"{LIST}a/change/")
    assert page.status_code == 200
    response = boss.post(f"{LIST}a/change/", fields(page, "cbarticle_form"))
    assert response.status_code == 302
    document = stored("a")
    for name in written.keys() - {"updated"}:
        assert document[name] == written[name]
        assert type(document[name]) is type(written[name])
    assert document["_rev"] == rev


PARCEL = {
    "doc_type": "parcel", "channels": ["c"], "labels": ["a", "b"], "days": ["2020-01-02"],
    "place": {"city": "Oslo", "floor": 3}, "stops": [{"city": "A"}, {"city": "B", "since": None}],
    "color": "red",
}  # fmt: skip


def test_where_nothing_is_changed_nothing_is_written(boss):
    SyncGateway.save_json("p", PARCEL)
    was = stored("p")
    address = "/admin/testapp/cbparcel/p/change/"
    for _ in range(2):
        assert boss.post(address, fields(boss.get(address), "cbparcel_form")).status_code == 302
        assert stored("p") == was
    data = fields(boss.get(address), "cbparcel_form")
    assert boss.post(address, {**data, "labels": '["a", "c"]'}).status_code == 302
    now = stored("p")
    assert now["labels"] == ["a", "c"]
    assert {key: now[key] for key in PARCEL} == {**PARCEL, "labels": ["a", "c"]}


def test_what_the_admin_itself_changes_is_written(boss, monkeypatch):
    def save_model(request, obj, form, change):
        obj.extra["editor"] = request.user.username
        CouchbaseModelAdmin.save_model(parcels, request, obj, form, change)

    parcels = site.get_model_admin(CBParcel)
    monkeypatch.setattr(parcels, "save_model", save_model)
    SyncGateway.save_json("p", PARCEL)
    address = "/admin/testapp/cbparcel/p/change/"
    assert boss.post(address, fields(boss.get(address), "cbparcel_form")).status_code == 302
    assert stored("p")["editor"] == "boss"


def test_numbers_are_shown_as_they_are(boss, monkeypatch):
    articles = site.get_model_admin(CBArticle)
    monkeypatch.setattr(articles, "list_display", ["title", "price", "year_published"])
    monkeypatch.setattr(articles, "list_editable", [])
    SyncGateway.save_json("a", {"doc_type": "article", "channels": ["c"], "title": "t",
                                "price": "<abc>", "year_published": "MMXIV"})  # fmt: skip
    SyncGateway.save_json("b", {"doc_type": "article", "channels": ["c"], "title": "t",
                                "price": [1], "year_published": {"a": 1}})  # fmt: skip
    page = boss.get(LIST).rendered_content
    assert '<td class="field-price">&lt;abc&gt;</td>' in page
    assert '<td class="field-year_published">MMXIV</td>' in page
    assert '<td class="field-price">[1]</td>' in page
    assert '<td class="field-year_published">{&quot;a&quot;: 1}</td>' in page
    page = boss.get(f"{LIST}a/change/").rendered_content
    assert '<input type="text" name="price" value="&lt;abc&gt;"' in page
    assert '<input type="text" name="year_published" value="MMXIV"' in page
    monkeypatch.setattr(articles, "readonly_fields", ["price", "is_draft"])
    page = boss.get(f"{LIST}a/change/").rendered_content
    assert '<div class="readonly">&lt;abc&gt;</div>' in page
    assert stored("a")["price"] == "<abc>"


@pytest.mark.parametrize("value", ["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00"])
def test_moments_that_the_time_zone_has_not(boss, monkeypatch, settings, value):
    settings.TIME_ZONE = "Europe/Berlin"
    articles = site.get_model_admin(CBArticle)
    monkeypatch.setattr(articles, "list_display", ["title", "published", "updated"])
    monkeypatch.setattr(articles, "list_editable", [])
    monkeypatch.setattr(articles, "date_hierarchy", None)
    monkeypatch.setattr(articles, "readonly_fields", ["created"])
    save(published=value)
    SyncGateway.save_json("a", {**stored("a"), "created": value, "updated": value})
    was = stored("a")
    page = boss.get(LIST).rendered_content
    assert f'<td class="field-published">{value}</td>' in page
    page = boss.get(f"{LIST}a/change/")
    assert f'<div class="readonly">{value}</div>' in page.rendered_content
    assert boss.post(f"{LIST}a/change/", fields(page, "cbarticle_form")).status_code == 302
    assert stored("a") == was
    assert f"<h3><span>{value}</span>" in boss.get(f"{LIST}a/history/").rendered_content


AUTHORS = "/admin/testapp/cbauthor/"


@pytest.fixture
def called_by_name(monkeypatch):
    """Authors whose ``__str__`` gives their name, as most models' do."""
    monkeypatch.setattr(CBAuthor, "__str__", whatever_is_there(lambda author: author.name))


@pytest.mark.parametrize("value", [*ODD, None], ids=repr)
def test_an_odd_document_can_be_removed(boss, called_by_name, value):
    SyncGateway.save_json("a", {"doc_type": "author", "channels": ["c"], "name": value})
    SyncGateway.save_json("b", {"doc_type": "author", "channels": ["c"], "name": "Bob"})
    for page in (AUTHORS, f"{AUTHORS}?q=b", f"{AUTHORS}a/change/", f"{AUTHORS}a/history/",
                 f"{AUTHORS}a/delete/"):  # fmt: skip
        assert boss.get(page).status_code == 200, page
    action = {"action": "delete_selected", "_selected_action": ["a", "b"]}
    assert boss.post(AUTHORS, action).status_code == 200
    assert boss.post(f"{AUTHORS}a/delete/", {"post": "yes"}).status_code == 302
    assert stored("a")["st_deleted"]


def test_what_it_is_called():
    class Loud(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        doc_type = "loud"
        name = models.CharField(max_length=10)

        def __str__(self):
            return self.name.upper()

    class Quiet(Loud):
        class Meta:
            abstract = True
            app_label = "testapp"

        doc_type = "quiet"

    class Mixed(NameIsText, CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        doc_type = "mixed"
        name = models.CharField(max_length=10)

    for model in (Loud, Quiet, Mixed):
        for uid, name in (("a", "x"), ("b", 5), ("c", None), ("d", ["x"])):
            SyncGateway.save_json(
                f"{model.__name__}-{uid}",
                {"doc_type": model.type_name(), "channels": ["c"], "name": name},
            )
    assert [str(Loud(f"Loud-{uid}")) for uid in "abcd"] == ["X", "Loud-b", "Loud-c", "Loud-d"]
    assert repr(Quiet("Quiet-b")) == "<Quiet: Quiet-b>"
    assert [str(Mixed(f"Mixed-{uid}")) for uid in "abcd"] == ["x", "5", "None", "['x']"]
    with pytest.raises(AttributeError, match="nobody"):
        whatever_is_there(lambda document: document.nobody)(Loud(uid="u", name="x"))


class NameIsText:
    def __str__(self):
        return self.name
