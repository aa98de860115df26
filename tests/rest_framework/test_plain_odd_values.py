"""Documents that phones have written otherwise than expected, behind REST framework; and what it
checks where documents cannot be queried."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.urls import path
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.viewsets import ModelViewSet

from django_cbtools.models import CouchbaseModel
from django_cbtools.sync_gateway import SyncGateway
from tests.orm.array_models import Customer
from tests.testapp.models import CBEverything

pytestmark = pytest.mark.urls(__name__)


class Slugged(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"
        unique_together = [["name", "number"]]
        constraints = [
            models.UniqueConstraint(fields=["number", "kind"], name="one_of_a_kind"),
        ]

    doc_type = "drf_slugged"
    default_channels = ["c"]
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=10)
    number = models.IntegerField(default=0)
    kind = models.CharField(max_length=10, default="", blank=True)


class EverythingSerializer(serializers.ModelSerializer):
    class Meta:
        model = CBEverything
        fields = "__all__"


class CustomerSerializer(serializers.ModelSerializer):
    class Meta:
        model = Customer
        fields = "__all__"


class SluggedSerializer(serializers.ModelSerializer):
    class Meta:
        model = Slugged
        fields = ["slug", "name", "number", "kind"]


class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["last_login"]


def view(serializer, **methods):
    queryset = serializer.Meta.model.objects.order_by("pk")
    options = {"queryset": queryset, "serializer_class": serializer}
    found = type("View", (ModelViewSet,), options)
    return found.as_view({"get": "list", **methods})


urlpatterns = [
    path("everything/", view(EverythingSerializer)),
    path("everything/<pk>/", view(EverythingSerializer, get="retrieve", put="update")),
    path("customers/", view(CustomerSerializer)),
]

ODD = ["abc", 5, -0.5, 1e300, True, {"a": [1]}, [], [1, 2], "", "2020-13-45"]
NAMES = [
    field.name
    for field in CBEverything._meta.concrete_fields
    if field.name not in ("uid", "rev", "extra", "channels")
]


@pytest.mark.django_db
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_one_odd_document_breaks_no_list(client, value):
    for name in NAMES:
        document = {"doc_type": "cbeverything", "channels": ["c"], name: value}
        SyncGateway.save_json(f"a-{name}", document)
    SyncGateway.save_json("b", {"doc_type": "cbeverything", "channels": ["c"], "amount": "1.5"})
    for accept in ("application/json", "text/html"):
        assert client.get("/everything/", headers={"accept": accept}).status_code == 200
    rows = client.get("/everything/").json()
    assert rows[-1]["amount"] == "1.5000"
    by_uid = {row["uid"]: row for row in rows}
    for name in ("amount", "integer", "real", "day", "duration"):
        shown = by_uid[f"a-{name}"][name]
        document = CBEverything(f"a-{name}")
        if name in document.unread():
            assert shown == value


@pytest.mark.django_db
def test_the_value_is_shown(client):
    document = {"doc_type": "cbeverything", "channels": ["c"], "amount": "abc", "integer": [1]}
    SyncGateway.save_json("a", document)
    (row,) = client.get("/everything/").json()
    assert (row["amount"], row["integer"]) == ("abc", [1])


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["soon", "10:00", 5, True, []], ids=repr)
def test_the_form_of_an_odd_moment(client, value):
    """Browsers' own inputs for moments take none; REST framework makes them of what it shows."""
    document = {"doc_type": "cbeverything", "channels": ["c"], "moment": value}
    SyncGateway.save_json("a", document)
    page = client.get("/everything/a/", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert f'type="text"  value="{value}"' in page.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_arrays_and_objects(client, value):
    for name in ("tags", "prices", "days", "labels", "colors", "address", "payments", "agent_uid"):
        document = {"doc_type": "arrays_customer", "channels": ["c"], name: value}
        SyncGateway.save_json(f"a-{name}", document)
        SyncGateway.save_json(f"b-{name}", {**document, name: [value]})
    assert client.get("/customers/").status_code == 200


def test_ordinary_models_stay_strict():
    with pytest.raises(AttributeError):
        JSONRenderer().render(UserSerializer(User(last_login=5)).data)


@pytest.mark.django_db
def test_what_is_unique():
    Slugged(slug="a", name="a", number=1).save()
    serializer = SluggedSerializer(data={"slug": "a", "name": "b", "number": 2, "kind": "k"})
    assert not serializer.is_valid()
    assert set(serializer.errors) == {"slug"}
    serializer = SluggedSerializer(data={"slug": "b", "name": "a", "number": 1, "kind": "k"})
    assert not serializer.is_valid()


@pytest.mark.django_db(databases=["default", "plain"], transaction=True)
def test_nothing_is_checked_where_documents_cannot_be_queried(gateway_by_http, settings):
    settings.DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
    Slugged(slug="a", name="a", number=1).save()
    data = {"slug": "a", "name": "a", "number": 1, "kind": ""}
    Slugged(**data).full_clean()
    serializer = SluggedSerializer(data=data)
    assert serializer.is_valid(), serializer.errors
    made = serializer.save()
    serializer = SluggedSerializer(made, data={"name": "b"}, partial=True)
    assert serializer.is_valid(), serializer.errors
    assert serializer.save().name == "b"
    assert Slugged(made.uid).name == "b"
    with pytest.raises(ImproperlyConfigured):
        Slugged.objects.count()
