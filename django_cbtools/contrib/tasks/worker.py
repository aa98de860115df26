"""A worker, which takes one task after another and runs it."""

from __future__ import annotations

import logging
import os
import random
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from django.utils.crypto import get_random_string

from django_cbtools.exceptions import (
    CouchbaseModelError,
    SyncGatewayBadRequest,
    SyncGatewayConflict,
    SyncGatewayException,
    shown,
)
from django_cbtools.following.health import Work
from django_cbtools.following.patience import Patience, close_old_connections, reported
from django_cbtools.following.stopping import Stop

from . import finding
from .api import (
    InvalidTask,
    TaskContext,
    TaskResult,
    normalize_json,
    task_finished,
    task_started,
)
from .backend import DocumentsBackend
from .exceptions import GiveUp
from .leases import kept
from .models import FAILED, OPEN, QueuedTask

logger = logging.getLogger(__name__)

#: The number of tasks that a worker looks at, to take one of them.
_LOOK = 4


class Worker:
    """A worker for some queues of a back end. Several workers may run at once.

    ``tell`` is called with its health after every change, and while it waits. ``interval`` is the
    number of seconds that it waits if there is nothing to do.
    """

    def __init__(
        self,
        backend: DocumentsBackend,
        queues: Collection[str],
        stop: Stop,
        tell: Callable[[Work], None],
        interval: float = 1.0,
    ) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{get_random_string(8)}"
        self.health = Work(self.id)
        self._backend, self._queues, self._options = backend, queues, backend.wishes
        self._stop, self._tell, self._interval = stop, tell, interval
        final = (SyncGatewayBadRequest, SyncGatewayConflict)
        self._patience = Patience(stop, self._say_down, final)

    def run(self, *, once: bool = False) -> None:
        """Work until a stop is requested; with ``once``, until no task is due.

        Raises SyncGatewayException if the gateway refuses the first request, or with ``once``, any
        request.
        """
        with reported(self.health, self._say):
            while not self._stop.requested:
                close_old_connections()
                if self._patience.persist(self._work, once=once):
                    self._say("working")
                elif once:
                    break
                else:
                    self._say("waiting")
                    self._stop.sleep(self._interval)

    def _work(self) -> bool:
        """Take a task and run it. Return whether there was one."""
        document = self._take()
        if document is not None:
            self._run(document)
        return document is not None

    def _take(self) -> QueuedTask | None:
        """Return the most urgent task that no other worker has taken."""
        while True:
            found = finding.due(self._backend.alias, self._queues, _LOOK)
            is_final = True
            while found:
                document = found.pop(0)
                if document.is_signed():
                    if self._claim(document):
                        return document
                    # Other workers see the same tasks in the same order.
                    random.shuffle(found)
                else:
                    self._put_aside(document)
                is_final = False
            if is_final:
                return None

    def _claim(self, document: QueuedTask) -> bool:
        try:
            document.claim(self.id, self._options.lease)
        except SyncGatewayConflict:
            return False
        return True

    def _put_aside(self, document: QueuedTask) -> None:
        logger.error(
            "%s is put aside, and not run: it has no valid signature. See manage.py "
            "failed_cb_tasks.",
            shown(str(document)),
        )
        with suppress(SyncGatewayConflict):  # another worker has done it
            try:
                document.delete()
            except (SyncGatewayBadRequest, CouchbaseModelError) as error:
                # Such as a document without room for the mark, which the library's own tasks always
                # have. It would be found first for ever.
                logger.error("%s is deleted for good instead: %s", shown(str(document)), error)
                document.hard_delete()

    def _run(self, document: QueuedTask) -> None:
        self._patience.has_worked = True
        try:
            self._do(document)
        except SyncGatewayConflict:
            logger.error("%s has been run, and another worker has taken it meanwhile.", document)

    def _do(self, document: QueuedTask) -> None:
        """Run a task, and store its result. Errors are logged while they are handled, so that the
        log of Django's tasks has them."""
        if len(document.worker_ids) > self._options.attempts:
            # No worker has come back from this task. It may have killed them.
            document.give_up()
            self._end(document)
            return
        try:
            result = document.result()
        except Exception as error:
            # The task no longer exists, or its module cannot be imported, which can be repaired.
            document.fail(error, self._options, is_final=isinstance(error, InvalidTask))
            self._end(document)
            return
        task_started.send_robust(sender=type(self._backend), task_result=result)
        try:
            with kept(document, self._options.lease):
                value = _call(result)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            document.fail(error, self._options, is_final=isinstance(error, GiveUp))
            self._end(document)
        else:
            document.succeed(value, self._options)
            self._end(document)

    def _end(self, document: QueuedTask) -> None:
        """Store the result of a task, however long the gateway is down."""
        try:
            self._patience.persist(document.store)
        except SyncGatewayBadRequest as error:  # for example, the returned value is too large
            document.fail(error, self._options, is_final=True)
            self._patience.persist(document.store)
        self.health.handled += 1
        attempts = len(document.worker_ids)
        if document.stage == OPEN:
            self.health.retried += 1
            logger.warning(
                "%s has failed (attempt %d), and is tried again: %s",
                document, attempts, document.last_error,
            )  # fmt: skip
            return
        if document.stage == FAILED:
            self.health.failed += 1
            logger.error(
                "%s has failed for good (attempt %d): %s. See manage.py failed_cb_tasks.",
                document, attempts, document.last_error,
            )  # fmt: skip
        with suppress(Exception):  # there is no such task
            result = document.result()
            task_finished.send_robust(sender=type(self._backend), task_result=result)

    def _say_down(self, error: SyncGatewayException, pause: float) -> None:
        self.health.error = str(error)
        self._say("waiting for the gateway")
        logger.warning("%s Work goes on in %.0f seconds.", error, pause)

    def _say(self, state: str) -> None:
        self.health.state = state
        if state in ("working", "waiting"):
            self.health.error = ""
        self._tell(self.health)


def _call(result: TaskResult[..., Any]) -> Any:
    """Return the result of a task as JSON. Raises GiveUp if it is not JSON."""
    args: list[Any] = [TaskContext(task_result=result)] if result.task.takes_context else []
    value = result.task.call(*args, *result.args, **result.kwargs)
    try:
        return normalize_json(value)
    except (TypeError, ValueError) as error:
        raise GiveUp(f"It is done, but JSON does not hold what it returns: {error}") from error
