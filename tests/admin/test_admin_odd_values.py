"""What phones write in other types, in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import fields
from tests.admin.site import site

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


def save(key: str, value: Any) -> dict[str, Any]:
    document = {"doc_type": "article", "channels": ["c"], "st_deleted": False, "title": "t",
                "year_published": 2000, "is_draft": True, key: value}  # fmt: skip
    SyncGateway.save_json("a", document)
    return document


def test_the_site_has_them_all():
    from tests.testapp.models import CBArticle

    assert set(KEYS) <= {field.attname for field in CBArticle._meta.concrete_fields}
    assert {"is_draft", "author"} <= set(site.get_model_admin(CBArticle).list_display)


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("key", KEYS)
def test_pages_are_shown_and_an_untouched_form_keeps_it(boss, key, value):
    written = save(key, value)
    assert boss.get(LIST).status_code == 200
    page = boss.get(f"{LIST}a/change/")
    assert page.status_code == 200
    response = boss.post(f"{LIST}a/change/", fields(page, "cbarticle_form"))
    # A field that must have a value may ask for one; nothing is written then.
    assert response.status_code in (200, 302)
    document = stored("a")
    for name in written.keys() - {"updated"}:
        assert document[name] == written[name]
        assert type(document[name]) is type(written[name])
