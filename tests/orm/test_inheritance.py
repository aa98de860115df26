"""Bases, proxies, and queries of a class with its subclasses."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core import checks
from django.core.exceptions import FieldError
from django.db import NotSupportedError, models
from django.db.migrations.state import ProjectState
from django.db.models import Count
from django.forms import modelform_factory

from django_cbtools.models import (
    CouchbaseModel,
    CouchbaseNestedModel,
    EmbeddedField,
    ForeignKey,
    ListField,
)
from django_cbtools.permissions import create_document_permissions

# Django's checks ask the databases, all of them, what they can do.
pytestmark = pytest.mark.django_db(databases="__all__")


class Meta:
    abstract = True


class CBSite(CouchbaseModel):
    Meta = Meta
    name = models.CharField(max_length=10)


class CBCommon(CouchbaseModel, base=True):
    """Common fields, and no documents."""

    class Meta:
        abstract = True
        ordering = ["name"]

    uid_prefix = "cmn"
    name = models.CharField(max_length=10)
    site = ForeignKey(CBSite, models.CASCADE, null=True, related_name="%(class)s_set")
    other = ForeignKey("orm.CBSite", models.CASCADE, null=True, related_name="+")
    before = ForeignKey("self", models.SET_NULL, null=True, related_name="+")


class CBPump(CBCommon):
    class Meta(CBCommon.Meta):
        abstract = True

    power = models.IntegerField(default=0)


class CBTank(CBCommon):
    doc_type = "tank"
    sizes = ListField(blank=True)


class CBSmallTank(CBTank):
    Meta = Meta
    doc_type = "small tank"
    is_tiny = models.BooleanField(default=False)


class CBCheapPump(CBPump):
    class Meta:
        proxy = True
        ordering = ["-name"]

    def price(self) -> int:
        return self.power * 2


class CBGoodPump(CBCheapPump):
    """Of no proxy's Meta."""

    doc_type = "good pump"


class CBPart(CouchbaseNestedModel):
    name = models.CharField(max_length=10)


class CBWhole(CouchbaseModel):
    Meta = Meta
    part = EmbeddedField(CBPart, null=True)


@pytest.fixture
def permitted() -> Any:
    create_document_permissions(apps.get_app_config("orm"), verbosity=0, using="default")
    yield lambda model: set(
        Permission.objects.filter(content_type__model=model).values_list("codename", flat=True)
    )
    ContentType.objects.clear_cache()


@pytest.fixture
def site() -> CBSite:
    site = CBSite(uid="s", name="S", channels=["c"])
    site.save()
    CBPump(uid="p", name="b", power=3, site=site, other=site, channels=["c"]).save()
    CBTank(uid="t", name="a", sizes=[1], site=site, before_uid="d", channels=["c"]).save()
    CBSmallTank(uid="u", name="c", channels=["c"]).save()
    CBTank(uid="d", name="d", channels=["c"], st_deleted=True).save()
    return site


# ------------------------------------------------------------------------- bases


def test_a_base_is_a_base(permitted):
    assert CBCommon._meta.abstract
    assert CBCommon not in apps.get_models(include_auto_created=True)
    assert not permitted("cbcommon")
    for name in ("objects", "all_objects"):
        assert not hasattr(CBCommon, name)
    with pytest.raises(TypeError, match="Abstract"):
        CBCommon(name="x")
    assert permitted("cbpump") == {f"{do}_cbpump" for do in ("add", "change", "delete", "view")}


def test_what_inherits_a_base_is_a_document_class():
    assert [cls.type_name() for cls in (CBPump, CBTank)] == ["cbpump", "tank"]
    assert CBPump._meta.ordering == CBTank._meta.ordering == ["name"]
    assert CBPump(name="x").get_uid().startswith("cmn_")
    assert not {"cbpump", "cbtank"} & {name for _, name in ProjectState.from_apps(apps).models}
    assert CBSite._meta.get_field("cbpump_set").related_model is CBPump
    assert CBSite._meta.get_field("cbtank_set").related_model is CBTank
    assert issubclass(CBPump.DoesNotExist, CBCommon.DoesNotExist)


def test_what_looks_like_a_base_is_told(declare):
    looks = declare("CBLooksLikeOne", CouchbaseModel)
    assert not said(looks, "cbtools.W012")
    declare("CBBelowIt", looks)
    (message,) = said(looks, "cbtools.W012")
    assert "base=True" in message.hint
    looks.doc_type = "looks"
    assert not said(looks, "cbtools.W012")


@pytest.fixture
def declare() -> Any:
    made: list[Any] = []

    def declare(name: str, *bases: Any, **body: Any) -> Any:
        body = {"__module__": __name__, "Meta": Meta, **body}
        made.append(type(CouchbaseModel)(name, bases, body))
        return made[-1]

    yield declare
    for model in made:
        del apps.all_models["orm"][model._meta.model_name]
        del CouchbaseModel.tables[model._meta.db_table]
    apps.clear_cache()


def said(model: Any, id_: str) -> list[checks.CheckMessage]:
    found = checks.run_checks(tags=["cbtools"])
    return [message for message in found if message.obj is model and message.id == id_]


def test_nested_models_are_parts_and_no_more(permitted):
    """Without ``abstract = True``, too."""
    assert not permitted("cbpart")
    assert ("orm", "cbpart") not in ProjectState.from_apps(apps).models
    for name in ("objects", "all_objects"):
        with pytest.raises(AttributeError, match="CBPart has no"):
            getattr(CBPart, name)
    CBWhole(uid="w", part=CBPart(name="x"), channels=["c"]).save()
    assert CBWhole.objects.get(part__name="x").part.name == "x"


