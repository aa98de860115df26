"""The documents of tasks."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from traceback import format_exception
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.module_loading import import_string

from django_cbtools.contrib.auth.signing import Signed
from django_cbtools.exceptions import CouchbaseModelError, shown
from django_cbtools.models import CouchbaseModel, ListField

from .api import InvalidTask, Task, TaskError, TaskResult, TaskResultStatus, normalize_json
from .options import Options

#: The stages of a document: to be done, failed for good, or done.
OPEN, FAILED, DONE = "open", "failed", "done"
#: The number of characters that are kept from the end of a traceback, and the number of errors.
_LONGEST, _KEPT_ERRORS = 10_000, 20
#: The largest size of a call in its document, in bytes. A gateway's documents have at most 20 MB,
#: and the task's result needs some space.
_LARGEST = 19 * 1024 * 1024


class QueuedTask(Signed, CouchbaseModel):
    """A call of a task, and its state.

    It is in no channel, so that no phone gets it. It is signed with SECRET_KEY. A task that a phone
    has written is not run.
    """

    class Meta:
        abstract = True
        app_label = "cb_tasks"
        verbose_name = "task"
        indexes = [
            models.Index(
                fields=["stage", "backend", "queue", "-priority", "due"], name="cb_tasks_due"
            )
        ]

    doc_type = "django_task"
    uid_prefix = "dtask"
    default_channels = None
    signed_fields: ClassVar[Sequence[str]] = (
        "path", "call", "backend", "queue", "priority", "run_after", "stage", "status", "due",
        "worker_ids", "errors", "return_value", "enqueued_at", "started_at", "last_attempted_at",
        "finished_at",
    )  # fmt: skip

    #: The time that the task is kept after its next save. None means for ever.
    _kept: timedelta | None = None

    #: The task's dotted path, and its arguments as JSON text, which gateways do not change.
    path = models.CharField(max_length=500)
    call = models.TextField()
    backend = models.CharField(max_length=100)
    queue = models.CharField(max_length=100)
    priority = models.IntegerField(default=0)
    run_after = models.DateTimeField(null=True)

    stage = models.CharField(max_length=10, default=OPEN)
    status = models.CharField(max_length=10, default=TaskResultStatus.READY.value)
    #: The time, in milliseconds since 1970, from which on a worker may take the task: the time to
    #: run or retry it, or the end of the present worker's lease.
    due = models.BigIntegerField()
    worker_ids = ListField(models.CharField(max_length=200))
    errors = models.JSONField(default=list)
    return_value = models.TextField(null=True)  # noqa: DJ001 (a text of JSON, or none)
    enqueued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    last_attempted_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.path} ({self.uid})"

    @classmethod
    def of(cls, task: Task[..., Any], alias: str, args: Any, kwargs: Any) -> QueuedTask:
        """Return the document of a call. Raise TypeError if JSON cannot represent the arguments,
        and CouchbaseModelError if they are too large."""
        call = {"args": normalize_json(args), "kwargs": normalize_json(kwargs)}
        text = json.dumps(call, allow_nan=False)
        # JSON escapes these characters inside of a string.
        size = len(text) + text.count('"') + text.count("\\")
        if size > _LARGEST:
            raise CouchbaseModelError(
                f"The arguments of {task.module_path} take {size} bytes, and a task has room for "
                f"{_LARGEST}. Store what is large elsewhere, and give the task its name."
            )
        return cls(
            path=task.module_path,
            call=text,
            backend=alias,
            queue=task.queue_name,
            priority=task.priority,
            run_after=task.run_after,
            due=now() if task.run_after is None else _milliseconds(task.run_after),
            enqueued_at=timezone.now(),
        )

    # --------------------------------------------------------------- its way

    def claim(self, worker: str, lease: float) -> None:
        """Reserve the task for a worker. Raise SyncGatewayConflict if another worker was faster."""
        if self.status == TaskResultStatus.RUNNING:
            self._note(*_lost(self.worker_ids[-1]))
        moment = timezone.now()
        self.started_at = self.started_at or moment
        self.last_attempted_at = moment
        self.status = TaskResultStatus.RUNNING.value
        self.worker_ids = [*self.worker_ids, worker]
        self.keep(lease)

    def keep(self, lease: float) -> None:
        """Extend the reservation by some seconds. Raise SyncGatewayConflict if it has been lost."""
        self.due = now() + int(lease * 1000)
        self.store()

    def succeed(self, value: Any, options: Options) -> None:
        """Record success and a returned JSON value, without saving."""
        self.return_value = json.dumps(value, allow_nan=False)
        self._finish(TaskResultStatus.SUCCESSFUL, DONE)
        self._kept = None if options.keep is None else timedelta(seconds=options.keep)

    def fail(self, error: BaseException, options: Options, *, is_final: bool = False) -> None:
        """Record a failure, without saving. The task is tried again later, unless that was the last
        attempt."""
        self._note(_path_of(type(error)), "".join(format_exception(error)))
        self.return_value = self._kept = None
        if is_final or len(self.worker_ids) >= options.attempts:
            self.give_up()
        else:
            self.status, self.stage = TaskResultStatus.READY.value, OPEN
            self.due = now() + int(options.pause(len(self.worker_ids)) * 1000)

    def give_up(self) -> None:
        """Record the final failure, without saving."""
        self._finish(TaskResultStatus.FAILED, FAILED)

    def replay(self) -> None:
        """Make the task due again with new attempts, without saving. Its errors are kept."""
        self.worker_ids, self.finished_at, self.due = [], None, now()
        self.stage, self.status = OPEN, TaskResultStatus.READY.value
        self.st_deleted = False

    def store(self) -> None:
        """Save the task with its expiry. Raise SyncGatewayConflict if somebody else has saved
        it."""
        # With ``expires``, the save need not load the present expiry.
        self.save(expires=self._kept)

    def _finish(self, status: TaskResultStatus, stage: str) -> None:
        self.status, self.stage = status.value, stage
        self.finished_at, self.due = timezone.now(), now()

    def _note(self, path: str, traceback: str) -> None:
        # A file name may contain lone surrogates, which a document cannot store.
        text = traceback[-_LONGEST:].encode(errors="backslashreplace").decode()
        found = {"exception_class_path": path, "traceback": text}
        self.errors = [*self.errors, found][-_KEPT_ERRORS:]

    @property
    def last_error(self) -> str:
        """The type and message of the last attempt's exception."""
        lines = self.errors[-1]["traceback"].strip().splitlines() if self.errors else []
        return shown(lines[-1]) if lines else "its workers have not come back from it"

    # ------------------------------------------------------- what Django knows

    def task(self) -> Task[..., Any]:
        """Return the task, as it was enqueued. Raise InvalidTask if its path no longer leads to a
        task."""
        try:
            found = import_string(self.path)
        except ImportError as error:
            raise InvalidTask(f"There is no task {self.path}: {error}") from error
        if not isinstance(found, Task):
            raise InvalidTask(f"{self.path} is no task: it is {type(found).__name__}.")
        return found.using(
            priority=self.priority,
            queue_name=self.queue,
            run_after=self.run_after,
            backend=self.backend,
        )

    def result(self) -> TaskResult[..., Any]:
        """Return Django's result of the task, finished or not. Raise InvalidTask as :meth:`task`
        does."""
        call: Mapping[str, Any] = json.loads(self.call)
        result: TaskResult[..., Any] = TaskResult(
            task=self.task(),
            id=self.get_uid(),
            status=TaskResultStatus(self.status),
            enqueued_at=self.enqueued_at,
            started_at=self.started_at,
            last_attempted_at=self.last_attempted_at,
            finished_at=self.finished_at,
            args=call["args"],
            kwargs=call["kwargs"],
            backend=self.backend,
            errors=[TaskError(**error) for error in self.errors],
            worker_ids=list(self.worker_ids),
        )
        if self.return_value is not None:
            object.__setattr__(result, "_return_value", json.loads(self.return_value))
        return result


def now() -> int:
    """Return the milliseconds since 1970."""
    return int(time.time() * 1000)


def _milliseconds(moment: Any) -> int:
    aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    return int(aware.timestamp() * 1000)


def _path_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _lost(worker: str) -> tuple[str, str]:
    return (
        "django_cbtools.contrib.tasks.exceptions.WorkerLost",
        f"Worker {worker} has begun the task, and was not heard of again.",
    )
