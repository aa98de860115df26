"""Documents and ordinary models that point to each other, in one database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import (
    Count,
    Exists,
    F,
    FilteredRelation,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    Sum,
)

from ..models import Reading, Task


@pytest.fixture(scope="module", autouse=True)
def _tasks(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), transaction.atomic():
        ann, bob, eve = (User.objects.create(username=name) for name in ("ann", "bob", "eve"))
        ann.groups.add(Group.objects.create(name="writers"))
        Task.objects.bulk_create(
            [
                Task(uid="t1", name="write", owner=ann, channels=["c"]),
                Task(uid="t2", name="read", owner=ann, helper=bob, channels=["c"]),
                Task(uid="t3", name="rest", owner=bob, channels=["c"]),
                Task(uid="t4", name="none", channels=["c"]),
            ]
        )
        for user, task, pages in ((ann, "t1", 5), (bob, "t1", 7), (bob, "t2", 1), (eve, None, 2)):
            Reading.objects.create(user=user, task_uid=task, pages=pages)
        yield
        transaction.set_rollback(True)


pytestmark = pytest.mark.django_db

TASKS = [
    (Q(owner__username="ann"), "t1 t2"),
    (~Q(owner__username="ann"), "t3 t4"),
    (Q(owner__isnull=True), "t4"),
    (Q(helper__username__startswith="b"), "t2"),
    (Q(owner__groups__name="writers"), "t1 t2"),
    (Q(owner__tasks__name="read"), "t1 t2"),
    (Q(readings__pages__gt=4), "t1"),
    (~Q(readings__pages__gt=4), "t2 t3 t4"),
    (Q(readings__isnull=True), "t3 t4"),
    (Q(readings__user__username="bob"), "t1 t2"),
    (Q(readings__user=F("owner")), "t1"),
    (Q(owner__readings__task__name="read"), "t3"),
    (Q(Exists(Reading.objects.filter(task=OuterRef("pk"), pages=1))), "t2"),
    (Q(owner__in=User.objects.filter(username="bob")), "t3"),
    (Q(pk__in=Reading.objects.filter(pages__lt=6).values("task")), "t1 t2"),
]
USERS = [
    (Q(tasks__name="rest"), "bob"),
    (Q(tasks__isnull=True), "eve"),
    (~Q(tasks__name="write"), "bob eve"),
    (Q(readings__task__name="write"), "ann bob"),
    (Q(readings__task__owner=F("pk")), "ann"),
    (~Q(readings__task__name="write"), "eve"),
    (Q(Exists(Task.objects.filter(owner=OuterRef("pk"), helper__isnull=False))), "ann"),
    (Q(pk__in=Task.objects.filter(name="rest").values("owner")), "bob"),
    (Q(groups__user__tasks__name="read"), "ann"),
]
READINGS = [
    (Q(task__name="write"), [5, 7]),
    (~Q(task__name="write"), [1, 2]),
    (Q(task="t2"), [1]),
    (Q(task__isnull=True), [2]),
    (Q(task__owner__username="ann"), [1, 5, 7]),
    (Q(task__owner=F("user")), [5]),
    (Q(task__in=Task.objects.filter(helper__isnull=False)), [1]),
    (Q(user__tasks__name="rest"), [1, 7]),
]


@pytest.mark.parametrize(("condition", "expected"), TASKS)
def test_documents_by_ordinary_rows(condition, expected):
    found = Task.objects.filter(condition).distinct().order_by("uid")
    assert [task.uid for task in found] == expected.split()


@pytest.mark.parametrize(("condition", "expected"), USERS)
def test_ordinary_rows_by_documents(condition, expected):
    found = User.objects.filter(condition).distinct().order_by("username")
    assert [user.username for user in found] == expected.split()


@pytest.mark.parametrize(("condition", "expected"), READINGS)
def test_rows_that_point_to_documents(condition, expected):
    found = Reading.objects.filter(condition).order_by("pages")
    assert [reading.pages for reading in found.distinct()] == expected


def test_annotations_and_aggregates():
    users = User.objects.order_by("username")
    counted = users.annotate(n=Count("tasks", distinct=True), p=Sum("readings__pages"))
    assert list(counted.values_list("username", "n", "p")) == [
        ("ann", 2, 10), ("bob", 1, 8), ("eve", 0, 2)
    ]  # fmt: skip
    tasks = Task.objects.order_by("uid")
    assert list(tasks.annotate(p=Sum("readings__pages")).values_list("p", flat=True)) == [
        12, 1, None, None
    ]  # fmt: skip
    assert list(Task.objects.order_by("-owner__username", "uid").values_list("uid", flat=True)) == [
        "t3", "t1", "t2", "t4"
    ]  # fmt: skip
    by_owner = Task.objects.values("owner__username").annotate(n=Count("pk"))
    assert dict(by_owner.values_list("owner__username", "n")) == {None: 1, "ann": 2, "bob": 1}
    latest = Task.objects.filter(owner=OuterRef("pk")).order_by("-uid").values("name")[:1]
    assert list(users.annotate(x=Subquery(latest)).values_list("x", flat=True)) == [
        "read", "rest", None
    ]  # fmt: skip
    many = FilteredRelation("readings", condition=Q(readings__pages__gt=6))
    assert list(tasks.annotate(many=many).values_list("many__user__username", flat=True)) == [
        "bob", None, None, None
    ]  # fmt: skip
    assert Reading.objects.aggregate(n=Count("task__owner", distinct=True)) == {"n": 1}


def test_select_related(django_assert_num_queries):
    with django_assert_num_queries(1):
        tasks = list(Task.objects.select_related("owner", "helper").order_by("uid"))
        assert [(t.owner and t.owner.username, t.helper and t.helper.username) for t in tasks] == [
            ("ann", None), ("ann", "bob"), ("bob", None), (None, None)
        ]  # fmt: skip
    with django_assert_num_queries(1):
        readings = list(Reading.objects.select_related("task__owner", "user").order_by("pages"))
        found = [
            (r.task and (r.task.name, r.task.owner.username), r.user.username) for r in readings
        ]
        assert found == [
            (("read", "ann"), "bob"), (None, "eve"), (("write", "ann"), "ann"),
            (("write", "ann"), "bob"),
        ]  # fmt: skip
    with django_assert_num_queries(1):
        some = Reading.objects.select_related("task").only("pages", "task__name").order_by("pages")
        assert [(r.pages, r.task and (r.task.name, r.task.channels)) for r in some][:2] == [
            (1, ("read", ["c"])), (2, None)
        ]  # fmt: skip


def test_accessors_and_prefetch(django_assert_num_queries):
    ann = User.objects.get(username="ann")
    assert {task.uid for task in ann.tasks.all()} == {"t1", "t2"}
    assert ann.tasks.filter(readings__user__username="bob").count() == 2
    task = Task.objects.get(pk="t1")
    assert task.owner == ann
    assert sorted(reading.pages for reading in task.readings.all()) == [5, 7]
    assert {reading.task for reading in task.readings.all()} == {task}
    with django_assert_num_queries(2):
        users = User.objects.prefetch_related("tasks").order_by("username")
        found = [sorted(task.uid for task in user.tasks.all()) for user in users]
        assert found == [["t1", "t2"], ["t3"], []]
    with django_assert_num_queries(3):
        tasks = Task.objects.prefetch_related("owner", "readings").order_by("uid")
        found = [(t.owner and t.owner.username, len(t.readings.all())) for t in tasks]
        assert found == [("ann", 2), ("ann", 1), ("bob", 0), (None, 0)]
    with django_assert_num_queries(3):
        readings = Reading.objects.prefetch_related("task__owner").order_by("pages")
        assert [r.task and r.task.owner.username for r in readings] == ["ann", None, "ann", "ann"]
    with django_assert_num_queries(2):
        last = Prefetch("tasks", Task.objects.order_by("-uid")[:1], to_attr="last")
        users = User.objects.prefetch_related(last).order_by("username")
        assert [[task.uid for task in user.last] for user in users] == [["t2"], ["t3"], []]


def test_related_managers_write():
    eve = User.objects.get(username="eve")
    task = eve.tasks.create(name="new", channels=["c"])
    assert Task(task.uid).owner == eve
    assert eve.tasks.get_or_create(name="new")[0] == task
    eve.tasks.add(Task.objects.get(pk="t4"), bulk=False)
    assert {task.name for task in eve.tasks.all()} == {"new", "none"}
    assert eve.tasks.update(helper=eve) == 2
    names = Task.objects.filter(helper=eve).values_list("name", flat=True)
    assert set(names) == {"new", "none"}
    eve.tasks.clear()
    assert not eve.tasks.exists()


def test_deletion_of_a_row_cascades_to_documents():
    User.objects.get(username="ann").delete()
    assert {task.uid for task in Task.objects.all()} == {"t3", "t4"}


def test_deletion_of_rows_cascades_and_sets_null():
    User.objects.filter(username="bob").delete()
    assert {(task.uid, task.helper_id) for task in Task.objects.all()} == {
        ("t1", None), ("t2", None), ("t4", None)
    }  # fmt: skip


def test_no_join_loses_a_row_whose_document_is_gone(db, monkeypatch):
    """Phones delete what rows point to, be the relation required or not."""
    monkeypatch.setattr(Reading._meta.get_field("task"), "null", False)
    zoe = User.objects.create(username="zoe")
    Reading.objects.create(user=zoe, task_uid="t1", pages=1)
    Reading.objects.create(user=zoe, task_uid="gone", pages=2)
    asked = Reading.objects.filter(user=zoe).order_by("pages")
    found = asked.select_related("task")
    assert [reading.task_uid for reading in found] == ["t1", "gone"]
    assert found[0].task.name == "write"
    assert {*asked.values_list("pages", "task__name")} == {(1, "write"), (2, None)}
    assert asked.order_by("task__name").count() == len(asked.order_by("task__name")) == 2
    assert [each.pages for each in asked.filter(task__name="write")] == [1]
    assert [each.pages for each in asked.exclude(task__name="write")] == [2]
