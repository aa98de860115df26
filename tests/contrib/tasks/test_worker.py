"""Workers of this process: what they run, in which order, and what becomes of what fails."""

from __future__ import annotations

import datetime
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_cbtools.contrib.tasks import api, finding, leases
from django_cbtools.contrib.tasks.api import TaskResultStatus, task_finished, task_started
from django_cbtools.contrib.tasks.backend import configured
from django_cbtools.contrib.tasks.management.commands import failed_cb_tasks, run_cb_tasks
from django_cbtools.contrib.tasks.models import QueuedTask
from django_cbtools.exceptions import SyncGatewayConflict, SyncGatewayUnavailable
from django_cbtools.management.commands import create_cb_indexes
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import ADMIN
from django_cbtools.sync_gateway.calls.client import request as admin_request
from django_cbtools.view_files import read_folder
from django_cbtools.view_shapes import read_view


def deploy():
    """Deploy the view, as create_cb_views does where the app is installed."""
    views = read_folder(Path(finding.__file__).parent / "couchbase_views")
    admin_request(ADMIN, "PUT", "_design", "cb_tasks", body={"views": views})


@pytest.fixture(params=["orm", "view"])
def by(request, monkeypatch):
    """What tasks are looked for by: the ORM, or the view where there is none."""
    if request.param == "view":
        monkeypatch.setattr(finding, "_has_orm", lambda: False)
        deploy()


def test_all_is_run_in_order(work, worker, by):
    for name, priority in (("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", -1)):
        work.note.using(priority=priority).enqueue(name)
    work.wait.enqueue("first")
    later = timezone.now() + datetime.timedelta(minutes=1)
    deferred = work.note.using(run_after=later, priority=100).enqueue("later")
    counted = work.count.enqueue("with context")
    heard = []

    def hear(signal, sender, task_result, **kwargs):
        heard.append((signal is task_finished, task_result.status))

    for signal in (task_started, task_finished):
        signal.connect(hear)
    try:
        working = worker()
        working.run(once=True)
    finally:
        for signal in (task_started, task_finished):
            signal.disconnect(hear)
    names = ["first", ["b"], ["d"], ["a"], ["c"], ("with context", 1), ["e"]]
    assert work.done == names
    assert heard[:2] == [(False, "RUNNING"), (True, "SUCCESSFUL")]
    assert len(heard) == 2 * len(names)
    deferred.refresh()
    assert deferred.status == TaskResultStatus.READY
    counted.refresh()
    assert counted.return_value == counted.id
    assert counted.worker_ids == [working.id]
    assert counted.started_at <= counted.last_attempted_at <= counted.finished_at
    assert (working.health.handled, working.health.failed) == (len(names), 0)
    assert working.health.state == "stopped"


def test_queues(work, worker):
    work.note.enqueue("default")
    work.wait.enqueue("mail")
    work.note.using(backend="other").enqueue("other")
    worker("mail").run(once=True)
    assert work.done == ["mail"]
    worker("default").run(once=True)
    assert work.done == ["mail", ["default"]]


def test_what_fails_is_tried_again_after_pauses(work, worker, later, caplog):
    result = work.fail.enqueue("at first")
    for attempt in (1, 2, 3):
        worker().run(once=True)
        worker().run(once=True)  # it is not due yet
        assert len(work.done) == attempt
        result.refresh()
        assert result.attempts == attempt
        is_last = attempt == 3
        assert result.status == ("FAILED" if is_last else "READY")
        later({1: 9, 2: 18}.get(attempt, 1000))  # less than the least of pauses
        worker().run(once=True)
        assert len(work.done) == attempt
        later({1: 2, 2: 4}.get(attempt, 1000))
    assert len(work.done) == 3
    with pytest.raises(ValueError, match="Task failed"):
        assert result.return_value
    assert [error.exception_class for error in result.errors] == [ValueError] * 3
    assert "ValueError: at first" in result.errors[0].traceback
    assert len(result.worker_ids) == 3


@pytest.mark.parametrize(
    ("name", "said"),
    [("give_up", "GiveUp: never"), ("return_set", "JSON does not hold what it returns")],
)
def test_what_is_not_tried_again(work, worker, name, said, caplog):
    result = getattr(work, name).enqueue()
    worker().run(once=True)
    assert said in caplog.text
    result.refresh()
    assert result.status == TaskResultStatus.FAILED
    assert said in result.errors[0].traceback


def test_a_task_that_would_end_the_process(work, worker, later):
    result = work.leave.enqueue()
    worker().run(once=True)
    result.refresh()
    assert (result.status, result.errors[0].exception_class) == ("READY", SystemExit)


