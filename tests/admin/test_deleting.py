"""Deleting documents in the admin, and taking it back."""

from __future__ import annotations

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import models

from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import fields
from tests.admin.pages import LIST, stored, titles, told, url
from tests.admin.site import CBThread
from tests.gateway.access.client import ADMIN
from tests.testapp.models import Bookmark

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.site")]


def test_deleted_rows_are_marked_beside_others(boss, articles):
    SyncGateway.save_json("odd", {"doc_type": "article", "title": "Odd", "st_deleted": "yes"})
    marks = [boss.get(LIST + asked).content.decode().count("cbtools-deleted") for asked in
             ("", "?st_deleted=only", "?st_deleted=all")]  # fmt: skip
    assert marks == [0, 0, 1]
    assert boss.get(f"{LIST}?st_deleted=all&o=-6").status_code == 200


def test_deleting_is_soft_and_undone(boss, articles):
    page = boss.get(url("delete", articles[0]))
    assert "This can be undone" in page.content.decode()
    response = boss.post(url("delete", articles[0]), {"post": "yes"}, follow=True)
    assert "was deleted successfully" in told(response)[0]
    assert titles(response) == ["Beta", "Gamma"]
    assert stored("1")["st_deleted"] is True
    page = boss.get(url("change", articles[0]))
    text = page.content.decode()
    assert "This cb article is deleted" in text
    assert 'class="deletelink"' not in text
    assert "<td>Deleted.</td>" in boss.get(url("history", articles[0])).content.decode()
    undelete = fields(page, "undelete_form")
    response = boss.post(url("undelete", articles[0]), undelete, follow=True)
    assert "was undeleted successfully" in told(response)[0]
    assert "This cb article is deleted" not in response.content.decode()
    assert stored("1")["st_deleted"] is False
    flags = LogEntry.objects.order_by("pk").values_list("action_flag", flat=True)
    assert list(flags) == [3, 2]
    assert "<td>Undeleted.</td>" in boss.get(url("history", articles[0])).content.decode()


def test_undeleting_is_by_post(boss, articles):
    assert boss.get(url("undelete", articles[3])).status_code == 405
    assert stored("4")["st_deleted"] is True


def test_undeleting_needs_a_token(client, articles):
    client.handler.enforce_csrf_checks = True
    client.force_login(get_user_model().objects.create_superuser("boss"))
    assert client.post(url("undelete", articles[3])).status_code == 403
    assert stored("4")["st_deleted"] is True


def test_bulk_delete_and_undelete(boss, articles):
    sent = {"action": "delete_selected", "_selected_action": ["1", "2"]}
    page = boss.post(LIST, sent)
    assert "This can be undone" in page.content.decode()
    assert stored("1")["st_deleted"] is False
    response = boss.post(LIST, {**sent, "post": "yes"}, follow=True)
    assert told(response) == ["Successfully deleted 2 cb articles."]
    assert titles(response) == ["Gamma"]
    sent = {"action": "undelete_selected", "_selected_action": ["1", "2", "3"]}
    response = boss.post(f"{LIST}?st_deleted=all", sent, follow=True)
    assert told(response) == ["Successfully undeleted 2 cb articles."]
    assert titles(boss.get(LIST)) == ["Alpha", "Beta", "Gamma"]
    assert stored("3")["_rev"].startswith("1-")
    assert LogEntry.objects.count() == 4


def test_bulk_actions_tell_which_documents_were_refused(boss, articles):
    """The gateway has them in no channel, so that the model does not save them."""
    for uid in ("2", "4"):
        SyncGateway.save_json(uid, {**stored(uid), "channels": []})
    sent = {"action": "delete_selected", "_selected_action": ["1", "2"], "post": "yes"}
    response = boss.post(LIST, sent, follow=True)
    assert told(response) == [
        "Successfully deleted 1 cb article.",
        "CBArticle document 2: Empty channels list can not be saved",
    ]
    assert [stored(uid)["st_deleted"] for uid in "12"] == [True, False]
    assert LogEntry.objects.get().object_id == "1"
    sent = {"action": "undelete_selected", "_selected_action": ["1", "4"]}
    response = boss.post(f"{LIST}?st_deleted=only", sent, follow=True)
    assert told(response) == [
        "Successfully undeleted 1 cb article.",
        "CBArticle document 4: Empty channels list can not be saved",
    ]
    assert [stored(uid)["st_deleted"] for uid in "14"] == [False, True]
    assert list(LogEntry.objects.values_list("object_id", flat=True)) == ["1", "1"]


def test_a_number_that_no_gateway_takes_stops_no_others(boss, articles):
    body = {**stored("2"), "n": "1e400"}
    del body["_id"]
    status, _ = ADMIN.put("test_documents/2", json.dumps(body).replace('"1e400"', "1e400"))
    assert status == 201
    sent = {"action": "delete_selected", "_selected_action": ["1", "2", "3"], "post": "yes"}
    response = boss.post(LIST, sent, follow=True)
    assert told(response) == [
        "Successfully deleted 2 cb articles.",
        "CBArticle document 2: This cannot be sent as JSON: n is out of range.",
    ]
    assert titles(response) == ["Beta"]
    assert sorted(LogEntry.objects.values_list("object_id", flat=True)) == ["1", "3"]
    response = boss.post(LIST, {**sent, "_selected_action": ["2"]}, follow=True)
    assert told(response) == [
        "CBArticle document 2: This cannot be sent as JSON: n is out of range."
    ]
    assert LogEntry.objects.count() == 2


def test_the_page_that_asks_lists_what_is_deleted(boss, articles):
    thread = [CBThread(uid="t", channels=["c"]), CBThread(uid="u", channels=["c"], parent_uid="t")]
    CBThread.objects.bulk_create(
        [*thread, CBThread(uid="v", parent_uid="t", st_deleted=True, channels=["c"])]
    )
    page = boss.get("/admin/testapp/cbthread/t/delete/")
    assert page.context["deleted_objects"][0] == (
        'Cb thread: <a href="/admin/testapp/cbthread/t/change/">&lt;t&gt;</a>'
    )
    assert len(page.context["deleted_objects"][1]) == 1
    assert dict(page.context["model_count"]) == {"cb threads": 2}
    boss.post("/admin/testapp/cbthread/t/delete/", {"post": "yes"})
    assert not CBThread.objects.exists()


def test_ordinary_rows_are_not_deleted_with_a_document_that_can_come_back(
    boss, articles, monkeypatch
):
    relation = Bookmark._meta.get_field("article").remote_field
    monkeypatch.setattr(relation, "on_delete", models.CASCADE)
    Bookmark.objects.create(article=articles[0], note="stays")
    page = boss.get(url("delete", articles[0]))
    assert dict(page.context["model_count"]) == {"cb articles": 1}
    boss.post(url("delete", articles[0]), {"post": "yes"})
    assert Bookmark.objects.get().note == "stays"
