"""What Django's tasks are promised of a back end, and what documents add to it."""

from __future__ import annotations

import datetime
import pickle

import pytest
from asgiref.sync import async_to_sync
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from django_cbtools.checks import check_stores
from django_cbtools.contrib.tasks.api import (
    InvalidTask,
    TaskResultDoesNotExist,
    TaskResultStatus,
    task,
    task_backends,
    task_enqueued,
)
from django_cbtools.contrib.tasks.checks import check_email, check_tasks
from django_cbtools.contrib.tasks.models import QueuedTask
from django_cbtools.exceptions import CouchbaseModelError
from django_cbtools.sync_gateway import SyncGateway
from tests.contrib.tasks.conftest import BACKEND


def test_what_it_supports():
    backend = task_backends["default"]
    assert backend.supports_defer
    assert backend.supports_async_task
    assert backend.supports_get_result
    assert backend.supports_priority


def test_enqueue(work):
    heard = []

    def hear(sender, task_result, **kwargs):
        heard.append((sender, task_result.id))

    task_enqueued.connect(hear)
    try:
        result = work.note.enqueue(1, "two", three=[None, 4.5, 2**70])
    finally:
        task_enqueued.disconnect(hear)
    assert heard == [(type(task_backends["default"]), result.id)]
    assert (result.status, result.attempts) == (TaskResultStatus.READY, 0)
    assert (result.task, result.backend) == (work.note, "default")
    assert (result.args, result.kwargs) == ([1, "two"], {"three": [None, 4.5, 2**70]})
    assert result.enqueued_at is not None
    assert (result.started_at, result.finished_at, result.last_attempted_at) == (None, None, None)
    assert (result.errors, result.worker_ids) == ([], [])
    with pytest.raises(ValueError, match="not finished"):
        assert result.return_value
    assert work.note.get_result(result.id) == result
    assert work.done == []


def test_what_leaves_no_room_for_an_error(work):
    work.note.enqueue("x" * (18 * 1024 * 1024))
    for text in ("x" * (19 * 1024 * 1024), '"' * (7 * 1024 * 1024)):
        with pytest.raises(CouchbaseModelError, match=r"note take .* bytes, and a task has room"):
            work.note.enqueue(text)


def test_async(work):
    async def enqueue():
        result = await work.wait.aenqueue("a")
        assert await work.wait.aget_result(result.id) == result
        await result.arefresh()
        return result

    result = async_to_sync(enqueue)()
    assert (result.task.queue_name, result.task.priority) == ("mail", 7)


def test_a_task_is_in_no_channel_and_signed(work):
    result = work.note.enqueue("secret")
    document = SyncGateway.all_docs([result.id])["rows"][0]["doc"]
    assert document["channels"] == []
    assert document["doc_type"] == "django_task"
    assert "signature" in document
    assert isinstance(document["call"], str)


def test_using(work):
    moment = timezone.now() + datetime.timedelta(hours=1)
    result = work.note.using(priority=-3, queue_name="mail", run_after=moment).enqueue()
    found = work.note.get_result(result.id).task
    assert (found.priority, found.queue_name, found.run_after) == (-3, "mail", moment)
    other = work.note.using(backend="other").enqueue()
    assert other.backend == "other"
    with pytest.raises(TaskResultDoesNotExist):
        work.note.get_result(other.id)
    assert work.note.using(backend="other").get_result(other.id) == other


def test_what_is_invalid(work):
    with pytest.raises(InvalidTask, match="priority"):
        work.note.using(priority=101)
    with pytest.raises(InvalidTask, match="aware"):
        work.note.using(run_after=datetime.datetime(2030, 1, 1))
    with pytest.raises(InvalidTask, match="Queue 'x'"):
        work.note.using(queue_name="x")
    with pytest.raises(InvalidTask, match="module level"):
        task(lambda: None)
    for unknown in (object(), {1}, float):
        with pytest.raises(TypeError):
            work.note.enqueue(unknown)
    with pytest.raises(ValueError, match="JSON compliant"):
        work.note.enqueue(float("nan"))
    assert QueuedTask.objects.count() == 0


def test_results_of_others(work):
    result = work.note.enqueue()
    for unknown in ("", "x", "dtask_x", f"{result.id}x", "dtask_/\n"):
        with pytest.raises(TaskResultDoesNotExist):
            work.note.get_result(unknown)
    with pytest.raises(Exception, match="does not match"):
        work.fail.get_result(result.id)


def test_what_somebody_else_has_written_is_no_result(work):
    result = work.note.enqueue("ours")
    row = SyncGateway.all_docs([result.id])["rows"][0]
    forged = {**row["doc"], "call": '{"args": ["theirs"], "kwargs": {}}'}
    for uid in (result.id, "dtask_new"):
        known = uid == result.id
        document = {key: value for key, value in forged.items() if known or key[0] != "_"}
        SyncGateway.save_json(uid, document)
        with pytest.raises(TaskResultDoesNotExist):
            work.note.get_result(uid)


def test_results_can_be_refreshed_and_pickled(work, worker):
    result = work.note.enqueue(1)
    worker().run(once=True)
    result.refresh()
    assert result.status == TaskResultStatus.SUCCESSFUL
    assert result.return_value == {"args": [1], "kwargs": {}}
    assert pickle.loads(pickle.dumps(result.return_value)) == result.return_value


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lease": 0}, "['lease'] cannot be 0: a number of seconds"),
        ({"attempts": 1.5}, "['attempts'] cannot be 1.5: a whole number, 1 or more"),
        ({"keep": "day"}, "or None for ever"),
        ({"retries": 3}, "unknown options: retries. Known are: attempts, backoff"),
        ([], "TASKS['default']['OPTIONS'] is a dictionary, not list"),
    ],
)
def test_wrong_options(settings, options, said):
    settings.TASKS = {"default": {"BACKEND": BACKEND, "OPTIONS": options}}
    with pytest.raises(ImproperlyConfigured) as caught:
        assert task_backends["default"]
    assert said in str(caught.value)
    assert [found.id for found in check_tasks()] == ["cbtools.E034"]


def test_checks(settings):
    assert check_tasks() == []
    # The tests' settings have not its app.
    assert [found.id for found in task_backends["default"].check()] == ["cbtools.E032"]
    settings.COUCHBASE_DATABASE = "plain"
    found = [each for each in check_stores() if "TASKS" in each.msg]
    assert [each.msg.split(" keeps")[0] for each in found] == ["TASKS['default']", "TASKS['other']"]
    assert isinstance(found[0], checks.Error)


@pytest.mark.parametrize("odd", [None, 5, [], {"default": None}, {"default": {"BACKEND": 5}}])
def test_checks_never_raise(settings, odd):
    settings.TASKS = settings.MAILERS = odd
    assert check_tasks() == []
    assert check_email() == []
