"""SQL for documents: where Django names a document model's table, it reads a subselect.

SQLite flattens the subselect into the query around it, so that indexes on the same expressions
serve it.
"""

from __future__ import annotations

import copy
from typing import Any

from django.db import NotSupportedError
from django.db.models.expressions import Col
from django.db.models.options import Options
from django.db.models.sql import compiler
from django.db.models.sql.datastructures import BaseTable, Join

from django_cbtools.models.base import CouchbaseModel

from .tables import DocumentTable, document_table


class SQLCompiler(compiler.SQLCompiler):
    def compile(self, node: Any) -> Any:
        if isinstance(node, (BaseTable, Join)):
            table = document_table(node.table_name)
            if table is not None:
                node = copy.copy(node)
                node.table_name = table
        return super().compile(node)

    def quote_name(self, name: str) -> str:
        if isinstance(name, DocumentTable):
            return name.subselect
        quoted: str = getattr(super(), "quote_name")(name)  # noqa: B009 (not before Django 6.1)
        return quoted

    def quote_name_unless_alias(self, name: str) -> str:
        """The name of :meth:`quote_name` before Django 6.1."""
        if isinstance(name, DocumentTable):
            return name.subselect
        quoted: str = super().quote_name_unless_alias(name)
        return quoted

    def get_default_columns(
        self,
        select_mask: Any,
        start_alias: str | None = None,
        opts: Options[Any] | None = None,
        from_parent: Any = None,
    ) -> list[Any]:
        """Instances are made of the whole document: that is all that is selected for them."""
        opts = opts or self.query.get_meta()
        if opts is None or not issubclass(opts.model, CouchbaseModel):
            columns: list[Any] = super().get_default_columns(
                select_mask, start_alias, opts, from_parent
            )
            return columns
        alias = start_alias or self.query.get_initial_alias()
        return [Col(alias, field) for field in opts.model.document_columns()]


class SQLInsertCompiler(compiler.SQLInsertCompiler, SQLCompiler):
    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        _refuse(self.query.get_meta(), "Inserting")
        return super().as_sql(*args, **kwargs)


class SQLDeleteCompiler(compiler.SQLDeleteCompiler, SQLCompiler):
    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        _refuse(self.query.get_meta(), "Deleting")
        return super().as_sql(*args, **kwargs)


class SQLUpdateCompiler(compiler.SQLUpdateCompiler, SQLCompiler):
    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        _refuse(self.query.get_meta(), "Updating")
        return super().as_sql(*args, **kwargs)


class SQLAggregateCompiler(compiler.SQLAggregateCompiler, SQLCompiler):
    pass


def _refuse(opts: Options[Any], what: str) -> None:
    if issubclass(opts.model, CouchbaseModel):
        raise NotSupportedError(f"{what} documents in SQL would go behind the gateway's back.")
