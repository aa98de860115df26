"""The admin's page about the gateway."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from django_cbtools.exceptions import SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.site")]

PAGE = "/admin/gateway/"


@pytest.fixture
def boss(client):
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


def types(context):
    found = context["stored"]["found"]["types"]
    return {row["name"]: (row["count"], row["deleted"]) for row in found}


def test_what_is_there(boss, articles):
    CBArticle("3").delete()
    SyncGateway.save_json("odd<b>", {"doc_type": "unheard<i>", "channels": ["<u>"]})
    SyncGateway.save_json("bad", {"doc_type": "article", "channels": 5, "st_deleted": "yes"})
    SyncGateway.put_user("phone<s>", password="secret")
    response = boss.get(PAGE)
    text = response.content.decode()
    counted = types(response.context)
    assert counted["article"] == (3, 2)
    assert counted["author"] == (2, 0)
    assert dict(response.context["stored"]["found"]["channels"]) == {"c": 6}
    changes = response.context["changes"]["found"]
    assert [row["uid"] for row in changes[:3]] == ["bad", "odd<b>", "3"]
    assert [row["is_deleted"] for row in changes[:3]] == [False, False, True]
    assert changes[1]["url"] is None
    assert boss.get(changes[2]["url"]).status_code == 200
    assert "phone&lt;s&gt;" in text
    assert "unheard&lt;i&gt;" in text
    assert all(tag not in text for tag in ("<b>", "<i>", "<u>", "<s>"))


def test_only_what_one_may_view(client, articles):
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_cbauthor"))
    client.force_login(user)
    SyncGateway.save_json("odd", {"doc_type": "unheard", "channels": ["c"]})
    context = client.get(PAGE).context
    assert types(context) == {"author": (2, 0)}
    assert {row["type"] for row in context["changes"]["found"]} == {"author"}
    assert "users" not in context
    client.force_login(get_user_model().objects.create_user("nobody"))
    assert client.get(PAGE).status_code == 302


def test_a_gateway_that_does_not_answer(boss, articles, monkeypatch):
    def fail(*args, **kwargs):
        raise SyncGatewayUnavailable("No answer from <there>.")

    monkeypatch.setattr(SyncGateway, "get_database", staticmethod(fail))
    monkeypatch.setattr(SyncGateway, "get_users", staticmethod(fail))
    response = boss.get(PAGE)
    assert response.content.decode().count("No answer from &lt;there&gt;.") == 3
    assert types(response.context)["article"] == (3, 1)


def test_its_queries(boss, articles, django_assert_num_queries):
    boss.get(PAGE)
    seen = len(types(boss.get(PAGE).context))
    with django_assert_num_queries(seen + 11) as asked:
        boss.get(PAGE)
    of_types = [query for query in asked.captured_queries if "COUNT(" in query["sql"]]
    assert len(of_types) == seen
