"""Errors for queries that cannot run in this database, which contains only documents."""

from __future__ import annotations

from typing import Any

from django.db import NotSupportedError

from django_cbtools.backends.joins import not_joined, ordinary_model
from django_cbtools.models.base import CouchbaseModel
from django_cbtools.models.sql import IN_TWO_STEPS, DocumentQuery


def check_is_document(compiler: Any, table: str) -> None:
    """Raise NotSupportedError, with advice, if the table belongs to an ordinary model."""
    if table in CouchbaseModel.tables:
        return
    query, alias = compiler.query, compiler.connection.alias
    if not (isinstance(query, DocumentQuery) or query.subquery):
        raise _ordinary(compiler)
    if model := ordinary_model(table):
        raise not_joined(alias, model)
    raise NotSupportedError(
        f"Documents, which are in the database {alias!r}, cannot be joined with {table}, an "
        f"ordinary table, nor have a subquery of it. {IN_TWO_STEPS}"
    )


class WritesDocuments:
    """A part of compilers that only write documents."""

    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        compiler: Any = self
        if compiler.model is None:
            raise _ordinary(compiler)
        written: Any = super()
        return written.execute_sql(*args, **kwargs)


def _ordinary(compiler: Any) -> NotSupportedError:
    alias = compiler.connection.alias
    return NotSupportedError(
        f"{compiler.query.get_meta().label} is an ordinary model, and the database {alias!r} has "
        f"documents alone. Leave out using={alias!r}; where a router chooses, set DATABASE_ROUTERS "
        "= ['django_cbtools.routers.DocumentRouter'], before other routers."
    )


def refused(connection: Any, name: str, what: str) -> NotSupportedError:
    """Return the exception for a feature that the backend refuses."""
    return NotSupportedError(
        f"{what} cannot be in a query here. {connection.features.refused[name]}"
    )
