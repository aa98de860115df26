"""The back end of Django's tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist

from .api import BaseTaskBackend, Task, TaskResult, TaskResultDoesNotExist, task_enqueued
from .options import Options

_P = ParamSpec("_P")
_R = TypeVar("_R")

if TYPE_CHECKING:
    from .models import QueuedTask


class DocumentsBackend(BaseTaskBackend):
    """A task back end that queues tasks as documents at the gateway, in no channel.

    No phone gets them. ``manage.py run_cb_tasks`` runs them, each at least once.

    ``OPTIONS`` are ``attempts``, ``backoff``, ``longest_pause``, ``lease`` and ``keep``. Raises
    ImproperlyConfigured if they are invalid, and SyncGatewayException if the gateway fails.
    """

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True
    #: For system checks: it needs a place for documents.
    keeps_documents = True

    def __init__(self, alias: str, params: Any) -> None:
        super().__init__(alias, params)
        self.wishes = Options.of(f"TASKS[{alias!r}]['OPTIONS']", self.options)

    def enqueue(self, task: Task[_P, _R], args: Any, kwargs: Any) -> TaskResult[_P, _R]:
        """Queue a call, in one request. Raise TypeError if JSON cannot represent the arguments, and
        CouchbaseModelError if they are too large."""
        from .models import QueuedTask

        self.validate_task(task)
        document = QueuedTask.of(task, self.alias, args, kwargs)
        document.save()
        result: Any = document.result()
        task_enqueued.send(type(self), task_result=result)
        return cast("TaskResult[_P, _R]", result)

    def get_result(self, result_id: str) -> TaskResult[..., Any]:
        """Load the state of a task by the id of its result, in one request. Raise
        TaskResultDoesNotExist if this back end has none, as ``keep`` seconds after the task's
        end."""
        found = self.find(result_id)
        if found is None:
            raise TaskResultDoesNotExist(result_id)
        return found.result()

    def find(self, result_id: str) -> QueuedTask | None:
        """Return the document of a task, or None if this site has written none."""
        from .models import QueuedTask

        if not str(result_id).startswith(f"{QueuedTask.uid_prefix}_"):
            return None
        try:
            found = QueuedTask(result_id)
        except ObjectDoesNotExist:
            return None
        is_ours = found.is_signed() and not found.st_deleted and found.backend == self.alias
        return found if is_ours else None

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Check that the app with the tasks' commands, index and view is installed."""
        if apps.is_installed("django_cbtools.contrib.tasks"):
            return []
        return [
            Error(
                f"TASKS[{self.alias!r}] keeps tasks in documents, and nothing runs them: "
                "'django_cbtools.contrib.tasks' is not in INSTALLED_APPS.",
                id="cbtools.E032",
            )
        ]


def configured(alias: str) -> DocumentsBackend:
    """Return the back end with an alias in TASKS. Raise ImproperlyConfigured if it is not a
    DocumentsBackend."""
    from .api import task_backends

    found = task_backends[alias]
    if not isinstance(found, DocumentsBackend):
        raise ImproperlyConfigured(
            f"TASKS[{alias!r}] is no {DocumentsBackend.__name__}: its BACKEND is "
            f"{type(found).__module__}.{type(found).__qualname__}. Name another one by --backend."
        )
    return found
