"""What staff may do with documents in the inlines of another page."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

from django_cbtools.permissions import create_document_permissions
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import fields
from tests.admin.shelf import SITES, CBBook, CBShelf

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.shelf")]


@pytest.fixture(params=sorted(SITES))
def page(request: Any) -> Any:
    create_document_permissions(apps.get_app_config("testapp"), verbosity=0, using="default")
    CBShelf(uid="s", name="S", channels=["c"]).save()
    CBBook(uid="b", title="Base", shelf_uid="s", channels=["c"]).save()
    yield f"/{request.param}/testapp/cbshelf/s/change/"
    ContentType.objects.clear_cache()


@pytest.fixture
def staff(client: Any) -> Any:
    def log_in(*codenames: str) -> Any:
        user = get_user_model().objects.create_user("staff", is_staff=True)
        found = Permission.objects.filter(content_type__app_label="testapp", codename__in=codenames)
        assert len(found) == len(codenames)
        user.user_permissions.set(found)
        client.force_login(user)
        return client

    return log_in


def stored(uid: str) -> dict[str, Any]:
    found: dict[str, Any] = SyncGateway.all_docs([uid])["rows"][0]["doc"]
    return found


def test_the_rights_to_what_they_refer_to_are_no_rights_to_them(staff, page):
    browser = staff("change_cbshelf", "change_cbprinter")
    text = browser.get(page).content.decode()
    assert "cbbook" not in text
    sent = {
        **fields(browser.get(page), "cbshelf_form"), "name": "T", "cbbook_set-TOTAL_FORMS": "2",
        "cbbook_set-INITIAL_FORMS": "1", "cbbook_set-0-uid": "b", "cbbook_set-0-shelf": "s",
        "cbbook_set-0-title": "Stolen", "cbbook_set-0-channels": '["c"]',
        "cbbook_set-1-shelf": "s", "cbbook_set-1-title": "Added",
        "cbbook_set-1-channels": '["c"]',
    }  # fmt: skip
    assert browser.post(page, sent).status_code == 302
    assert stored("s")["name"] == "T"
    assert stored("b")["title"] == "Base"
    assert CBBook.objects.count() == 1


def test_who_may_view_them_sees_them(staff, page):
    text = staff("change_cbshelf", "view_cbbook").get(page).content.decode()
    assert "Base" in text
    assert 'name="cbbook_set-0-title"' not in text


def test_who_may_change_them_adds_and_deletes_none(staff, page):
    text = staff("change_cbshelf", "change_cbbook").get(page).content.decode()
    assert 'name="cbbook_set-0-title"' in text
    assert 'name="cbbook_set-1-title"' not in text
    assert 'name="cbbook_set-0-DELETE"' not in text


def test_who_may_add_and_delete_them_does(staff, page):
    may = ("change_cbshelf", "add_cbbook", "delete_cbbook", "view_cbbook")
    text = staff(*may).get(page).content.decode()
    assert 'name="cbbook_set-0-title"' not in text
    assert 'name="cbbook_set-1-title"' in text
    assert 'name="cbbook_set-0-DELETE"' in text