@pytest.mark.parametrize(
    "path", ["tests.contrib.tasks.work.gone", "tests.contrib.tasks.work.no_task"]
)
def test_a_task_that_is_none_any_more(work, worker, path):
    task = QueuedTask.of(work.note, "default", [], {})
    task.path = path
    task.save()
    worker().run(once=True)
    (found,) = finding.failed("default")
    assert found.errors[0]["exception_class_path"].endswith(("InvalidTask", "InvalidTaskError"))


def test_a_worker_that_is_lost(work, worker, later, caplog):
    """Its task is another one's when the lease is over; the third time it is nobody's."""
    result = work.note.enqueue("once")
    for number in range(3):
        (task,) = finding.due("default", ["default"], 8)
        task.claim(f"worker {number}", 30)
        assert finding.due("default", ["default"], 8) == []
        worker().run(once=True)
        assert work.done == []
        later(31)
    worker().run(once=True)
    assert work.done == []
    result.refresh()
    assert result.status == TaskResultStatus.FAILED
    assert [error.exception_class.__name__ for error in result.errors] == ["WorkerLost"] * 3
    assert "Worker worker 2 has begun the task" in result.errors[-1].traceback


def test_one_of_two_claims_it(work):
    work.note.enqueue()
    ((one,), (other,)) = [finding.due("default", ["default"], 8) for _ in range(2)]
    one.claim("one", 30)
    with pytest.raises(SyncGatewayConflict):
        other.claim("other", 30)


def test_a_lease_is_kept(work, worker, monkeypatch, transactional_db):
    """While a task is run, its lease is renewed."""
    kept, keep = [], QueuedTask.keep

    def noting(self, lease):
        keep(self, lease)
        kept.append(self.due)

    monkeypatch.setattr(QueuedTask, "keep", noting)
    result = work.note.enqueue()
    (task,) = finding.due("default", ["default"], 8)
    with leases.kept(task, 0.03):
        while len(kept) < 3:
            time.sleep(0.005)
    assert kept == sorted(set(kept))
    task.succeed(None, configured("default").wishes)
    task.store()
    result.refresh()
    assert result.status == TaskResultStatus.SUCCESSFUL


def test_a_lease_that_another_worker_has(work, worker, monkeypatch, caplog):
    """What was run with a lease that is over is left as the other worker has it."""
    work.note.enqueue()
    real = leases.kept

    def lose(document, lease):
        QueuedTask(document.uid).claim("other", 1000)
        return real(document, lease)

    monkeypatch.setattr("django_cbtools.contrib.tasks.worker.kept", lose)
    worker().run(once=True)
    assert "another worker has taken it meanwhile" in caplog.text
    assert QueuedTask.objects.get().worker_ids[-1] == "other"


def test_the_gateway_is_down(work, worker, monkeypatch):
    """What has been run is noted once the gateway is back; it is not run again."""
    result = work.note.enqueue()
    failures = 3
    save = QueuedTask.save

    def failing(self, **kwargs):
        nonlocal failures
        if self.status == "SUCCESSFUL" and failures:
            failures -= 1
            raise SyncGatewayUnavailable("It is down.")
        save(self, **kwargs)

    monkeypatch.setattr(QueuedTask, "save", failing)
    monkeypatch.setattr("django_cbtools.following.patience.DOWN", 0.001)
    said = []
    worker(tell=lambda health: said.append((health.state, health.error))).run(once=True)
    assert said.count(("waiting for the gateway", "It is down.")) == 3
    assert said[-1] == ("stopped", "")
    result.refresh()
    assert (result.status, len(work.done)) == ("SUCCESSFUL", 1)


def test_what_a_phone_has_written_is_not_run(work, worker, caplog, by):
    genuine = work.note.enqueue("ours")
    document = SyncGateway.all_docs([genuine.id])["rows"][0]["doc"]
    forged = {key: value for key, value in document.items() if key[0] != "_"}
    odd = {"priority": "high", "worker_ids": 3, "call": None, "path": "os.system\n"}
    for number in range(12):
        SyncGateway.save_json(f"dtask_{number}", {**forged, **(odd if number % 2 else {})})
    worker().run(once=True)
    assert work.done == [["ours"]]
    assert caplog.text.count("is put aside, and not run") == 12
    assert len(list(finding.put_aside("default"))) == 12


def test_results_are_forgotten(work, worker, settings):
    result = work.note.enqueue()
    worker().run(once=True)
    body = SyncGateway.all_docs([result.id])["rows"][0]["doc"]
    expires = QueuedTask(result.id).expires_at - timezone.now()
    assert datetime.timedelta(hours=23) < expires < datetime.timedelta(hours=25)
    assert body["stage"] == "done"


