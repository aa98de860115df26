"""After a database error inside of atomic(), nothing works until its end, as with any model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.transaction import TransactionManagementError

from django_cbtools.models import load_objects, query_view, view_rows
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.tests import clean_buckets, deploy_views

from ..models import Author, Task

pytestmark = pytest.mark.django_db


def _renamed(task: Task) -> None:
    task.name = "changed"
    task.save()


CALLS: dict[str, Callable[[Task], Any]] = {
    "save": lambda task: Task(name="new", channels=["c"]).save(),
    "save again": _renamed,
    "create": lambda task: Task.objects.create(name="new", channels=["c"]),
    "update_document": lambda task: Task.update_document("t1", _renamed),
    "load": lambda task: Task("t1"),
    "load_objects": lambda task: load_objects(["t1"], Task),
    "delete": lambda task: task.delete(),
    "hard_delete": lambda task: task.hard_delete(),
    "undelete": lambda task: task.undelete(),
    "refresh_from_db": lambda task: task.refresh_from_db(),
    "bulk_create": lambda task: Task.objects.bulk_create([Task(name="new", channels=["c"])]),
    "bulk_update": lambda task: Task.objects.bulk_update([task], ["name"]),
    "update": lambda task: Task.objects.update(name="x"),
    "delete all": lambda task: Task.objects.all().delete(),
    "query": lambda task: list(Task.objects.all()),
    "related": lambda task: Author(uid="a", mentor_uid="t1").mentor,
    "save_documents": lambda task: SyncGateway.save_documents([task]),
    "bulk_docs": lambda task: SyncGateway.bulk_docs([{"_id": "x", "channels": ["c"]}]),
    "all_docs": lambda task: SyncGateway.all_docs(None, really_all=True),
    "revisions": lambda task: SyncGateway.get_revisions("t1"),
    "get_user": lambda task: SyncGateway.get_user("ann"),
    "get_users": lambda task: SyncGateway.get_users(),
    "put_user": lambda task: SyncGateway.put_user("ann", password="secret"),
    "delete_user": lambda task: SyncGateway.delete_user("ann"),
    "create_session": lambda task: SyncGateway.create_session("ann"),
    "append_channels": lambda task: SyncGateway.append_channels("ann", ["c"]),
    "query_view": lambda task: query_view("by_type", "orm_task"),
    "view_rows": lambda task: view_rows("by_type"),
    "deploy_views": lambda task: deploy_views(),
    "clean_buckets": lambda task: clean_buckets(),
}


@pytest.fixture
def broken(caplog: Any) -> Iterator[Task]:
    """A document, inside of a transaction that is broken; nothing is logged of what follows."""
    deploy_views()
    SyncGateway.put_user("ann", password="secret")
    task = Task(uid="t1", name="write", channels=["c"])
    task.save()
    Group.objects.create(pk=1, name="writers")
    with transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic(savepoint=False):
            Group.objects.create(pk=1, name="others")
        yield task
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert Task("t1").name == "write"


@pytest.mark.parametrize("name", CALLS)
def test_broken_transaction(broken: Task, name: str) -> None:
    with pytest.raises(TransactionManagementError):
        CALLS[name](broken)
