"""Joins of documents with tables that may be in another database."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import NotSupportedError, router

from django_cbtools.models.base import CouchbaseModel
from django_cbtools.models.sql import IN_TWO_STEPS


def ordinary_model(table: str) -> Any:
    """The model that has a table, and is no document; None for another table."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == table and not issubclass(model, CouchbaseModel):
            return model
    return None


def not_joined(here: str, model: Any) -> NotSupportedError:
    """The error where documents of an alias would be joined with a model's rows elsewhere."""
    return NotSupportedError(
        f"Documents, which are in the database {here!r}, cannot be joined with "
        f"{model._meta.label}, nor have a subquery of it: its rows are in "
        f"{router.db_for_read(model)!r}. {IN_TWO_STEPS}"
    )