# ----------------------------------------------------------------------- proxies


def test_a_proxy_is_its_class_with_other_habits(site, permitted):
    proxy = CBCheapPump.objects.get()
    assert type(proxy) is CBCheapPump
    assert proxy.price() == 6
    assert proxy == CBPump("p")
    assert CBCheapPump("p").power == 3
    assert isinstance(proxy, CBPump)
    assert CBCheapPump._meta.ordering == ["-name"]
    assert CBCheapPump.objects.filter(site__name="S", power__gt=1).count() == 1
    proxy.power = 4
    proxy.save()
    CBCheapPump(uid="q", name="q", channels=["c"]).save()
    assert CBPump("q").get_doc_type() == "cbpump"
    assert [pump.uid for pump in CBCheapPump.objects.all()] == ["q", "p"]
    assert CBCheapPump.objects.filter(pk="q").update(power=9) == 1
    assert CBPump.objects.get(pk="q").power == 9
    with pytest.raises(CBCheapPump.DoesNotExist):
        CBCheapPump("none")
    assert issubclass(CBCheapPump.DoesNotExist, CBPump.DoesNotExist)
    assert proxy.delete()[0] == 1
    assert CBCheapPump.objects.filter(pk="q").hard_delete()[0] == 1
    assert CBPump.objects.count() == 0
    assert permitted("cbcheappump") == {
        f"{do}_cbcheappump" for do in ("add", "change", "delete", "view")
    }


def test_a_proxy_goes_through_forms_and_relations(site):
    form = modelform_factory(CBCheapPump, fields=["name", "power"])({"name": "n", "power": 1})
    assert form.is_valid()
    CBPump("p").hard_delete()
    CBPump(uid="p", name="b", site=site, channels=["c"]).save()
    assert CBSite.objects.annotate(n=Count("cbpump_set")).get().n == 1
    assert site.delete()[1] == {
        "orm.CBSite": 1, "orm.CBPump": 1, "orm.CBTank": 1,
    }  # fmt: skip
    assert ("orm", "cbcheappump") not in ProjectState.from_apps(apps).models
    found = checks.run_checks(app_configs=[apps.get_app_config("contenttypes")])
    # That one is of an admin that another test declares.
    assert [message for message in found if message.id != "cbtools.W010"] == []


def test_what_inherits_a_proxy_has_documents_of_its_own(site, declare):
    below = declare("CBBelowAProxy", CBCheapPump, more=models.IntegerField(default=1))
    below(uid="x", name="x", power=4, site=site, channels=["c"]).save()
    found = below.objects.get(site__name="S", power=4)
    assert (found.uid, found.more, found.price()) == ("x", 1, 8)
    assert below._meta.parents == CBGoodPump._meta.parents == {}
    assert not CBGoodPump._meta.proxy
    assert CBGoodPump.objects.count() == 0
    assert CBPump.objects.count() == CBCheapPump.objects.count() == 1
    assert CBCheapPump._meta.parents == {CBPump: None}
    assert CBSite.objects.annotate(n=Count("cbpump_set")).get().n == 1


# -------------------------------------------------------------------- subclasses


def test_a_base_is_asked_over_its_subclasses(site, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = list(CBCommon.select_subclasses())
    assert [(type(each), each.uid) for each in found] == [
        (CBTank, "t"), (CBPump, "p"), (CBSmallTank, "u"),
    ]  # fmt: skip
    assert found[0].sizes == [1]
    assert found[1].power == 3
    assert found[0].to_dict() == CBTank("t").to_dict()


def test_it_is_a_queryset(site, django_assert_num_queries):
    found = CBCommon.select_subclasses()
    assert [each.uid for each in found.filter(site__name="S").order_by("-uid")] == ["t", "p"]
    assert [each.uid for each in found.filter(other__name="S")] == ["p"]
    assert [each.uid for each in found.exclude(site__name="S")] == ["u"]
    assert [each.uid for each in found.filter(before__name="d")] == ["t"]
    assert CBTank._meta.get_field("before").related_model is CBTank
    assert found.count() == 3
    assert found.filter(name="b").exists()
    assert found.values_list("name", flat=True)[1:][0] == "b"
    assert type(found.get(name="c")) is CBSmallTank
    assert found.aggregate(n=Count("site"))["n"] == 2
    assert type(found.first()) is CBTank
    assert set(found.in_bulk()) == {"t", "p", "u"}
    with django_assert_num_queries(1):
        assert found.select_related("site")[0].site.name == "S"
    with django_assert_num_queries(2):
        assert found.prefetch_related("site")[0].site.name == "S"
    assert CBSite.objects.filter(pk__in=found.values("site_uid")).count() == 1
    with pytest.raises(CBCommon.DoesNotExist):
        found.get(name="z")
    with pytest.raises(CBCommon.MultipleObjectsReturned):
        found.get()
    with pytest.raises(FieldError):
        found.filter(power=3)


def test_a_document_class_is_asked_with_its_subclasses(site):
    assert {type(each) for each in CBTank.select_subclasses()} == {CBTank, CBSmallTank}
    assert [each.uid for each in CBTank.select_subclasses().filter(sizes__contains=[1])] == ["t"]
    assert [each.uid for each in CBTank.objects.all()] == ["t"]


@pytest.mark.parametrize("write", [lambda q: q.update(name="x"), lambda q: q.delete()])
def test_each_class_writes_its_own(site, write):
    with pytest.raises(NotSupportedError, match="CBPump, CBTank, CBSmallTank, CBGoodPump"):
        write(CBCommon.select_subclasses())
