"""The command ``follow_sg_changes``, which sends cb_changed and cb_removed for changes."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandParser
from tqdm import tqdm

from django_cbtools.following.checkpoints import CheckpointError
from django_cbtools.following.events import anybody_listens
from django_cbtools.following.follower import Follower
from django_cbtools.following.health import Health
from django_cbtools.following.parked import TooManyFailures
from django_cbtools.following.stopping import Stop
from django_cbtools.management.base import DocumentsCommand, counted
from django_cbtools.management.health import add_health_argument, write_health
from django_cbtools.management.labels import add_model_argument, document_class


class Command(DocumentsCommand):
    help = (
        "Follows the gateway's feed of changes, and sends cb_changed and cb_removed for each of "
        "them, in order, at least once. Ctrl-C or SIGTERM stops it after the current change. The "
        "next run continues there."
    )
    ends_by = (
        *DocumentsCommand.ends_by,
        CheckpointError,
        ImproperlyConfigured,
        TooManyFailures,
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--name", default="default", help="Each name has a checkpoint (default: %(default)s)."
        )
        parser.add_argument(
            "--once", action="store_true", help="Stop after all existing changes are handled."
        )
        add_model_argument(parser)
        parser.add_argument(
            "--since", metavar="SEQ",
            help="Start after this sequence instead of at the checkpoint ('now': at the end).",
        )  # fmt: skip
        add_health_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Stop()
        models = [document_class(label) for label in options["model"]]
        if options["verbosity"] and not anybody_listens(models):
            self.stderr.write(
                "Nobody listens to cb_changed and cb_removed, so changes count as handled and "
                "nothing is done. Put receivers into the module cb_changes.py of an installed app."
            )
        # tqdm shows the rate, and nothing if the output is no terminal.
        hidden = None if options["verbosity"] else True
        with (
            stop.listening(),
            tqdm(desc=options["name"], unit=" changes", disable=hidden) as bar,
        ):

            def tell(health: Health) -> None:
                bar.set_postfix(lag=health.lag, failed=health.failed, refresh=False)
                bar.set_description_str(f"{health.name}, {health.state}", refresh=False)
                bar.update(health.handled - bar.n)
                write_health(health, options["health_file"])

            follower = Follower(options["name"], models, stop, tell)
            follower.run(options["since"], once=options["once"])
        if options["verbosity"] and (options["once"] or stop.requested):
            health = follower.health
            changes = counted(health.handled, "change", "is,are")
            failed = counted(health.failed, "document", "has,have")
            self.stdout.write(f"{changes} handled, up to {health.since}; {failed} failed.")
            for doc_type, count in follower.unknown.most_common(10):
                self.stdout.write(
                    f"{counted(count, 'document', 'was,were')} left alone: no class has the "
                    f"doc_type {doc_type}."
                )
