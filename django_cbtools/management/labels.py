"""Document classes as arguments of commands."""

from __future__ import annotations

from django.apps import apps
from django.core.management.base import CommandError

from django_cbtools.models import CouchbaseModel


def document_class(label: str) -> type[CouchbaseModel]:
    """The document class with a label (app.Model); CommandError where there is none."""
    try:
        model = apps.get_model(label)
    except LookupError as error:
        raise CommandError(f"--model {label}: {error}") from error
    except ValueError as error:
        raise CommandError(f"--model {label}: it has to be app.Model.") from error
    if not issubclass(model, CouchbaseModel) or model.is_nested:
        raise CommandError(f"--model {label}: it is no document class.")
    return model
