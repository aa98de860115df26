"""The command ``failed_cb_tasks``, which lists, replays and removes failed tasks."""

from __future__ import annotations

from itertools import chain
from typing import Any

from django.core.management.base import CommandParser

from django_cbtools.contrib.tasks import finding
from django_cbtools.contrib.tasks.backend import configured
from django_cbtools.contrib.tasks.models import QueuedTask
from django_cbtools.exceptions import shown
from django_cbtools.management.failures import FailuresCommand


class Command(FailuresCommand):
    help = (
        "Lists the tasks that have failed for good: in all attempts, or since the task has raised "
        "GiveUp. Tasks without a valid signature, which were put aside, are listed, too."
    )
    named, thing = "ID", "task"
    replay_help = "Run them again, with as many attempts as new tasks."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--backend", default="default", help="Its alias in TASKS (default: %(default)s)."
        )

    def chosen(self, uids: list[str], backend: str = "default", **options: Any) -> list[QueuedTask]:
        configured(backend)
        found = chain(finding.failed(backend), finding.put_aside(backend))
        return [task for task in found if not uids or task.uid in uids]

    def replay(self, each: QueuedTask) -> bool:
        signed = each.is_signed()
        if signed:
            each.replay()
            each.store()
        outcome = "queued" if signed else "not queued: it still has no valid signature"
        self.stdout.write(f"{shown(str(each.uid))}: {outcome}")
        return not signed

    def forget(self, each: QueuedTask) -> None:
        each.hard_delete()

    def show(self, each: QueuedTask) -> None:
        if not each.is_signed():
            self.stdout.write(
                f"{shown(str(each))}: was put aside. It has no valid signature: somebody else has "
                "written it, or SECRET_KEY has changed."
            )
            return
        self.stdout.write(
            f"{each}, queue {each.queue}: failed at {each.finished_at:%Y-%m-%d %H:%M:%S}, "
            f"attempts: {len(each.worker_ids)}"
        )
        if each.errors:
            self.stdout.write(f"  {each.last_error}")
