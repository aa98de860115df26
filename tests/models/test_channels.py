"""The channels of new documents: what the class says, what is given, and that there are some."""

from __future__ import annotations

import copy
import json
import sys

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core import serializers as fixtures
from django.core.exceptions import ValidationError
from django.db import models
from django.urls import path
from django.views.generic import CreateView
from rest_framework import serializers
from rest_framework.viewsets import ModelViewSet

from django_cbtools.admin import CouchbaseModelAdmin, CouchbaseTabularInline
from django_cbtools.models import CouchbaseModel, CouchbaseModelError, ForeignKey, ListField
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.views import CBCreateView
from tests.testapp.models import CBArticle, CBPlace

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class Shop(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    doc_type = "channel_shop"
    default_channels = ["shops", "all"]
    name = models.CharField(max_length=10)


class Delivery(CouchbaseModel):
    """Goes where its shop is."""

    class Meta:
        abstract = True
        app_label = "testapp"

    doc_type = "channel_delivery"
    shop = ForeignKey(Shop, models.DO_NOTHING, null=True, blank=True)
    note = models.CharField(max_length=10, blank=True)

    def default_channels(self):
        return [f"shop-{self.shop_uid}"] if self.shop_uid else []


class Item(CouchbaseModel):
    """Says it by its field, as for any other field."""

    class Meta:
        abstract = True
        app_label = "testapp"

    doc_type = "channel_item"
    channels = ListField(blank=True, editable=False, default=lambda: ["items"])
    shop = ForeignKey(Shop, models.DO_NOTHING, null=True)
    name = models.CharField(max_length=10, blank=True)


class Secret(CouchbaseModel):
    """Is in no channel."""

    class Meta:
        abstract = True
        app_label = "testapp"

    doc_type = "channel_secret"
    default_channels = None
    name = models.CharField(max_length=10)


class OrderInline(CouchbaseTabularInline):
    model = Delivery
    fields = ["note", "channels"]
    extra = 1


class ItemInline(CouchbaseTabularInline):
    model = Item
    fields = ["name", "channels"]
    extra = 1


class ShopAdmin(CouchbaseModelAdmin):
    inlines = [OrderInline, ItemInline]


site = admin.AdminSite(name="admin")
site.register(Shop, ShopAdmin)
site.register(Delivery, CouchbaseModelAdmin)
site.register(Item, CouchbaseModelAdmin)
site.register(Secret, CouchbaseModelAdmin)


class ShopForm(forms.ModelForm):
    class Meta:
        model = Shop
        fields = ["name"]


class ShopSerializer(serializers.ModelSerializer):
    class Meta:
        model = Shop
        fields = "__all__"


class ShopViewSet(ModelViewSet):
    queryset = Shop.objects.all()
    serializer_class = ShopSerializer


class ShopCreate(CreateView):
    model = Shop
    fields = ["name"]
    success_url = "/"
    template_name = "testapp/page.html"


class ShopCBCreate(CBCreateView):
    model = Shop
    form_class = ShopForm
    success_url = "/"
    template_name = "testapp/page.html"


urlpatterns = [
    path("admin/", site.urls),
    path("api/", ShopViewSet.as_view({"post": "create"})),
    path("create/", ShopCreate.as_view()),
    path("cb-create/", ShopCBCreate.as_view()),
]

BOTH = ["shops", "all"]


def stored(model=Shop):
    (document,) = model.objects.all()
    return SyncGateway.all_docs([document.uid])["rows"][0]["doc"]["channels"]


# ------------------------------------------------------------------------- defaults


def made_by_a_form():
    form = ShopForm({"name": "a"})
    assert form.is_valid(), form.errors
    form.save()


def made_by_a_form_and_saved_later():
    ShopForm({"name": "a"}).save(commit=False).save()


def made_by_a_fixture():
    entry = {"model": "testapp.shop", "pk": "s", "fields": {"name": "a"}}
    for found in fixtures.deserialize("json", json.dumps([entry])):
        found.save()


def made_by_a_serializer():
    serializer = ShopSerializer(data={"name": "a"})
    assert serializer.is_valid(), serializer.errors
    assert serializer.save().channels == BOTH


@pytest.mark.parametrize(
    "make",
    [
        lambda: Shop(name="a").save(),
        lambda: Shop.objects.create(name="a"),
        lambda: Shop.objects.get_or_create(name="a"),
        lambda: Shop.objects.update_or_create(name="a", defaults={"name": "b"}),
        lambda: Shop.objects.bulk_create([Shop(name="a")]),
        lambda: copy.deepcopy(Shop(name="a")).save(),
        made_by_a_form,
        made_by_a_form_and_saved_later,
        made_by_a_fixture,
        made_by_a_serializer,
    ],
)
def test_new_documents_are_in_the_default_channels(make):
    make()
    assert stored() == BOTH


@pytest.mark.parametrize("url", ["/api/", "/create/", "/cb-create/"])
def test_views(client, url):
    assert client.post(url, {"name": "a"}).status_code in (201, 302)
    assert stored() == BOTH


def test_what_is_given_counts():
    Shop(name="a", channels=["x"]).save()
    assert stored() == ["x"]
    shop = Shop(name="b")
    shop.append_channel("y")
    shop.save()
    assert Shop(shop.uid).channels == ["y"]


def test_that_there_are_none_can_be_said():
    for shop in (Shop(name="a", channels=[]), Shop(name="a")):
        shop.clear_channels()
        with pytest.raises(CouchbaseModelError, match="Empty channels list can not be saved"):
            shop.save()


def test_what_was_loaded_stays():
    SyncGateway.save_json("s", {"doc_type": "channel_shop", "name": "a"})
    shop = Shop("s")
    shop.name = "b"
    with pytest.raises(CouchbaseModelError, match="Empty channels"):
        shop.save()
    assert Shop.objects.get().channels == []


def test_each_has_a_list_of_its_own():
    one, other = Shop(name="a"), Shop(name="b")
    one.save()
    one.append_channel("x")
    one.channels.append("y")
    other.save()
    assert (other.channels, Shop.default_channels) == (BOTH, BOTH)


def test_a_function_of_the_document():
    delivery = Delivery(shop_uid="s")
    delivery.save()
    assert Delivery(delivery.uid).channels == ["shop-s"]
    Delivery.objects.bulk_create([Delivery(uid="o", shop_uid="t")])
    assert Delivery("o").channels == ["shop-t"]
    with pytest.raises(CouchbaseModelError, match="Empty channels list can not be saved"):
        Delivery().save()


def test_a_text_is_no_list():
    class Wrong(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        default_channels = "public"

    with pytest.raises(CouchbaseModelError, match="channels is a list of names, not 'public'"):
        Wrong().save()


def test_subclasses_inherit_them():
    class Market(Shop):
        class Meta:
            abstract = True
            app_label = "testapp"

        doc_type = "channel_market"

    market = Market(name="a")
    market.save()
    assert Market(market.uid).channels == BOTH


# ------------------------------------------------------------------------- validation


def test_validation_says_what_to_do():
    with pytest.raises(ValidationError) as caught:
        CBArticle(title="a").full_clean()
    (message,) = caught.value.message_dict["channels"]
    assert "testapp.CBArticle" in message
    assert "default_channels" in message
    CBArticle(title="a").full_clean(exclude=["channels"])
    with pytest.raises(ValidationError) as caught:
        CBArticle(title="x" * 50, channels=[1]).full_clean()
    assert set(caught.value.message_dict) == {"title", "channels"}


def test_validation_decides():
    shop = Shop(name="a")
    shop.full_clean()
    assert shop.channels == BOTH
    CBPlace(city="Oslo").full_clean()  # it is in no channel, but in a document


def test_what_a_save_raises_says_it_too():
    for save in (
        lambda: CBArticle(title="a").save(),
        lambda: CBArticle.objects.create(title="a"),
        lambda: CBArticle.objects.bulk_create([CBArticle(title="a")]),
        lambda: CBArticle.objects.update(channels=[]),
    ):
        with pytest.raises(CouchbaseModelError) as caught:
            save()
        assert str(caught.value) == "Empty channels list can not be saved"
        if sys.version_info >= (3, 11):
            assert caught.value.__notes__ == caught.value.__cause__.messages
        assert "default_channels" in str(caught.value.__cause__)
        assert "testapp.CBArticle" in str(caught.value.__cause__)


# ------------------------------------------------------------------------------ admin


@pytest.fixture
def boss(client):
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


def sent(page, **data):
    """What a browser sends of the forms of a page."""
    context = page.context_data
    forms_ = [context["adminform"].form]
    for formset in context["inline_admin_formsets"]:
        forms_ += [formset.formset.management_form, *formset.formset.forms]
    shown = {field.html_name: field.value() for form in forms_ for field in form}
    return {name: value for name, value in {**shown, **data}.items() if value is not None}


def test_the_add_form_shows_them(boss):
    page = boss.get("/admin/testapp/shop/add/")
    form = page.context_data["adminform"].form
    assert form["channels"].value() == "shops\nall"
    assert [
        formset.formset.forms[0]["channels"].value()
        for formset in page.context_data["inline_admin_formsets"]
    ] == ["", "items"]
    assert boss.post("/admin/testapp/shop/add/", sent(page, name="a")).status_code == 302
    assert stored() == BOTH
    assert not Delivery.objects.exists()
    assert not Item.objects.exists()


def test_other_channels_can_be_chosen(boss):
    page = boss.get("/admin/testapp/shop/add/")
    data = sent(page, name="a", channels="x")
    assert boss.post("/admin/testapp/shop/add/", data).status_code == 302
    assert stored() == ["x"]
    response = boss.post("/admin/testapp/shop/add/", {**data, "channels": ""})
    assert "channels" in response.context_data["adminform"].form.errors
    assert Shop.objects.count() == 1


def test_inlines(boss):
    Shop(uid="s", name="a").save()
    page = boss.get("/admin/testapp/shop/s/change/")
    data = sent(page, **{"delivery_set-0-note": "n", "item_set-0-name": "i"})
    assert boss.post("/admin/testapp/shop/s/change/", data).status_code == 302
    assert (stored(Delivery), stored(Item)) == (["shop-s"], ["items"])


def test_a_function_is_asked_when_the_document_is_saved(boss):
    page = boss.get("/admin/testapp/delivery/add/")
    assert "chosen when the document is saved" in page.rendered_content
    Shop(uid="s", name="a").save()
    assert boss.post("/admin/testapp/delivery/add/", sent(page, shop="s")).status_code == 302
    assert stored(Delivery) == ["shop-s"]
    response = boss.post("/admin/testapp/delivery/add/", sent(page))
    assert "Empty channels list can not be saved" in response.content.decode()


# ------------------------------------------------------------------ the server's own


def test_documents_in_no_channel(boss):
    secret = Secret(name="a")
    secret.full_clean()
    secret.save()
    Secret.objects.bulk_create([Secret(name="b"), Secret(uid="s", name="c", channels=[])])
    page = boss.get("/admin/testapp/secret/s/change/")
    assert "channels" not in page.context_data["adminform"].form.fields
    assert boss.post("/admin/testapp/secret/s/change/", sent(page, name="d")).status_code == 302
    assert boss.get("/admin/testapp/secret/add/").status_code == 200
    (fixture,) = fixtures.deserialize("json", fixtures.serialize("json", [Secret("s")]))
    fixture.save()
    rows = SyncGateway.all_docs([found.uid for found in Secret.objects.all()])["rows"]
    assert [(row["doc"]["channels"], row["doc"]["name"]) for row in rows].count(([], "d")) == 1
    assert all(row["doc"]["channels"] == [] for row in rows)


@pytest.mark.parametrize("channels", [["a"], "a", {}, None, 7])
def test_no_channel_but_one(channels):
    secret = Secret(name="a", channels=channels)
    with pytest.raises(CouchbaseModelError, match=r"testapp\.Secret is in no channel"):
        secret.save()
    with pytest.raises(ValidationError, match="no phone gets it"):
        secret.full_clean()
    assert not Secret.objects.exists()
