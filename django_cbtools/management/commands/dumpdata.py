"""Django's command ``dumpdata``, which also dumps documents, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import dumpdata
from django.db import connections

from django_cbtools import conf
from django_cbtools.management.base import DocumentsCommand
from django_cbtools.models.registry import documents
from django_cbtools.models.sql import holds_documents
from django_cbtools.serializers import exact


class Command(DocumentsCommand, dumpdata.Command):
    """Dumps the documents of an app with its other models, if documents can be queried.

    Softly deleted documents are dumped with ``--all``.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--attachments",
            action="store_true",
            help="Dump the contents of the documents' attachments, too.",
        )

    def handle(self, *app_labels: str, attachments: bool = False, **options: Any) -> None:
        """Dump the data. Raise CommandError if documents are asked for that cannot be listed."""
        if not holds_documents(connections[conf.document_alias()]):
            _check_unlisted(app_labels, options["exclude"])
        is_here = holds_documents(connections[options["database"]])
        named = {label.lower() for label in app_labels}
        left_out = [label for label in _left_out(is_here) if label.lower() not in named]
        options["exclude"] = [*options["exclude"], *left_out]
        with exact.attachments() if attachments else nullcontext():
            super().handle(*app_labels, **options)


def _check_unlisted(app_labels: Sequence[str], exclude: Sequence[str]) -> None:
    """Raise CommandError if a dump would silently leave out documents."""
    asked = {label.lower() for label in app_labels}
    left_out = {label.lower() for label in exclude}
    for model in documents():
        names = {model._meta.app_label, model._meta.label_lower}
        if (not asked or asked & names) and not left_out & names:
            raise CommandError(
                f"The documents of {model._meta.label} cannot be dumped: they are behind the "
                "gateway at SYNC_GATEWAY_URL, and there is no ORM to list them. Leave them out by "
                f"--exclude {model._meta.label}, and back them up with the cluster's own tools."
            )


def _left_out(is_here: bool) -> Iterator[str]:
    """Yield the labels of document classes that a dump of their app leaves out.

    If classes of an app share a doc_type, and so their documents, only the first of them is dumped.
    """
    seen: set[tuple[str, str]] = set()
    for model in documents():
        key = model._meta.app_label, model.type_name()
        if key in seen or not (is_here or model.in_migrations):
            yield model._meta.label
        seen.add(key)
