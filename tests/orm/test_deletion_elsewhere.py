"""Deleting where what points to what is deleted is in another place, or cannot be found at all."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.core.checks import Warning
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, models
from django.db.models.signals import post_delete, pre_delete
from django.test import RequestFactory

from django_cbtools.checks import check_deletion
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayBulkError, SyncGatewayConflict

from .models import Article, Author, Reading, Task
from .test_two_databases import apart

__all__ = ["apart"]


@pytest.fixture
def on_delete(monkeypatch: Any) -> Any:
    """Change what a task does when its owner, or its helper, is deleted."""

    def change(name: str, handler: Any) -> None:
        field: Any = Task._meta.get_field(name)
        monkeypatch.setattr(field.remote_field, "on_delete", handler)

    return change


def everything() -> list[Any]:
    rows = SyncGateway.all_docs(None, really_all=True)["rows"]
    return sorted(((row["id"], row["doc"]) for row in rows), key=lambda row: str(row[0]))


# ------------------------------------------------- documents in an alias of their own

elsewhere = pytest.mark.django_db(databases=["default", "plain"])


@elsewhere
def test_cascade_and_set_null(apart: User) -> None:
    total, counts = apart.delete()
    assert (total, counts) == (3, {"orm.Task": 1, "orm.Reading": 1, "auth.User": 1})
    assert not User.objects.filter(username="ann").exists()
    assert {task.uid: task.helper_id for task in Task.objects.all()} == {"t2": None, "t3": None}
    assert Task.all_objects.get(uid="t1").st_deleted


@elsewhere
def test_queryset(apart: User) -> None:
    assert User.objects.all().delete()[1] == {"orm.Task": 2, "orm.Reading": 2, "auth.User": 2}
    assert [task.uid for task in Task.objects.all()] == ["t3"]


@elsewhere
@pytest.mark.parametrize("handler", [models.PROTECT, models.RESTRICT])
@pytest.mark.parametrize("name", ["owner", "helper"])
def test_protected(apart: User, on_delete: Any, name: str, handler: Any) -> None:
    on_delete(name, handler)
    before = everything()
    for doomed in (apart, User.objects.filter(pk=apart.pk)):
        with pytest.raises((models.ProtectedError, models.RestrictedError)):
            doomed.delete()
    assert everything() == before
    assert User.objects.count() == 2


@elsewhere
def test_set(apart: User, on_delete: Any) -> None:
    bob = User.objects.get(username="bob")
    on_delete("helper", models.SET(bob.pk))
    apart.delete()
    assert Task.objects.get(uid="t2").helper == bob


@elsewhere
def test_set_default(apart: User, on_delete: Any, monkeypatch: Any) -> None:
    bob = User.objects.get(username="bob")
    on_delete("helper", models.SET_DEFAULT)
    monkeypatch.setattr(Task._meta.get_field("helper"), "_get_default", lambda: bob.pk)
    apart.delete()
    assert Task.objects.get(uid="t2").helper == bob


@elsewhere
def test_do_nothing(apart: User, on_delete: Any) -> None:
    on_delete("owner", models.DO_NOTHING)
    on_delete("helper", models.DO_NOTHING)
    before = everything()
    assert apart.delete()[1] == {"orm.Reading": 1, "auth.User": 1}
    assert everything() == before


@pytest.fixture
def received() -> Any:
    """Have a function called with Django's signals of tasks."""
    receivers: list[Any] = []

    def connect(receive: Any) -> None:
        receivers.append(receive)
        for signal in (pre_delete, post_delete):
            signal.connect(receive, sender=Task)

    yield connect
    for receive in receivers:
        for signal in (pre_delete, post_delete):
            signal.disconnect(receive, sender=Task)


@elsewhere
def test_signals(apart: User, received: Any) -> None:
    seen: list[Any] = []

    def receive(instance: Any, signal: Any, **kwargs: Any) -> None:
        seen.append(("pre" if signal is pre_delete else "post", instance.pk))

    received(receive)
    apart.delete()
    assert seen == [("pre", "t1"), ("post", "t1")]


