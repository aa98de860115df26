"""Finds tasks by the ORM, or by the view ``tasks`` if documents have no ORM."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from django.db import connections

from django_cbtools import conf
from django_cbtools.models.sql import holds_documents
from django_cbtools.query import STALE_UPDATE_BEFORE, Query, query_objects, view_rows

from .models import FAILED, OPEN, QueuedTask, now

VIEW = "cb_tasks/tasks"
#: The stage, in the view, of documents that were put aside because they have no valid signature.
_UNSIGNED = "unsigned"


def due(backend: str, queues: Collection[str], limit: int) -> list[QueuedTask]:
    """Return the tasks of some queues that a worker may take, by priority and then by waiting time.
    Unsigned documents come first. Other workers may take the tasks meanwhile."""
    ask = _by_orm if _has_orm() else _by_view
    found = [task for queue in queues for task in ask(backend, queue, limit)]
    # Documents that somebody else has written may have any priority.
    unsigned = [task for task in found if not task.is_signed()]
    signed = [task for task in found if task.is_signed()]
    return unsigned + sorted(signed, key=lambda task: (-task.priority, task.due))[:limit]


def failed(backend: str) -> Iterator[QueuedTask]:
    """Yield the tasks that have failed for good, in the order of their failures."""
    if _has_orm():
        yield from QueuedTask.objects.filter(stage=FAILED, backend=backend).order_by("due")
    else:
        yield from sorted(_in_stage(FAILED, backend), key=lambda task: task.due)


def put_aside(backend: str) -> Iterator[QueuedTask]:
    """Return the documents that were put aside, since they had no valid signature."""
    if _has_orm():
        yield from QueuedTask.all_objects.filter(st_deleted=True, backend=backend)
    else:
        yield from _in_stage(_UNSIGNED, backend)


def _has_orm() -> bool:
    return holds_documents(connections[conf.document_alias()])


def _by_orm(backend: str, queue: str, limit: int) -> list[QueuedTask]:
    tasks = QueuedTask.objects.filter(stage=OPEN, backend=backend, queue=queue, due__lte=now())
    return list(tasks.order_by("-priority", "due")[:limit])


def _by_view(backend: str, queue: str, limit: int) -> list[QueuedTask]:
    """Return the tasks of a queue. The view is queried for the priorities, then for the tasks of
    each priority until there are enough."""
    counted = view_rows(VIEW, _within([OPEN, backend, queue], group_level=4))
    found: list[QueuedTask] = []
    for row in reversed(counted):
        query = _within(list(row.key), now(), limit=limit - len(found))
        found += query_objects(VIEW, None, QueuedTask, query)
        if len(found) >= limit:
            break
    return found


def _in_stage(stage: str, backend: str) -> list[QueuedTask]:
    return query_objects(VIEW, None, QueuedTask, _within([stage, backend]))


def _within(key: list[Any], last: Any = None, **parameters: Any) -> Query:
    """Return a query of the keys that begin with these elements, up to ``last``."""
    end = {} if last is None else last
    return Query(startkey=key, endkey=[*key, end], stale=STALE_UPDATE_BEFORE, **parameters)
