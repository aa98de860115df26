"""Relations in the admin: choosing documents, and inlines."""

from __future__ import annotations

import pytest

from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import fields
from tests.admin.pages import stored, url
from tests.testapp.models import Bookmark, CBArticle, CBAuthor, CBReview

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.site")]


def test_autocomplete(boss, articles):
    assert "admin-autocomplete" in boss.get("/admin/testapp/cbreview/add/").content.decode()
    CBAuthor("bob").delete()
    asked = {"app_label": "testapp", "model_name": "cbreview", "field_name": "author"}
    found = boss.get("/admin/autocomplete/", {**asked, "term": "AN"}).json()
    assert [row["id"] for row in found["results"]] == ["ann"]
    found = boss.get("/admin/autocomplete/", asked).json()
    assert [row["id"] for row in found["results"]] == ["ann"]


def test_autocomplete_saves(boss, articles):
    CBReview(uid="r", title="Nice", author_uid="ann", year_published=1, channels=["c"]).save()
    page = boss.get(url("change", CBReview("r")))
    sent = fields(page, "cbreview_form")
    assert sent["author"] == "ann"
    boss.post(page.wsgi_request.path, {**sent, "author": "bob"})
    assert stored("r")["author_uid"] == "bob"
    assert stored("r")["channels"] == ["c"]


def test_an_ordinary_model_chooses_documents(boss, articles):
    page = boss.get("/admin/testapp/bookmark/add/")
    sent = {**fields(page, "bookmark_form"), "article": "2", "note": "n"}
    boss.post("/admin/testapp/bookmark/add/", sent)
    bookmark = Bookmark.objects.get()
    assert bookmark.article == articles[1]
    assert url("change", articles[1]) in boss.get(url("change", bookmark)).content.decode()


def test_inlines_of_ordinary_models(boss, articles):
    page = boss.get(url("change", articles[0]))
    (prefix,) = [
        name.removesuffix("-TOTAL_FORMS")
        for name in fields(page, "cbarticle_form")
        if name.endswith("-TOTAL_FORMS") and name != "details-TOTAL_FORMS"
    ]
    sent = {**fields(page, "cbarticle_form"), f"{prefix}-0-note": "read me"}
    boss.post(page.wsgi_request.path, sent)
    assert Bookmark.objects.get().article_uid == "1"
    assert 'value="read me"' in boss.get(page.wsgi_request.path).content.decode()


def test_inlines_of_documents(boss, articles):
    page = boss.get("/admin/testapp/cbauthor/ann/change/")
    sent = fields(page, "cbauthor_form")
    assert (sent["articles-0-title"], sent["articles-0-channels"]) == ("Alpha", "c")
    sent |= {"articles-0-title": "Alef", "articles-1-title": "New", "articles-1-channels": "d"}
    boss.post(page.wsgi_request.path, sent)
    assert stored("1")["title"] == "Alef"
    assert stored("1")["year_published"] == 2019
    new = CBArticle.objects.get(title="New")
    assert (new.author_uid, new.channels) == ("ann", ["d"])
    sent = fields(boss.get(page.wsgi_request.path), "cbauthor_form")
    boss.post(page.wsgi_request.path, {**sent, "articles-0-DELETE": "on"})
    assert [stored("1")["st_deleted"], CBArticle.objects.filter(author="ann").count()] == [True, 1]


def test_an_inline_tells_of_a_document_that_is_elsewhere_by_now(boss, articles):
    path = "/admin/testapp/cbauthor/ann/change/"
    sent = fields(boss.get(path), "cbauthor_form")
    SyncGateway.save_json("1", {**stored("1"), "author_uid": "bob"})
    before = stored("1")
    page = boss.post(path, {**sent, "articles-0-title": "Mine"})
    assert "moved or deleted" in page.content.decode()
    assert fields(page, "cbauthor_form")["articles-0-title"] == "Mine"
    assert boss.post(path, {**sent, "name": "Anna"}).status_code == 302  # nothing entered in it
    assert (stored("ann")["name"], stored("1")) == ("Anna", before)