@elsewhere
def test_a_refused_document_keeps_the_row(apart: User, received: Any) -> None:
    def write(signal: Any, **kwargs: Any) -> None:
        if signal is pre_delete:
            other = Task("t1")
            other.name = "somebody else was here"
            other.save()

    received(write)
    with pytest.raises(SyncGatewayBulkError, match="t1"):
        apart.delete()
    assert User.objects.filter(username="ann").exists()
    assert Reading.objects.count() == 2


@elsewhere
def test_the_admins_page(apart: User) -> None:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True)
    admin = UserAdmin(User, AdminSite())
    _, counts, _, protected = admin.get_deleted_objects(User.objects.all(), request)
    assert counts["tasks"] == 2
    assert protected == []


# --------------------------------------------------------- no ORM for documents


@pytest.fixture
def real(gateway_by_http: Any) -> User:
    """A gateway where documents cannot be asked for by what they point to."""
    ann = User.objects.create(username="ann")
    Task(uid="t1", owner=ann, helper=ann, channels=["c"]).save()
    Author(uid="a1", name="A", channels=["c"]).save()
    Author(uid="a2", name="B", mentor_uid="a1", channels=["c"]).save()
    Article(uid="x", title="X", author_uid="a1", channels=["c"]).save()
    with pytest.raises(ImproperlyConfigured):
        Task.objects.exists()
    return ann


def test_a_row_goes_and_documents_stay(real: User) -> None:
    before = everything()
    assert real.delete() == (1, {"auth.User": 1})
    assert everything() == before


def test_rows_of_a_queryset_go(real: User) -> None:
    before = everything()
    assert User.objects.all().delete() == (1, {"auth.User": 1})
    assert everything() == before


def test_the_admins_page_without_an_orm(real: User) -> None:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True)
    _, counts, _, protected = UserAdmin(User, AdminSite()).get_deleted_objects([real], request)
    assert counts == {"users": 1}
    assert protected == []


@pytest.mark.parametrize("hard", [False, True])
def test_a_document_goes_and_others_stay(real: User, hard: bool) -> None:
    author = Author("a1")
    before = [row for row in everything() if row[0] != "a1"]
    assert (author.hard_delete() if hard else author.delete()) == (1, {"orm.Author": 1})
    assert [row for row in everything() if row[0] != "a1"] == before
    if hard:
        with pytest.raises(Author.DoesNotExist):
            Author("a1")
    else:
        assert Author("a1").st_deleted


def test_ordinary_rows_go_with_a_document(real: User) -> None:
    Reading.objects.create(user=real, task_uid="t1", pages=1)
    assert Task("t1").hard_delete() == (2, {"orm.Task": 1, "orm.Reading": 1})
    assert not Reading.objects.exists()


def test_a_check_says_so(settings: Any) -> None:
    assert not [found for found in check_deletion(None) if found.obj.model is Task]
    settings.COUCHBASE_DATABASE = "plain"
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    found = [found for found in check_deletion(None) if found.obj.model is Task]
    assert [(type(each), each.id, each.obj.name) for each in found] == [
        (Warning, "cbtools.W014", "owner"),
        (Warning, "cbtools.W014", "helper"),
    ]
    assert "on_delete=CASCADE" in found[0].msg


# ------------------------------------------------------ decided before it is written


@pytest.mark.django_db
@pytest.mark.parametrize("hard", [False, True])
def test_what_cannot_be_found_out_deletes_nothing(hard: bool, monkeypatch: Any) -> None:
    """Here the database fails when it is asked for those that point to the author."""
    author = Author.objects.create(uid="a1", name="A", channels=["c"])
    Author.objects.create(uid="a2", name="B", mentor=author, channels=["c"])
    before = everything()

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise IntegrityError("no more")

    monkeypatch.setattr(type(Author._base_manager.all()), "__iter__", fail)
    with pytest.raises(IntegrityError):
        author.hard_delete() if hard else author.delete()
    monkeypatch.undo()
    assert everything() == before


@pytest.mark.django_db
def test_a_document_that_points_to_itself() -> None:
    author = Author.objects.create(uid="a1", name="A", channels=["c"])
    author.mentor = author
    author.save()
    assert author.delete() == (1, {"orm.Author": 1})
    with pytest.raises(SyncGatewayConflict):
        SyncGateway.save_json("a1", {"channels": ["c"]})
