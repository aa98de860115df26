"""Joins of documents with tables that may be in another database."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import NotSupportedError, router

from django_cbtools.models.base import CouchbaseModel
from django_cbtools.models.sql import IN_TWO_STEPS


def ordinary_model(table: str) -> Any:
    """Return the model of a table, if it is not a document, else None."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == table and not issubclass(model, CouchbaseModel):
            return model
    return None


def not_joined(here: str, model: Any) -> NotSupportedError:
    """Return the exception for a join of documents with rows in another database."""
    return NotSupportedError(
        f"Documents, which are in the database {here!r}, cannot be joined with "
        f"{model._meta.label}, nor have a subquery of it: its rows are in "
        f"{router.db_for_read(model)!r}. {IN_TWO_STEPS}"
    )