def test_a_gateway_without_an_orm(gateway_by_http, work, worker):
    deploy()
    result = work.note.enqueue("by HTTP")
    failing = work.give_up.enqueue()
    worker().run(once=True)
    result.refresh()
    assert result.return_value == {"args": ["by HTTP"], "kwargs": {}}
    assert [task.uid for task in finding.failed("default")] == [failing.id]


def test_sql_can_answer_the_view():
    """Where COUCHBASE_VIEWS says that SQL++ does."""
    views = read_folder(Path(finding.__file__).parent / "couchbase_views")
    assert read_view(views["tasks"])


def test_a_task_is_found_by_an_index(work, settings):
    """It takes one query, which reads no more than it finds."""
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django_cbtools.contrib.tasks"]
    run(create_cb_indexes)
    for name in range(20):
        work.note.enqueue(name)
    with CaptureQueriesContext(connection) as captured:
        assert len(finding.due("default", ["default"], 8)) == 8
    assert len(captured) == 1
    plan = connection.cursor().execute("EXPLAIN QUERY PLAN " + captured[0]["sql"]).fetchall()
    (step,) = plan
    assert "cb_tasks_due" in step[-1], plan


# --------------------------------------------------------------- the commands


def run(command, *args, **options):
    output = StringIO()
    instance = command.Command(stdout=output)
    parser = instance.create_parser("manage.py", "it")
    given = {**vars(parser.parse_args(list(args))), **options}
    given.pop("args", None)
    instance.handle(**given)
    return output.getvalue()


def test_run_cb_tasks(work, tmp_path, caplog):
    work.note.enqueue("a")
    work.give_up.enqueue()
    work.fail.enqueue("at first")
    health = tmp_path / "health.json"
    said = run(run_cb_tasks, "--burst", f"--health-file={health}", "--queue=default")
    assert said == (
        "1 task is done; 1 attempt has failed and is tried again; 1 task has failed for good.\n"
    )
    assert "is tried again: ValueError: at first" in caplog.text
    assert "has failed for good (attempt 1): " in caplog.text
    assert '"state": "stopped"' in health.read_text()
    run_cb_tasks.Command().handle(once=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--queue=x"], "--queue x: TASKS['default']['QUEUES'] has these: default, mail."),
        (["--backend=plain"], "TASKS['plain'] is no DocumentsBackend: its BACKEND is"),
        (["--backend=any"], "QUEUES'] is empty"),
        (["--backend=none"], "none"),
        (["--interval=0"], "--interval"),
    ],
)
def test_wrong_arguments(settings, arguments, said):
    backend = settings.TASKS["default"]["BACKEND"]
    package = api.task.__module__.removesuffix(".base")
    settings.TASKS = {
        **settings.TASKS,
        "any": {"BACKEND": backend, "QUEUES": []},
        "plain": {"BACKEND": f"{package}.backends.dummy.DummyBackend"},
    }
    with pytest.raises(CommandError) as caught:
        run(run_cb_tasks, "--once", *arguments)
    assert said in str(caught.value)


def test_failed_cb_tasks(work, worker, by):
    results = [work.give_up.enqueue() for _ in range(3)]
    worker().run(once=True)
    said = run(failed_cb_tasks)
    assert said.endswith("3 tasks have failed.\n")
    assert said.count("django_cbtools.contrib.tasks.exceptions.GiveUp: never\n") == 3
    assert run(failed_cb_tasks, results[0].id, "--forget") == "1 task was forgotten.\n"
    assert run(failed_cb_tasks, results[1].id, "--replay") == f"{results[1].id}: queued\n"
    assert [task.uid for task in finding.failed("default")] == [results[2].id]
    worker().run(once=True)
    results[1].refresh()
    assert (results[1].status, results[1].attempts, len(results[1].errors)) == ("FAILED", 1, 2)


def test_tasks_of_a_former_secret_key(work, worker, settings, by):
    """They are put aside, and can be replayed once the key is known."""
    former = settings.SECRET_KEY
    result = work.note.enqueue("signed")
    settings.SECRET_KEY = "another"
    worker().run(once=True)
    assert "was put aside. It has no valid signature" in run(failed_cb_tasks)
    with pytest.raises(CommandError, match="1 of them has failed again"):
        run(failed_cb_tasks, "--replay")
    settings.SECRET_KEY_FALLBACKS = [former]
    assert run(failed_cb_tasks, "--replay") == f"{result.id}: queued\n"
    worker().run(once=True)
    assert work.done == [["signed"]]
