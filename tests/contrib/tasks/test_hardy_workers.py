"""What ends no worker: tasks, modules and receivers that are broken, and what phones write."""

from __future__ import annotations

import json

from django_cbtools.contrib.tasks import finding
from django_cbtools.contrib.tasks.api import TaskResultStatus, task_finished, task_started
from django_cbtools.contrib.tasks.models import QueuedTask
from django_cbtools.sync_gateway import SyncGateway


def test_a_task_whose_module_is_broken(work, worker):
    task = QueuedTask.of(work.note, "default", [], {})
    task.path = "tests.contrib.tasks.broken.task"
    task.save()
    work.note.enqueue("another")
    worker().run(once=True)
    assert work.done == [["another"]]
    found = QueuedTask(task.uid)
    assert (found.status, len(found.errors)) == (TaskResultStatus.READY, 1)
    assert "It is broken" in found.errors[0]["traceback"]


def test_receivers_that_raise(work, worker, caplog):
    def fail(**kwargs):
        raise ValueError("the receiver's")

    results = [work.note.enqueue(name) for name in "ab"]
    for signal in (task_started, task_finished):
        signal.connect(fail)
    try:
        worker().run(once=True)
    finally:
        for signal in (task_started, task_finished):
            signal.disconnect(fail)
    for result in results:
        result.refresh()
        assert result.status == TaskResultStatus.SUCCESSFUL
    assert caplog.text.count("ValueError: the receiver's") == 4


def test_what_a_phone_has_written_that_has_no_room_for_a_mark(work, worker, caplog):
    document = {"doc_type": "django_task", "stage": "open", "backend": "default", "due": 1}
    document |= {"queue": "default", "priority": 9}
    room = 20 * 1024 * 1024 - len(json.dumps(document, separators=(",", ":")))
    SyncGateway.save_json("dtask_large", {**document, "x": "x" * (room - 12)})
    work.note.enqueue("ours")
    worker().run(once=True)
    assert work.done == [["ours"]]
    assert "dtask_large) is deleted for good instead" in caplog.text
    assert not list(finding.put_aside("default"))


def test_errors_that_are_no_text(work, worker):
    """Names of files can be so: Python has surrogates for their bytes."""
    result = work.fail.enqueue("no file a\udcff")
    worker().run(once=True)
    result.refresh()
    assert result.status == TaskResultStatus.READY
    assert r"no file a\udcff" in result.errors[0].traceback
