"""Documents and ordinary models in two databases: what works, and what is refused."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import NotSupportedError, connections, router
from django.db.models import Count, Exists, OuterRef, Subquery

from .models import Reading, Task


class OrdinaryElsewhere:
    """All ordinary models in the database "plain", which cannot hold documents."""

    def db_for_read(self, model, **hints):
        return None if issubclass(model, Task) else "plain"

    db_for_write = db_for_read


@pytest.fixture
def apart(settings, db):
    settings.DATABASE_ROUTERS = [OrdinaryElsewhere(), "django_cbtools.routers.DocumentRouter"]
    ann, bob = (User.objects.create(username=name) for name in ("ann", "bob"))
    Task.objects.bulk_create(
        [
            Task(uid="t1", name="write", owner=ann, channels=["c"]),
            Task(uid="t2", name="read", owner=bob, helper=ann, channels=["c"]),
            Task(uid="t3", name="none", channels=["c"]),
        ]
    )
    Reading.objects.create(user=ann, task_uid="t1", pages=5)
    Reading.objects.create(user=bob, pages=7)
    assert User.objects.db == "plain"
    return ann


pytestmark = pytest.mark.django_db(databases=["default", "plain"])


def test_forward_access(apart):
    task = Task.objects.get(pk="t1")
    assert task.owner == apart
    assert task.helper is None
    assert Reading.objects.get(pages=5).task == task
    assert Reading.objects.get(pages=7).task is None


def test_reverse_access(apart):
    assert [task.uid for task in apart.tasks.all()] == ["t1"]
    assert apart.tasks.filter(name="read").count() == 0
    assert [reading.pages for reading in Task.objects.get(pk="t1").readings.all()] == [5]
    assert Task.objects.get(pk="t1").readings.create(user=apart, pages=1).task_uid == "t1"
    assert apart.tasks.create(name="new", channels=["c"]).owner_id == apart.pk


def test_prefetch_related(apart, django_assert_num_queries):
    elsewhere = connections["plain"]
    with django_assert_num_queries(1), django_assert_num_queries(3, connection=elsewhere):
        tasks = Task.objects.prefetch_related("owner", "readings__user").order_by("uid")
        assert [task.owner and task.owner.username for task in tasks] == ["ann", "bob", None]
        assert [[r.user.username for r in task.readings.all()] for task in tasks] == [
            ["ann"], [], []
        ]  # fmt: skip
    users = User.objects.prefetch_related("tasks").order_by("username")
    assert [[task.uid for task in user.tasks.all()] for user in users] == [["t1"], ["t2"]]
    readings = Reading.objects.prefetch_related("task__owner").order_by("pages")
    assert [r.task and r.task.owner.username for r in readings] == ["ann", None]


def test_keys_need_no_join(apart):
    assert [task.uid for task in Task.objects.filter(owner=apart)] == ["t1"]
    assert [task.uid for task in Task.objects.filter(owner_id__in=[apart.pk])] == ["t1"]
    assert Task.objects.filter(owner__isnull=True).count() == 1
    assert Task.objects.values_list("owner", flat=True).distinct().count() == 3
    assert Reading.objects.filter(task="t1").count() == 1
    assert Reading.objects.filter(task__in=list(Task.objects.filter(name="write"))).count() == 1
    assert Reading.objects.filter(task__isnull=False).values_list("task", flat=True).get() == "t1"
    names = list(User.objects.filter(username="ann").values_list("pk", flat=True))
    assert Task.objects.filter(owner__in=names).get().uid == "t1"


def asked(name):
    return User.objects.filter(username=name)


@pytest.mark.parametrize(
    "query",
    [
        lambda: Task.objects.filter(owner__username="ann"),
        lambda: Task.objects.exclude(readings__pages=5),
        lambda: Task.objects.filter(readings__user__username="ann"),
        lambda: Task.objects.select_related("owner"),
        lambda: Task.objects.order_by("owner__username"),
        lambda: Task.objects.values("owner__username"),
        lambda: Task.objects.annotate(n=Count("readings")),
        lambda: Task.objects.filter(owner__in=asked("ann")),
        lambda: Task.objects.filter(Exists(asked("ann").filter(pk=OuterRef("owner")))),
        lambda: Task.objects.annotate(x=Subquery(asked("ann").values("pk")[:1])),
        lambda: Task.objects.filter(pk__in=Reading.objects.values("task")),
        lambda: User.objects.filter(tasks__name="write"),
        lambda: User.objects.exclude(tasks__name="write"),
        lambda: User.objects.filter(readings__task__name="write"),
        lambda: User.objects.annotate(n=Count("tasks")),
        lambda: User.objects.filter(pk__in=Task.objects.values("owner")),
        lambda: User.objects.filter(Exists(Task.objects.filter(owner=OuterRef("pk")))),
        lambda: Reading.objects.filter(task__name="write"),
        lambda: Reading.objects.exclude(task__name="write"),
        lambda: Reading.objects.select_related("task"),
        lambda: Reading.objects.order_by("task__name"),
        lambda: Reading.objects.values("task__name"),
        lambda: Reading.objects.filter(task__in=Task.objects.filter(name="write")),
        lambda: Reading.objects.values_list("task").union(Task.objects.values_list("pk")),
    ],
)
def test_a_join_is_refused(apart, query):
    with pytest.raises(NotSupportedError, match="prefetch_related") as caught:
        list(query())
    assert "'plain'" in str(caught.value)
    assert "'default'" in str(caught.value)


def test_rows_of_a_document_are_not_looked_for_beside_it(settings, db):
    settings.DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
    settings.COUCHBASE_DATABASE = "plain"
    task = Task(name="elsewhere")
    task._state.db = "plain"
    assert router.db_for_read(User, instance=task) == "default"
    assert router.db_for_write(Reading, instance=task) == "default"
    assert router.db_for_read(Task, instance=User()) == "plain"
