"""The command ``run_cb_tasks``, which runs queued tasks."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import pluralize
from tqdm import tqdm

from django_cbtools.contrib.tasks.backend import configured
from django_cbtools.contrib.tasks.worker import Worker
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.following.health import Work
from django_cbtools.following.stopping import Stop
from django_cbtools.management.base import DocumentsCommand, counted
from django_cbtools.management.health import add_health_argument, write_health


class Command(DocumentsCommand):
    help = (
        "Runs the tasks that are queued in documents, one after another, each at least once. Any "
        "number of these commands may run at the same time. Ctrl-C or SIGTERM stops the command "
        "after the current task."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--backend", default="default", help="Its alias in TASKS (default: %(default)s)."
        )
        parser.add_argument(
            "--queue", action="append", default=[],
            help="Only tasks of this queue; may be given several times (default: QUEUES).",
        )  # fmt: skip
        parser.add_argument(
            "--once", "--burst", action="store_true", help="Stop when no task is due any more."
        )
        parser.add_argument(
            "--interval", type=float, default=1.0, metavar="SECONDS",
            help="Pause if no task is due (default: %(default)s).",
        )  # fmt: skip
        add_health_argument(parser)

    def handle(
        self,
        *args: Any,
        backend: str = "default",
        queue: list[str] | tuple[str, ...] = (),
        once: bool = False,
        interval: float = 1.0,
        **options: Any,
    ) -> None:
        stop = Stop()
        verbosity, path = options.get("verbosity", 1), options.get("health_file")
        if interval <= 0:
            raise CommandError("--interval is a number of seconds, more than 0.")
        with (
            stop.listening(),
            tqdm(desc=backend, unit=" tasks", disable=None if verbosity else True) as bar,
        ):

            def tell(health: Work) -> None:
                bar.set_postfix(failed=health.failed, refresh=False)
                bar.set_description_str(f"{backend}, {health.state}", refresh=False)
                bar.update(health.handled - bar.n)
                write_health(health, path)

            try:
                found = configured(backend)
                worker = Worker(found, _queues(found, queue), stop, tell, interval)
                worker.run(once=once)
            except (ImproperlyConfigured, SyncGatewayException) as error:
                raise CommandError(str(error)) from error
        if verbosity and options and (once or stop.requested):
            health = worker.health
            self.stdout.write(
                f"{counted(health.done, 'task', 'is,are')} done; "
                f"{counted(health.retried, 'attempt', 'has,have')} failed and "
                f"{pluralize(health.retried, 'is,are')} tried again; "
                f"{counted(health.failed, 'task', 'has,have')} failed for good."
            )


def _queues(backend: Any, names: list[str] | tuple[str, ...]) -> list[str]:
    """Return the queues to work on. Raise CommandError if they are unknown or do not belong to the
    back end."""
    unknown = [name for name in names if backend.queues and name not in backend.queues]
    if unknown:
        known = ", ".join(sorted(backend.queues))
        raise CommandError(
            f"--queue {unknown[0]}: TASKS[{backend.alias!r}]['QUEUES'] has these: {known}."
        )
    if not names and not backend.queues:
        raise CommandError(
            f"TASKS[{backend.alias!r}]['QUEUES'] is empty, which allows queues of any name: say by "
            "--queue whose tasks to run."
        )
    return list(dict.fromkeys(names)) or sorted(backend.queues)
