"""Attachments on documents' pages."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model

from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import fields
from tests.testapp.models import CBArticle

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.site")]

PNG = b"\x89PNG\r\n\x1a\n"
PAGE = "/admin/testapp/cbarticle/{}/change/"


@pytest.fixture
def boss(client):
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


@pytest.fixture
def article():
    document = CBArticle(title="t", channels=["c"])
    document.save()
    return document


def shown(client, document):
    """The list of attachments on a document's page, and the links in it."""
    page = client.get(PAGE.format(quote(document.uid))).content.decode()
    found = re.search(r'<fieldset class="module" id="attachments">(.*?)</fieldset>', page, re.S)
    part = found[1] if found else ""
    return page, part, [html.unescape(url) for url in re.findall(r'href="([^"]*)"', part)]


def test_what_a_phone_attached(boss, article):
    names = {
        "photo.png": ("image/png", PNG), "evil.svg": ("image/svg+xml", b"<svg onload=alert(1)>"),
        "page.html": ("text/html", b"<script>"), 'a"><b>&é\n?#.txt': ("text/plain", b"text"),
        "../up": ("text/plain", b"up"), "blob_/photo": ("image/jpeg", b"jpeg"), "bare": (None, b""),
    }  # fmt: skip
    for name, (content_type, content) in names.items():
        if name != "../up":
            article.attachments.add(name, content, content_type)
    article.attachments.add("n" * 300, b"x" * 2048)
    article.extra["_attachments"]["../up"] = {"data": "dXA=", "content_type": "text/plain"}
    article.save()
    page, part, links = shown(boss, article)
    assert "field-extra" not in page
    assert "2.0\xa0KB" in part
    assert "../up" in part
    assert part.count("<img") == 2
    assert "<b>" not in part
    assert len(links) == 2 * 7
    for link in links:
        response = boss.get(link)
        assert response.status_code == 200
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        kind = response.headers["Content-Disposition"].partition(";")[0]
        is_active = any(each in link for each in ("svg", "html", "save=1", "bare"))
        assert kind == ("attachment" if is_active or "n" * 300 in link else "inline"), link
        b"".join(response)


def test_page_without_attachments(boss, article):
    assert shown(boss, article)[1] == ""
    article.extra["color"] = "red"
    article.attachments.add("a.png", PNG)
    article.save()
    extra = re.search(
        r'field-extra.*?<div class="readonly">(.*?)</div>', shown(boss, article)[0], re.S
    )
    assert ("red" in extra[1], "_attachments" in extra[1]) == (True, False)


def test_saving_the_page_keeps_them(boss, article):
    article.attachments.add("a.png", PNG)
    article.save()
    page = boss.get(PAGE.format(quote(article.uid)))
    data = {**fields(page, "cbarticle_form"), "title": "new"}
    response = boss.post(PAGE.format(quote(article.uid)), data)
    assert response.status_code == 302, response.content
    loaded = CBArticle(article.uid)
    assert (loaded.title, loaded.attachments["a.png"].read()) == ("new", PNG)


def test_who_may_see_them(client, boss, article):
    article.attachments.add("a.png", PNG)
    article.save()
    link = shown(boss, article)[2][0]
    assert boss.post(link).status_code == 405
    assert boss.get(link.replace("a.png", "no")).status_code == 404
    assert boss.get(link.replace(article.uid, "no")).status_code == 404
    client.force_login(get_user_model().objects.create_user("ann", is_staff=True))
    assert client.get(link).status_code == 403
    client.logout()
    assert client.get(link).status_code == 302
    assert SyncGateway.bulk_get([article.uid])[0]["doc"]["_attachments"]
