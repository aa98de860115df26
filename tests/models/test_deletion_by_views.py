"""Deleting what documents point to where there is no ORM for them: a view finds them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import models
from django.test import RequestFactory

from django_cbtools.checks import check_deletion
from django_cbtools.exceptions import SyncGatewayNotFound
from django_cbtools.sync_gateway import SyncGateway
from tests.orm.models import Author, Task

VIEWS = {
    "by_owner": "function (doc, meta) { if (doc.owner) { emit(doc.owner, null); } }",
    # It has rows of other classes, and rows that point to nothing.
    "by_helper": "function (doc, meta) { emit(doc.helper || doc.owner || doc.name, null); }",
    "by_mentor": "function (doc, meta) { emit(doc.mentor_uid, null); }",
}


@pytest.fixture
def ann(gateway_by_http: Any, settings: Any, tmp_path: Any, monkeypatch: Any) -> User:
    settings.DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
    settings.BASE_DIR = tmp_path
    (tmp_path / "couchbase_views").mkdir()
    for name, source in VIEWS.items():
        (tmp_path / "couchbase_views" / f"{name}.js").write_text(source)
    monkeypatch.setattr(Task, "relation_views", {"owner": "by_owner", "helper": "by_helper"})
    monkeypatch.setattr(Author, "relation_views", {"mentor": "django_cbtools/by_mentor"})
    ann, bob = (User.objects.create(username=name) for name in ("ann", "bob"))
    Task(uid="t1", name="x", owner=ann, channels=["c"]).save()
    Task(uid="t2", name="x", owner=bob, helper=ann, channels=["c"]).save()
    Task(uid="t3", name=str(ann.pk), owner=bob, channels=["c"]).save()
    Task(uid="gone", name="x", owner=ann, channels=["c"], st_deleted=True).save()
    SyncGateway.save_json("other", {"doc_type": "other", "owner": ann.pk, "channels": ["c"]})
    return ann


@pytest.fixture
def deployed(ann: User) -> User:
    call_command("create_cb_views", verbosity=0)
    return ann


def everything() -> list[Any]:
    return SyncGateway.all_docs(None, really_all=True)["rows"]


def test_on_delete_holds(deployed: User) -> None:
    assert deployed.delete() == (3, {"orm.Task": 2, "auth.User": 1})
    assert [user.username for user in User.objects.all()] == ["bob"]
    assert Task("t1").st_deleted
    assert (Task("t2").helper_id, Task("t2").st_deleted) == (None, False)
    assert not Task("t3").st_deleted
    assert "st_deleted" not in SyncGateway.all_docs(["other"])["rows"][0]["doc"]


def test_many_rows(deployed: User) -> None:
    User.objects.bulk_create(User(username=f"u{number}") for number in range(30))
    assert User.objects.all().delete() == (36, {"orm.Task": 4, "auth.User": 32})
    assert all(Task(uid).st_deleted for uid in ("t1", "t2", "t3"))


@pytest.mark.parametrize("handler", [models.PROTECT, models.RESTRICT])
def test_protected(deployed: User, monkeypatch: Any, handler: Any) -> None:
    field: Any = Task._meta.get_field("helper")
    monkeypatch.setattr(field.remote_field, "on_delete", handler)
    before = everything()
    with pytest.raises((models.ProtectedError, models.RestrictedError)):
        deployed.delete()
    assert everything() == before
    assert User.objects.count() == 2


def test_the_admins_page(deployed: User) -> None:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True)
    admin = UserAdmin(User, AdminSite())
    _, counts, _, protected = admin.get_deleted_objects([deployed], request)
    assert counts == {"users": 1, "tasks": 2}
    assert protected == []


@pytest.mark.parametrize("hard", [False, True])
def test_documents_that_point_to_documents(deployed: User, monkeypatch: Any, hard: bool) -> None:
    field: Any = Author._meta.get_field("mentor")
    monkeypatch.setattr(field.remote_field, "on_delete", models.CASCADE)
    Author(uid="a1", name="A", channels=["c"]).save()
    Author(uid="a2", name="B", mentor_uid="a1", channels=["c"]).save()
    author = Author("a1")
    assert (author.hard_delete() if hard else author.delete()) == (2, {"orm.Author": 2})
    if hard:
        with pytest.raises(Author.DoesNotExist):
            Author("a2")
    else:
        assert Author("a2").st_deleted


def test_a_view_that_is_not_deployed(ann: User) -> None:
    before = everything()
    with pytest.raises(SyncGatewayNotFound, match="create_cb_views"):
        ann.delete()
    assert everything() == before
    assert User.objects.count() == 2


def test_checks(ann: User, monkeypatch: Any) -> None:
    def told() -> list[tuple[str, str]]:
        found = check_deletion(None)
        return [
            (each.id, "" if each.obj is Task else each.obj.name)
            for each in found
            if Task in (each.obj, getattr(each.obj, "model", None))
        ]

    assert told() == []
    monkeypatch.setattr(Task, "relation_views", {"owner": "by_owner", "name": "by_owner"})
    assert told() == [("cbtools.W014", "helper"), ("cbtools.E023", "")]
    monkeypatch.setattr(Task, "relation_views", {"owner": "by_owner", "helper": "none/here"})
    assert told() == [("cbtools.E023", "")]
