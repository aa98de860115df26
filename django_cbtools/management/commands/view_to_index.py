"""The command ``view_to_index``, which shows the index and the QuerySet that can replace a view."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_cbtools.management.base import DocumentsCommand
from django_cbtools.management.view_querysets import NoQuerySet, described
from django_cbtools.query import parse_view_name
from django_cbtools.view_files import ViewFileError, design_documents
from django_cbtools.view_shapes import Unreadable, read_view


class Command(DocumentsCommand):
    help = (
        "Shows an index and QuerySets that replace a view of the couchbase_views folders. Fails if "
        "the map function cannot be converted, and says in which line."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "view", help="'design/view', or 'view' in design document django_cbtools."
        )

    def handle(self, *args: Any, view: str, **options: Any) -> None:
        design, name = parse_view_name(view)
        try:
            functions = design_documents().get(design, {"views": {}})["views"].get(name)
        except ViewFileError as error:
            raise CommandError(str(error)) from error
        if functions is None:
            raise CommandError(
                f"There is no view {design}/{name} in the folders couchbase_views. "
                "`manage.py create_cb_views --dry-run` lists those that are there."
            )
        try:
            text = described(read_view(functions), name)
        except Unreadable as error:
            raise CommandError(f"View {design}/{name} cannot be read: {error}.") from error
        except NoQuerySet as error:
            raise CommandError(f"View {design}/{name} has no QuerySet: {error}.") from error
        self.stdout.write(f"# View {design}/{name}\n{text}")
