"""Habits of Django's models that Django's own tests know, and documents have, too."""

from __future__ import annotations

import copy
import datetime
from typing import Any

import pytest
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import DecimalField, F, FloatField, Sum

from django_cbtools.models import AllDocuments, CouchbaseModel, ForeignKey

from .models import Article

pytestmark = pytest.mark.django_db


class DraftManager(models.Manager[Any]):
    def get_queryset(self) -> Any:
        return super().get_queryset().filter(is_draft=True)

    def titles(self) -> list[str]:
        return sorted(self.values_list("title", flat=True))


class PageQuerySet(models.QuerySet[Any]):
    def drafts(self) -> Any:
        return self.filter(is_draft=True)


class CBPage(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    default_channels = ["c"]
    title = models.CharField(max_length=10)
    is_draft = models.BooleanField(default=True)

    plain = models.Manager()
    drafts = DraftManager()
    by_queryset = PageQuerySet.as_manager()
    every = AllDocuments()


class CBOwnBase(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"
        base_manager_name = "plain"

    default_channels = ["c"]
    plain = models.Manager()
    other = models.Manager()


class WithDrafts(models.Model):
    is_draft = models.BooleanField(default=True)

    mixed_in = DraftManager()

    class Meta:
        abstract = True


class CBMixedFirst(WithDrafts, CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    default_channels = ["c"]


class CBMixedLast(CouchbaseModel, WithDrafts):
    class Meta:
        abstract = True
        app_label = "testapp"

    default_channels = ["c"]


class CBRack(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    default_channels = ["c"]


class CBSign(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    default_channels = ["c"]
    shelf = models.OneToOneField(CBRack, models.CASCADE, null=True, related_name="sign")


class CBVolume(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"
        order_with_respect_to = "shelf"

    default_channels = ["c"]
    shelf = ForeignKey(CBRack, models.CASCADE, null=True)


class CBNote(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"
        order_with_respect_to = "about"

    default_channels = ["c"]
    content_type = models.ForeignKey(ContentType, models.CASCADE, related_name="+")
    object_id = models.CharField(max_length=300)
    about = GenericForeignKey()


# -------------------------------------------------------------------- managers


def test_managers_of_ones_own_leave_out_what_is_softly_deleted() -> None:
    pages = [CBPage.plain.create(title=title, is_draft=title != "c") for title in "abc"]
    pages[0].delete()
    CBPage.plain.get(title="c").delete()
    assert [page.title for page in CBPage.plain.all()] == ["b"]
    assert CBPage.drafts.titles() == ["b"]
    assert [page.title for page in CBPage.by_queryset.drafts()] == ["b"]
    assert CBPage.every.count() == CBPage.all_objects.count() == 3
    assert CBPage._default_manager.count() == 1
    assert isinstance(CBPage.drafts, DraftManager)


@pytest.mark.parametrize("model", [CBMixedFirst, CBMixedLast])
def test_so_do_managers_of_ordinary_abstract_models(model: Any) -> None:
    default = "mixed_in" if model is CBMixedFirst else "objects"
    assert model._default_manager.name == default
    gone, _, _ = (model.objects.create(is_draft=is_draft) for is_draft in (True, True, False))
    gone.delete()
    assert model.mixed_in.count() == 1
    assert not isinstance(WithDrafts._meta.local_managers[0], AllDocuments)


def test_a_base_manager_finds_everything() -> None:
    CBOwnBase.plain.create().delete()
    assert (CBOwnBase.plain.count(), CBOwnBase.other.count()) == (1, 0)


def test_what_was_never_saved_cannot_be_deleted() -> None:
    with pytest.raises(ValueError, match="its uid attribute is set to None"):
        CBPage().delete()
    with pytest.raises(ValueError, match="no revision"):
        CBPage(uid="a").hard_delete()
    assert not CBPage.all_objects.exists()


def test_a_time_of_day_has_no_zone() -> None:
    time = datetime.time(9, 30, tzinfo=datetime.timezone.utc)
    with pytest.raises(ValueError, match="has no zone"):
        Article(channels=["c"], pub_time=time).save()


def test_what_is_softly_deleted_is_no_longer_the_other_one() -> None:
    shelf = CBRack.objects.create()
    CBSign.objects.create(shelf=shelf).delete()
    for found in (CBRack(shelf.uid), CBRack.objects.prefetch_related("sign").get()):
        assert not hasattr(found, "sign")
    sign = CBSign.objects.create(shelf=shelf)
    for found in (CBRack(shelf.uid), CBRack.objects.prefetch_related("sign").get()):
        assert found.sign == sign


# ---------------------------------------------------------------------- places


def test_new_documents_are_last() -> None:
    shelf, other = CBRack.objects.create(), CBRack.objects.create()
    first = CBVolume.objects.create(shelf=shelf)
    CBVolume(shelf=other).save()
    second, third = CBVolume.objects.bulk_create([CBVolume(shelf=shelf) for _ in range(2)])
    fourth, fifth, alone = (CBVolume(shelf=owner) for owner in (shelf, shelf, None))
    assert CBVolume.objects.bulk_save([fourth, fifth, alone]).saved == 3
    again = copy.copy(first)
    again.uid = None
    again.save()
    ordered = [first, second, third, fourth, fifth, again]
    assert list(shelf.get_cbvolume_order()) == [volume.uid for volume in ordered]
    assert [volume._order for volume in ordered] == [0, 1, 2, 3, 4, 5]
    assert (alone._order, CBVolume(shelf=None)._order) == (0, None)
    assert (first.get_next_in_order(), fifth.get_previous_in_order()) == (second, fourth)
    first.save()
    assert first._order == 0


def test_places_by_a_generic_relation() -> None:
    shelf, other = CBRack.objects.create(), CBRack.objects.create()
    ContentType.objects.clear_cache()
    notes = [CBNote.objects.create(about=about) for about in (shelf, other, shelf)]
    notes += CBNote.objects.bulk_create([CBNote(about=shelf)])
    assert [note._order for note in notes] == [0, 0, 1, 2]
    ContentType.objects.clear_cache()


def test_no_places_without_an_orm(gateway_by_http: Any) -> None:
    volume = CBVolume(shelf=None)
    volume.save()
    assert CBVolume(volume.uid)._order is None


# --------------------------------------------------------------------- queries


def test_bulk_update_writes_what_its_queryset_finds() -> None:
    pages = [CBPage.objects.create(title=title, is_draft=title != "c") for title in "abc"]
    for page in pages:
        page.title = "new"
    drafts = CBPage.objects.filter(is_draft=True)
    assert drafts.exclude(title="b").bulk_update(pages, ["title"]) == 1
    assert sorted(page.title for page in CBPage.objects.all()) == ["b", "c", "new"]
    with pytest.raises(TypeError, match="slice"):
        CBPage.objects.all()[:1].bulk_update(pages, ["title"])
    pages[1].delete()
    assert CBPage.all_objects.filter(st_deleted=True).bulk_update(pages, ["title"]) == 1
    assert CBPage.objects.bulk_update([pages[2]], ["title"]) == 1


@pytest.mark.parametrize("output", [FloatField(), DecimalField()])
def test_an_aggregate_of_several_types_that_says_its_own(output: Any) -> None:
    Article.objects.create(channels=["c"], price="2.50", score=1.5)
    total = Sum(F("price") + F("score"), output_field=output)
    assert Article.objects.aggregate(total=total) == {"total": 4}
    assert Article.objects.annotate(total=total).get().total == 4


@pytest.mark.parametrize(
    "name", [name for name in models.CharField.get_lookups() if name != "isnull"]
)
def test_lookups_with_subqueries(name: str) -> None:
    CBPage.objects.create(title="50%_a")
    found = CBPage.objects.values("title")[:1]
    rhs = (found, found) if name == "range" else found
    matching = CBPage.objects.filter(**{f"title__{name}": rhs})
    assert matching.count() == (0 if name in ("gt", "lt") else 1)


def test_a_content_type_of_nothing() -> None:
    with pytest.raises(Exception, match="Impossible arguments"):
        CBNote._meta.get_field("about").get_content_type()
