"""The argument ``--model`` of commands."""

from __future__ import annotations

from django.apps import apps
from django.core.management.base import CommandError, CommandParser

from django_cbtools.models import CouchbaseModel


def add_model_argument(parser: CommandParser) -> None:
    """Add the option with the document classes that a command is about."""
    parser.add_argument(
        "--model", action="append", default=[], metavar="APP.MODEL",
        help="Only documents of this class; may be given several times.",
    )  # fmt: skip


def document_class(label: str) -> type[CouchbaseModel]:
    """Return the document class with a label (app.Model). Raise CommandError if there is none."""
    try:
        model = apps.get_model(label)
    except LookupError as error:
        raise CommandError(f"--model {label}: {error}") from error
    except ValueError as error:
        raise CommandError(f"--model {label}: it has to be app.Model.") from error
    if not issubclass(model, CouchbaseModel) or model.is_nested:
        raise CommandError(f"--model {label}: it is no document class.")
    return model
