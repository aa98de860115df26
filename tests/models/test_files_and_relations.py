"""Images, and where relations look for what they point to."""

from __future__ import annotations

import io

import pytest
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import models
from django.db.models import Q
from PIL import Image

from django_cbtools.models import AllDocuments, CouchbaseModel, ForeignKey, load_objects
from django_cbtools.sync_gateway import SyncGateway

OPENED = []


class Noted(FileSystemStorage):
    def _open(self, name, mode="rb"):
        OPENED.append(name)
        return super()._open(name, mode)


class Photo(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "photo"
    file = models.ImageField(storage=Noted(), width_field="width", height_field="height", null=True)
    width = models.IntegerField(null=True, editable=False)
    height = models.IntegerField(null=True, editable=False)


class PhotoByDict(Photo):
    class Meta:
        abstract = True

    doc_type = "photo_by_dict"

    def from_dict(self, dict_payload):
        super().from_dict(dict_payload)


def picture(width, height):
    content = io.BytesIO()
    Image.new("RGB", (width, height)).save(content, "PNG")
    return ContentFile(content.getvalue(), name="a.png")


@pytest.mark.parametrize("cls", [Photo, PhotoByDict])
@pytest.mark.parametrize("size", [{"width": 4, "height": 3}, {}])
def test_no_file_is_opened_where_documents_are_loaded(db, settings, tmp_path, cls, size):
    settings.MEDIA_ROOT = tmp_path
    document = {"doc_type": cls.doc_type, "channels": ["c"], "file": "gone.png"}
    SyncGateway.save_json("p", {**document, **size})
    OPENED.clear()
    loaded = [cls("p"), *load_objects(["p"], cls), *cls.objects.all()]
    loaded[0].refresh_from_db()
    loaded[0].refresh_from_db(fields=["file"])
    loaded[0].load("p")
    for photo in loaded:
        assert (photo.file.name, photo.width) == ("gone.png", size.get("width"))
    assert OPENED == []


def test_dimensions_are_those_of_the_file(db, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    photo = Photo(uid="p", file=picture(4, 3), channels=["c"])
    assert (photo.width, photo.height) == (4, 3)
    photo.save()
    loaded = Photo.objects.get()
    assert (loaded.width, loaded.height) == (4, 3)
    loaded.file = picture(2, 5)
    assert (loaded.width, loaded.height) == (2, 5)
    loaded.save()
    assert Photo("p").width == 2
    loaded.file = None
    assert (loaded.width, loaded.height) == (None, None)


# ---------------------------------------------------------------------- relations


class OpenOnes(AllDocuments):
    def get_queryset(self):
        return super().get_queryset().filter(is_open=True)


class Shop(CouchbaseModel):
    class Meta:
        abstract = True
        base_manager_name = "open_ones"

    doc_type = "shop"
    is_open = models.BooleanField(default=True)
    city = models.CharField(max_length=10, default="Oslo")

    open_ones = OpenOnes()


class Visit(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "visit"
    shop = ForeignKey(Shop, models.CASCADE, null=True, blank=True)
    local = ForeignKey(
        Shop, models.CASCADE, null=True, blank=True, limit_choices_to={"city": "Oslo"},
        related_name="+",
    )  # fmt: skip
    called = ForeignKey(
        Shop, models.CASCADE, null=True, blank=True, related_name="+",
        limit_choices_to=lambda: Q(city="Rome") | Q(city="Oslo"),
    )  # fmt: skip


@pytest.fixture
def shops(db):
    for uid, city, is_open in (("o", "Oslo", True), ("r", "Rome", True), ("x", "Oslo", False)):
        Shop(uid=uid, city=city, is_open=is_open, channels=["c"]).save()


def test_limits_of_choices_are_validated(shops):
    Visit(local_uid="o", called_uid="r", channels=["c"]).full_clean()
    for wrong in ({"local_uid": "r"}, {"local_uid": "gone"}, {"local_uid": "x"}):
        with pytest.raises(ValidationError) as error:
            Visit(channels=["c"], **wrong).full_clean()
        assert error.value.error_dict["local"][0].code == "invalid"


def test_what_is_not_limited_goes_by_key(gateway_by_http):
    Shop(uid="r", city="Rome", channels=["c"]).save()
    Visit(shop_uid="r", local_uid="r", channels=["c"]).full_clean()
    assert Visit(shop_uid="r").shop.city == "Rome"


def test_forward_access_uses_the_base_manager(shops):
    assert Visit(shop_uid="o").shop.city == "Oslo"
    with pytest.raises(Shop.DoesNotExist):
        Visit(shop_uid="x").shop  # noqa: B018


# ------------------------------------------------------------------- content types


class Tag(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "tag"
    content_type = models.ForeignKey(ContentType, models.CASCADE, null=True)
    object_id = models.CharField(max_length=250, null=True)
    target = GenericForeignKey()


def test_content_types_are_asked_where_they_are(gateway_by_http, settings):
    """Documents are in an alias of their own, where there is no table of content types."""
    settings.DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
    ContentType.objects.clear_cache()
    shop = Shop(uid="o", channels=["c"])
    shop.save()
    content_type = ContentType.objects.get_for_model(ContentType)
    tag, other = Tag(uid="t", channels=["c"]), Tag(uid="u", channels=["c"], target=content_type)
    tag.target = shop
    for each in (tag, other):
        each.save()
    ContentType.objects.clear_cache()
    assert (Tag("t").target, Tag("u").target) == (shop, content_type)
    assert Tag("t").content_type == ContentType.objects.get_for_model(Shop)
