"""Content types and permissions of documents, and what staff may do with them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import models
from django.db.migrations.state import ProjectState
from django.test import override_settings

from django_cbtools.models import CouchbaseModel
from django_cbtools.permissions import create_document_permissions
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import fields
from tests.testapp.models import CBArticle

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.site")]

LIST = "/admin/testapp/cbarticle/"
TESTAPP = apps.get_app_config("testapp")


class CBSpecial(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"
        default_permissions = ("view",)
        permissions = [("bless_cbspecial", "Can bless")]
        verbose_name = "special thing"

    doc_type = "special"
    uid_prefix = "spc"
    name = models.CharField(max_length=10)


@pytest.fixture(autouse=True)
def _content_types() -> Iterator[None]:
    """What a test made of them is rolled back, and must not be remembered."""
    yield
    ContentType.objects.clear_cache()


def permissions(model: str) -> dict[str, str]:
    found = Permission.objects.filter(content_type__app_label="testapp", content_type__model=model)
    return dict(found.values_list("codename", "name"))


# ------------------------------------------------------------------------ made


def test_they_are_made_after_migrate():
    assert permissions("cbarticle") == {
        f"{action}_cbarticle": f"Can {action} cb article"
        for action in ("add", "change", "delete", "view")
    }
    assert permissions("cbspecial") == {
        "view_cbspecial": "Can view special thing",
        "bless_cbspecial": "Can bless",
    }
    assert not permissions("cbpayment")  # nested: part of other documents


def test_a_missing_one_is_made_again_and_no_other(capsys):
    # Other tests may have declared documents since the tables were made.
    create_document_permissions(TESTAPP, verbosity=0, using="default")
    before = set(Permission.objects.values_list("pk", flat=True))
    Permission.objects.get(codename="view_cbarticle").delete()
    ContentType.objects.get(model="cbauthor").delete()
    create_document_permissions(TESTAPP, verbosity=2, using="default")
    assert len(permissions("cbarticle")) == len(permissions("cbauthor")) == 4
    assert len(set(Permission.objects.values_list("pk", flat=True)) - before) == 5
    told = capsys.readouterr().out
    assert "Adding content type 'testapp | cbauthor'" in told
    assert "Adding permission" in told
    create_document_permissions(TESTAPP, verbosity=2, using="default")
    assert capsys.readouterr().out == ""


def test_migrate_tells_nothing_of_documents_that_are_known():
    told = io.StringIO()
    call_command("migrate", verbosity=1, stdout=told)
    assert "No migrations to apply" in told.getvalue()
    assert len(permissions("cbarticle")) == 4


def test_without_content_types_or_permissions_nothing_is_made(django_assert_num_queries):
    with django_assert_num_queries(0):
        create_document_permissions(TESTAPP, verbosity=0, using="default", apps=ProjectState().apps)


class NoAuthHere:
    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label in ("auth", "contenttypes") else None


@override_settings(DATABASE_ROUTERS=[NoAuthHere()])
def test_routers_are_asked(django_assert_num_queries):
    with django_assert_num_queries(0):
        create_document_permissions(TESTAPP, verbosity=0, using="default")


def test_remove_stale_contenttypes_keeps_them():
    ContentType.objects.create(app_label="testapp", model="cbforgotten")
    before = permissions("cbarticle")
    call_command("remove_stale_contenttypes", interactive=False, verbosity=0)
    assert permissions("cbarticle") == before
    assert ContentType.objects.filter(model="cbarticle").exists()
    assert not ContentType.objects.filter(model="cbforgotten").exists()


# ------------------------------------------------------------------------ honoured


@pytest.fixture
def staff(client):
    """A browser of somebody with a few permissions."""

    def log_in(*codenames: str) -> Any:
        user = get_user_model().objects.create_user("staff", is_staff=True)
        found = Permission.objects.filter(codename__in=codenames)
        assert len(found) == len(codenames)
        user.user_permissions.set(found)
        client.force_login(user)
        return client

    return log_in


@pytest.fixture(autouse=True)
def article():
    article = CBArticle(uid="1", title="Base", channels=["c"])
    article.save()
    CBArticle(uid="2", title="Gone", channels=["c"], st_deleted=True).save()
    return article


def stored(uid: str = "1") -> dict[str, Any]:
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


PAGES = ("", "1/change/", "1/history/", "add/", "1/delete/")


@pytest.mark.parametrize(
    ("codename", "allowed"),
    [
        (None, ""),
        ("view_cbauthor", ""),
        ("view_cbarticle", "1/change/ 1/history/"),
        ("change_cbarticle", "1/change/ 1/history/"),
        ("add_cbarticle", "add/"),
        ("delete_cbarticle", "1/delete/"),
    ],
)
def test_pages_that_staff_may_see(staff, codename, allowed):
    browser = staff(*([codename] if codename else []))
    seen = {page for page in PAGES if browser.get(LIST + page).status_code == 200}
    listed = {""} if "change/" in allowed else set()
    assert seen == {*allowed.split(), *listed}


def test_who_may_view_may_not_change(staff):
    browser = staff("view_cbarticle")
    page = browser.get(f"{LIST}1/change/")
    text = page.content.decode()
    assert "Base" in text
    assert 'name="title"' not in text
    assert 'name="revision"' not in text
    assert "Revision" not in text
    for address in ("1/change/", "1/delete/", "2/undelete/", "add/"):
        assert browser.post(LIST + address, {"title": "x", "post": "yes"}).status_code == 403
    assert "undelete_form" not in browser.get(f"{LIST}2/change/").content.decode()
    for action in ("delete_selected", "undelete_selected"):
        sent = {"action": action, "_selected_action": ["1", "2"], "post": "yes"}
        browser.post(f"{LIST}?st_deleted=all", sent)
    assert stored()["_rev"].startswith("1-")
    assert stored("2")["_rev"].startswith("1-")


def test_who_may_change_may_undelete_and_not_delete(staff):
    browser = staff("change_cbarticle")
    sent = {**fields(browser.get(f"{LIST}1/change/"), "cbarticle_form"), "title": "After"}
    browser.post(f"{LIST}1/change/", sent)
    assert stored()["title"] == "After"
    browser.post(f"{LIST}2/undelete/")
    assert stored("2")["st_deleted"] is False
    browser.post(LIST, {"action": "delete_selected", "_selected_action": ["1"], "post": "yes"})
    assert browser.post(f"{LIST}1/delete/", {"post": "yes"}).status_code == 403
    assert stored()["st_deleted"] is False


def test_who_may_delete_may_not_undelete(staff):
    browser = staff("delete_cbarticle", "view_cbarticle")
    browser.post(f"{LIST}1/delete/", {"post": "yes"})
    assert stored()["st_deleted"] is True
    assert browser.post(f"{LIST}1/undelete/").status_code == 403


def test_autocomplete_asks_for_the_permission_to_view(staff):
    asked = {"app_label": "testapp", "model_name": "cbreview", "field_name": "author"}
    browser = staff("change_cbreview")
    assert browser.get("/admin/autocomplete/", asked).status_code == 403


def test_nobody_gets_anywhere(client):
    for page in (*PAGES, "2/undelete/"):
        assert client.post(LIST + page, {"post": "yes"}).status_code == 302
    assert stored("2")["st_deleted"] is True
