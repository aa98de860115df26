"""The management commands."""

from __future__ import annotations

import datetime

import pytest
from django.core.management import call_command
from django.utils import timezone

from django_cbtools.management.commands import clear_st_deleted, create_sg_users
from django_cbtools.models import query_view
from django_cbtools.query import Query
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayNotFound
from tests.testapp.models import CBArticle

from .conftest import drop_design, eventually


@pytest.fixture
def deployed(gateway):
    call_command("create_cb_views", verbosity=0)
    yield
    for name in ("django_cbtools", "testapp"):
        drop_design(name)


def delete_softly(days_ago):
    document = CBArticle(title=f"deleted {days_ago} days ago", channels=["c"])
    document.save()
    document.delete()
    body = SyncGateway.all_docs([document.uid])["rows"][0]["doc"]
    body["updated"] = (timezone.now() - datetime.timedelta(days=days_ago)).isoformat()
    SyncGateway.save_json(document.uid, body)
    return document.uid


def alive():
    document = CBArticle(title="alive", channels=["c"])
    document.save()
    return document.uid


def exist(*uids):
    return ["error" not in row for row in SyncGateway.all_docs(uids)["rows"]]


def indexed(*uids):
    """Wait until these are the documents that the view has as soft-deleted: as many may be old."""
    eventually(lambda: sorted(query_view("deleted_documents", None, Query())), sorted(uids))


def test_create_sg_users(user, settings):
    settings.SYNC_GATEWAY_GUEST_USER = user("guest")
    settings.SYNC_GATEWAY_GUEST_PASSWORD = "guest's secret"
    SyncGateway.delete_user(settings.SYNC_GATEWAY_GUEST_USER)
    create_sg_users.Command().handle()
    guest = SyncGateway.get_user(settings.SYNC_GATEWAY_GUEST_USER)
    assert guest["admin_channels"] == ["public"]
    admin = SyncGateway.get_user(settings.SYNC_GATEWAY_USER)
    assert "*" in admin["admin_channels"]


def test_create_sg_users_without_a_guest(user, settings):
    name = user("guest")
    SyncGateway.delete_user(name)
    settings.SYNC_GATEWAY_GUEST_USER = None
    call_command("create_sg_users")
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_user(name)


def test_clear_st_deleted(deployed):
    uids = delete_softly(32), delete_softly(5), alive()
    indexed(*uids[:2])
    clear_st_deleted.Command().handle()
    assert exist(*uids) == [False, True, True]
    clear_st_deleted.Command().handle()
    assert exist(*uids) == [False, True, True]


def test_clear_st_deleted_after_days(deployed, capsys):
    recent, living = delete_softly(5), alive()
    indexed(recent)
    call_command("clear_st_deleted", days=3, dry_run=True)
    assert capsys.readouterr().out.strip() == recent
    assert exist(recent, living) == [True, True]
    call_command("clear_st_deleted", days=3, verbosity=0)
    assert exist(recent, living) == [False, True]


def test_clear_st_deleted_spares_what_was_brought_back(deployed, monkeypatch):
    uid = delete_softly(40)
    indexed(uid)
    real = clear_st_deleted.query_view

    def found_and_then_restored(*args):
        uids = real(*args)
        document = CBArticle(uid)
        document.st_deleted = False
        document.save()
        return uids

    monkeypatch.setattr(clear_st_deleted, "query_view", found_and_then_restored)
    clear_st_deleted.Command().handle()
    assert exist(uid) == [True]


def test_clear_st_deleted_spares_what_has_another_value(deployed, monkeypatch, capsys):
    """``objects`` has a document in which a phone wrote "yes"."""
    gone, odd = delete_softly(40), alive()
    document = SyncGateway.all_docs([odd])["rows"][0]["doc"]
    SyncGateway.save_json(odd, {**document, "st_deleted": "yes", "updated": "2020-01-01"})
    indexed(gone)
    call_command("clear_st_deleted", dry_run=True)
    assert capsys.readouterr().out.strip() == gone
    monkeypatch.setattr(clear_st_deleted, "query_view", lambda *args: [gone, odd])
    clear_st_deleted.Command().handle()
    assert exist(gone, odd) == [False, True]
