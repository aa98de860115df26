"""Sync functions, run here before they are deployed: no gateway refuses one that never ends."""

from __future__ import annotations

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from django_cbtools.embedded.documents import syncfunction
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.function_files import FunctionFileError
from django_cbtools.models.registry import documents


def try_out(path: Path, source: str) -> None:
    """Run a function for an empty document, and for one of each document class.

    Raises FunctionFileError where it is not a function, or does not end. Does nothing where V8, of
    the extra ``embedded``, is not installed.
    """
    types = sorted({model.type_name() for model in documents()} - {""})
    bodies = {f"a new document of doc_type {name!r}": {"doc_type": name} for name in types}
    for what, body in {"an empty document": {}, **bodies}.items():
        try:
            syncfunction.try_out(source, body)
        except ImproperlyConfigured:
            return
        except GatewayError as error:
            raise FunctionFileError(
                f"{path}: not deployed, the database is as it was. For {what}: {error.reason}."
            ) from error
