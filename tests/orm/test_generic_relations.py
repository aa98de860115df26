"""Generic relations of documents, and what subclasses inherit of relations."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core import checks
from django.db import models
from django.db.models import Count

from django_cbtools.models import CouchbaseModel, ForeignKey
from django_cbtools.permissions import create_document_permissions

# Django's checks ask the databases, all of them, what they can do.
pytestmark = pytest.mark.django_db(databases="__all__")


class CBLabel(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    text = models.CharField(max_length=10)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.CharField(max_length=300)
    of = GenericForeignKey()


class CBGroup(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"


class CBMember(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    name = models.CharField(max_length=10)
    group = ForeignKey(CBGroup, models.CASCADE, null=True, related_name="members")
    friend = ForeignKey(CBGroup, models.CASCADE, null=True, related_query_name="befriended")
    labels = GenericRelation(CBLabel, related_query_name="members")
    log = GenericRelation(LogEntry, related_query_name="+")


class CBOtherMember(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    labels = GenericRelation(CBLabel)
    log = GenericRelation(LogEntry)


@pytest.fixture(autouse=True)
def _content_types() -> Any:
    create_document_permissions(apps.get_app_config("testapp"), verbosity=0, using="default")
    yield
    ContentType.objects.clear_cache()


def label(document: Any, text: str) -> None:
    found = CBLabel(uid=text, text=text, channels=["c"])
    found.of = document
    found.save()


@pytest.fixture
def two() -> tuple[CBMember, CBOtherMember]:
    """Documents of two classes under one name, with the same uid as far as others know."""
    one, other = CBMember(uid="1", name="a", channels=["c"]), CBOtherMember(channels=["c"])
    one.save()
    other.save()
    for number, (document, uid) in enumerate([(one, "1"), (other, other.uid), (other, "1")]):
        kind = ContentType.objects.get_for_model(document)
        about = {"content_type": kind, "object_id": uid}
        CBLabel(uid=f"l{number}", text=str(number), channels=["c"], **about).save()
        user = get_user_model().objects.get_or_create(username="u")[0]
        LogEntry.objects.create(user=user, action_flag=1, **about)
    return one, other


@pytest.mark.parametrize("name", ["labels", "log"])
def test_a_join_restricts_the_content_type(two, name):
    one, other = two
    assert CBMember.objects.annotate(n=Count(name)).get().n == 1
    assert CBOtherMember.objects.annotate(n=Count(name)).get().n == 1
    assert getattr(one, name).count() == getattr(other, name).count() == 1


@pytest.mark.parametrize("bulk", [True, False])
@pytest.mark.parametrize("clear", [True, False])
def test_what_is_set_and_added_can_be_saved(two, bulk, clear):
    """The instances learn what the relation writes of their documents."""
    one, other = two
    mine, theirs = list(one.labels.all()), list(other.labels.all())
    one.labels.set(iter([*mine, *theirs]), bulk=bulk, clear=clear)
    # As in Django: what is cleared is deleted, and only bulk=False saves it again.
    assert {found.text for found in one.labels.all()} == ({"1"} if bulk and clear else {"0", "1"})
    for found in (*mine, *theirs):
        found.text += "!"
        found.save()
    assert {found.text for found in one.labels.all()} == {"0!", "1!"}
    other.labels.add(*theirs, bulk=bulk)
    one.labels.remove(*mine, bulk=bulk)
    assert not one.labels.exists()
    for found in (*mine, *theirs):
        found.save()
    assert [found.text for found in one.labels.all()] == ["0!"]
    assert [found.text for found in other.labels.all()] == ["1!"]


def test_what_was_fetched_can_be_saved_after_a_clear(two):
    one = CBMember.objects.prefetch_related("labels").get()
    (fetched,) = one.labels.all()
    one.labels.clear()
    assert not CBMember.objects.get().labels.exists()
    fetched.save()
    assert CBMember.objects.get().labels.count() == 1


def test_a_join_from_the_other_side_restricts_it_too(two):
    assert [found.text for found in CBLabel.objects.filter(members__name="a")] == ["0"]
    assert CBMember.objects.filter(labels__text="2").count() == 0


def test_a_late_subclass_takes_over_no_name_of_its_parents(two):
    one, _ = two
    group = CBGroup(uid="g", channels=["c"])
    group.save()
    one.group = one.friend = group
    one.save()

    def counts() -> list[Any]:
        found = CBGroup.objects.annotate(n=Count("members"), m=Count("befriended")).get()
        return [found.n, found.m, CBLabel.objects.filter(members__name="a").count()]

    assert counts() == [1, 1, 1]
    assert [found.pk for found in CBMember.objects.filter(name="a", group__pk="g")] == ["1"]

    class CBLateMember(CBMember):
        class Meta:
            abstract = True
            app_label = "testapp"

    try:
        assert counts() == [1, 1, 1]
        assert [found.pk for found in group.members.all()] == ["1"]
        late = CBLateMember(uid="2", name="a", group=group, channels=["c"])
        late.save()
        label(late, "late")
        assert counts() == [1, 1, 1]
        # Nor does it keep anything that was computed for its parent.
        found = CBLateMember.objects.filter(name="a", group__pk="g", labels__text="late")
        assert [each.pk for each in found.select_related("group")] == ["2"]
        assert CBLateMember._meta.get_field("group").model is CBLateMember
    finally:
        del apps.all_models["testapp"]["cblatemember"]
        apps.clear_cache()


# ------------------------------------------------------------------------ tables


def said(model: Any, id_: str) -> list[checks.CheckMessage]:
    found = checks.run_checks(tags=["cbtools"])
    return [message for message in found if message.obj is model and message.id == id_]


@pytest.mark.parametrize(
    ("table", "is_wrong"),
    [("testapp_cbmember", True), ("testapp_bookmark", True), ("testapp_own", False)],
)
def test_two_classes_with_one_table_are_refused(table, is_wrong):
    class CBSame(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"
            db_table = table

    try:
        assert bool(said(CBSame, "cbtools.E013")) is is_wrong
        assert bool(said(CBMember, "cbtools.E013")) is (table == "testapp_cbmember")
    finally:
        CouchbaseModel.tables["testapp_cbmember"] = CBMember
        for name in {table, "testapp_cbsame"} - {"testapp_cbmember"}:
            CouchbaseModel.tables.pop(name, None)
        del apps.all_models["testapp"]["cbsame"]
        apps.clear_cache()


@pytest.mark.parametrize(
    ("meta", "is_said"),
    [({}, True), ({"managed": True}, True), ({"managed": False}, False), ({"abstract": 1}, False)],
)
def test_what_migrations_make_of_a_class_is_said(meta, is_said):
    body = {"__module__": __name__, "Meta": type("Meta", (), {"app_label": "testapp", **meta})}
    model = type(CouchbaseModel)("CBUnmarked", (CouchbaseModel,), body)
    try:
        found = said(model, "cbtools.W011")
        assert bool(found) is is_said
        assert all("makemigrations" in message.msg for message in found)
    finally:
        del apps.all_models["testapp"]["cbunmarked"]
        apps.clear_cache()
