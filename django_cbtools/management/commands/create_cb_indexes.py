"""The command ``create_cb_indexes``, which creates the indexes that documents declare."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connections
from tqdm import tqdm

from django_cbtools import conf
from django_cbtools.management.base import DocumentsCommand, counted
from django_cbtools.models.indexes import IndexChange, declared_indexes
from django_cbtools.models.sql import check_can_be_asked

#: The number of seconds between two queries of the indexes' states.
_PAUSE = 1.0


class Command(DocumentsCommand):
    help = (
        "Creates the indexes that documents declare: in Meta.indexes and unique constraints, by "
        "db_index=True, in COUCHBASE_INDEXES, and in the apps' cb_indexes modules. Drops indexes "
        "that it has created and that are not declared any more."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Show what would be created and dropped, and do nothing.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            connection = connections[conf.document_alias()]
            changes = _changes(connection)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        if options.get("dry_run"):
            for change in changes:
                self.stdout.write(f"{_title(change)}: {change.sql}")
            return
        quiet = options.get("verbosity", 1) == 0
        with connection.cursor() as cursor:
            for change in tqdm(changes, desc="Indexes", disable=quiet or None):
                try:
                    cursor.execute(change.sql)
                    self._wait(cursor, change, quiet)
                except DatabaseError as error:
                    raise CommandError(f"It failed to {_title(change)}: {error}") from error
        if not quiet and options:
            done = Counter(change.verb for change in changes)
            self.stdout.write(
                f"{counted(done['create'], 'index', 'is,are', 'es')} made, {done['drop']} dropped."
            )

    def _wait(self, cursor: Any, change: IndexChange, quiet: bool) -> None:
        """Wait until a step is finished, and show its progress."""
        if not change.unfinished:
            return
        with tqdm(desc="Online", disable=quiet or None) as progress:
            while True:
                cursor.execute(change.unfinished)
                left = dict(cursor.fetchall())
                progress.total = max(progress.total or 0, len(left))
                progress.update(progress.total - len(left) - progress.n)
                if not left:
                    return
                progress.set_postfix_str(", ".join(sorted(set(left.values()))))
                time.sleep(_PAUSE)


def _changes(connection: Any) -> list[IndexChange]:
    check_can_be_asked(connection.alias)
    changes: list[IndexChange] = connection.ops.document_index_changes(declared_indexes())
    return changes


def _title(change: IndexChange) -> str:
    return f"{change.verb} {change.name}" + (f" of {change.model}" if change.model else "")
