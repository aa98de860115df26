"""Lists and objects in the admin's searches and filters, and in REST framework's."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import path, reverse
from rest_framework import filters, serializers
from rest_framework.viewsets import ReadOnlyModelViewSet

from django_cbtools.admin import CouchbaseModelAdmin
from django_cbtools.admin.checks import check_searches
from django_cbtools.sync_gateway import SyncGateway
from tests.orm.array_models import Agent, Customer

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

site = admin.AdminSite(name="elements")


@admin.register(Customer, site=site)
class CustomerAdmin(CouchbaseModelAdmin):
    search_fields = ["tags", "^labels", "address__city", "payments__tags", "anything", "numbers"]
    list_filter = ["tags", "numbers", "days", "colors", "anything", "labels", "agent",
                   ("address", admin.EmptyFieldListFilter)]  # fmt: skip
    autocomplete_fields = ["agent"]


@admin.register(Agent, site=site)
class AgentAdmin(CouchbaseModelAdmin):
    search_fields = ["name", "customer__tags"]
    ordering = ["name"]
    list_filter = ["customer__tags"]


class CustomerSerializer(serializers.ModelSerializer):
    class Meta:
        model = Customer
        fields = ["uid"]


class CustomerViewSet(ReadOnlyModelViewSet):
    queryset = Customer.objects.order_by("uid")
    serializer_class = CustomerSerializer
    filter_backends = [filters.SearchFilter]
    search_fields = ["tags", "=labels", "address__city", "payments__tags", "$anything"]


urlpatterns = [
    path("admin/", site.urls),
    path("api/", CustomerViewSet.as_view({"get": "list"})),
]

LIST = "/admin/orm/customer/"


def page(client, url, **query):
    response = client.get(url, query)
    assert response.status_code == 200, response
    return response


@pytest.fixture
def boss(client):
    client.force_login(get_user_model().objects.create_superuser("boss"))
    rows = {
        "a": {"tags": ["New York", "b&c", ""], "numbers": [1, 2], "days": ["2020-01-02"],
              "colors": ["r"], "anything": [1, "one", {"x": 1}], "agent_uid": "ann"},
        "b": {"tags": ["new", 5, None], "labels": ["york", "x"], "anything": ["1", None],
              "address": {"city": "Yorkshire"}, "agent_uid": "bob"},
        "c": {"payments": [{"amount": 1, "tags": ["york"]}], "tags": "york", "numbers": [2, "x"]},
    }  # fmt: skip
    for uid, row in rows.items():
        SyncGateway.save_json(uid, {"doc_type": "arrays_customer", "channels": ["c"], **row})
    for uid in ("ann", "bob"):
        Agent(uid=uid, name=uid, channels=["c"]).save()
    return client


def uids(response):
    return "".join(sorted(document.uid for document in response.context_data["cl"].result_list))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("york", "abc"), ("new york", "ab"), ("B&C", "a"), ("x", "b"), ("one", "a"), ("2", "ac"),
     ("ork", "abc"), ("nothing", ""), ("%", "")],
)  # fmt: skip
def test_search(boss, text, expected):
    assert uids(page(boss, LIST, q=text)) == expected


def test_search_of_the_api(boss):
    for text, expected in (("york", "abc"), ("new", "ab"), ("one", "a"), ("x", "b")):
        found = page(boss, "/api/", search=text).json()
        assert "".join(row["uid"] for row in found) == expected


def test_autocomplete_asks_any_element(boss):
    url = reverse("elements:autocomplete")
    asked = {"app_label": "orm", "model_name": "customer", "field_name": "agent", "term": "YORK"}
    found = page(boss, url, **asked).json()["results"]
    assert [row["id"] for row in found] == ["ann"]


def choices(response, title):
    (found,) = [
        spec for spec in response.context_data["cl"].filter_specs if str(spec.title) == title
    ]
    return {str(choice["display"]): choice for choice in found.choices(response.context_data["cl"])}


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("tags", {"": "a", "New York": "a", "b&c": "a", "new": "b"}),
        ("numbers", {"1": "a", "2": "ac"}),
        ("days", {"2020-01-02": "a"}),
        ("colors", {"Red": "a", "Green": "", "Blue": ""}),
        ("anything", {"1": "b", "one": "a"}),
        ("labels", {"x": "b", "york": "b"}),
    ],
)
def test_each_choice_finds_what_has_it(boss, title, expected):
    offered = choices(page(boss, LIST), title)
    assert set(offered) == {"All", *expected}
    for display, found in expected.items():
        url = LIST + offered[display]["query_string"]
        if (title, display) == ("anything", "1"):
            continue
        response = page(boss, url)
        assert uids(response) == found
        assert choices(response, title)[display]["selected"]


def test_numbers_and_texts_of_any_json_are_told_apart(boss):
    assert uids(page(boss, LIST, anything__contains="1")) == "a"
    assert uids(page(boss, LIST, anything__contains='"1"')) == "b"
    assert boss.get(LIST, {"anything__contains": "{"}).status_code == 302
    assert boss.get(LIST, {"numbers__contains": "x"}).status_code == 302


def test_whether_there_is_an_object(boss):
    assert uids(page(boss, LIST, address__isempty="1")) == "ac"
    assert uids(page(boss, LIST, address__isempty="0")) == "b"


def test_counts(boss):
    offered = choices(page(boss, LIST, _facets="True"), "numbers")
    assert {"1 (1)", "2 (2)"} <= set(offered)


def test_across_a_relation(boss):
    url = "/admin/orm/agent/"
    assert uids(page(boss, url, customer__tags__contains="new")) == "bob"
    assert uids(page(boss, url, q="york")) == "ann"


# ----------------------------------------------------------------------------- checks


def problems(**options):
    mine = admin.AdminSite(name="mine")
    mine.register(Customer, type("Checked", (CouchbaseModelAdmin,), options))
    return [
        (each.id, each.msg)
        for each in check_searches(None)
        if each.obj is type(mine.get_model_admin(Customer))
    ]


def test_what_works_is_no_problem():
    assert not problems(
        search_fields=CustomerAdmin.search_fields,
        list_filter=[*CustomerAdmin.list_filter, ("address", admin.EmptyFieldListFilter), "nobody"],
    )


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("address", "address__city"),
        ("payments", "payments__amount"),
        ("address__town", "address__city"),
        ("address__city__startswith", "startswith"),
        ("numbers__contains", "other values"),
        ("nobody", "nobody"),
    ],
)
def test_what_cannot_be_searched(name, word):
    ((id, message),) = problems(search_fields=[name])
    assert id == "cbtools.E020"
    assert repr(name) in message
    assert word in message
    assert "Typed" not in message


@pytest.mark.parametrize(
    ("name", "field"),
    [("address", "EmbeddedField"), ("payments", "EmbeddedListField"), ("grid", "ListField")],
)
def test_what_cannot_be_a_filter(name, field):
    ((id, message),) = problems(list_filter=[name])
    assert id == "cbtools.E021"
    assert field in message
