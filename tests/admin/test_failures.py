"""What the admin tells where the gateway refuses, and how it is set up."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from django_cbtools.admin.checks import check_admins
from django_cbtools.exceptions import SyncGatewayForbidden, SyncGatewayUnavailable
from django_cbtools.forms import ChannelsField
from django_cbtools.sync_gateway import SyncGateway
from tests import programs
from tests.admin.browser import fields
from tests.admin.pages import LIST, told, url
from tests.admin.site import site
from tests.testapp.models import CBArticle

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.site")]


# ------------------------------------------------------------------------ failures


@pytest.mark.parametrize("error", [SyncGatewayForbidden, SyncGatewayUnavailable])
def test_what_the_gateway_refuses_is_told_in_the_form(boss, articles, monkeypatch, error):
    def refuse(document: Any) -> None:
        raise error("The gateway says <no>.", uid=getattr(document, "uid", None))

    page = boss.get(url("change", articles[0]))
    sent = {**fields(page, "cbarticle_form"), "title": "Mine"}
    rows = fields(boss.get(LIST), "changelist-form")
    monkeypatch.setattr(SyncGateway, "save_document", staticmethod(refuse))
    monkeypatch.setattr(SyncGateway, "save_documents", staticmethod(refuse))
    response = boss.post(page.wsgi_request.path, sent)
    assert "The gateway says &lt;no&gt;." in response.content.decode()
    assert fields(response, "cbarticle_form")["title"] == "Mine"
    response = boss.post(LIST, {**rows, "form-0-year_published": "1", "_save": "Save"})
    assert "The gateway says &lt;no&gt;." in response.content.decode()
    assert fields(response, "changelist-form")["form-0-year_published"] == "1"
    response = boss.post(url("delete", articles[0]), {"post": "yes"}, follow=True)
    assert told(response) == ["CBArticle document 1: The gateway says <no>."]
    response = boss.post(url("undelete", articles[3]), follow=True)
    assert told(response) == ["CBArticle document 4: The gateway says <no>."]
    action = {"action": "undelete_selected", "_selected_action": ["4"]}
    response = boss.post(f"{LIST}?st_deleted=only", action, follow=True)
    assert told(response) == ["The gateway says <no>."]
    assert not LogEntry.objects.exists()


def test_a_form_without_channels_tells_that_there_are_none(boss, monkeypatch):
    monkeypatch.setattr(site._registry[CBArticle], "fields", ["title"])
    page = boss.get("/admin/testapp/cbarticle/add/")
    sent = {**fields(page, "cbarticle_form"), "title": "New"}
    assert "channels" not in sent
    response = boss.post("/admin/testapp/cbarticle/add/", sent)
    assert "Empty channels list can not be saved" in response.content.decode()


# ------------------------------------------------------------------------ setup


def test_content_types_are_found_by_document():
    assert ContentType.objects.get_for_model(CBArticle).model_class() is CBArticle


def test_checks_know_the_admins_of_documents():
    assert site.check(None) == []
    before = check_admins(None)  # of what other tests declare
    assert not [found for found in before if "tests.admin.site" in found.msg]
    plain = admin.AdminSite(name="plain")
    plain.register(CBArticle)
    (found,) = (found for found in check_admins(None) if found not in before)
    assert (found.id, found.obj) == ("cbtools.W010", CBArticle)
    assert "django.contrib.admin.options.ModelAdmin, for testapp.CBArticle" in found.msg


def test_channels_of_another_type_are_shown():
    assert ChannelsField().prepare_value("c") == "c"
    assert not ChannelsField().has_changed("c", "c")
    assert ChannelsField().has_changed(None, "c")
    assert not ChannelsField().has_changed(["a", "b"], "a\r\nb")


def test_documents_in_a_database_of_their_own():
    assert programs.run("-W", "error", "-m", "tests.admin.apart") == "done\n"
