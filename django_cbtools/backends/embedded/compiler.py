"""Compilers of queries to SQLite's SQL. In place of a document model's table, they write a
subquery.

SQLite flattens the subquery into the query around it, so that indexes on the same expressions serve
it.
"""

from __future__ import annotations

import copy
import threading
from typing import Any

from django.db import router
from django.db.models import Aggregate, Subquery
from django.db.models.expressions import Col, RawSQL, Ref
from django.db.models.fields.json import HasKeyLookup, KeyTransform, KeyTransformIsNull
from django.db.models.sql import Query, compiler
from django.db.models.sql.datastructures import BaseTable, Join
from django.db.models.sql.where import ExtraWhere

from django_cbtools.backends import writing
from django_cbtools.backends.compiling import DocumentCompiler
from django_cbtools.backends.joins import not_joined, ordinary_model
from django_cbtools.models.base import CouchbaseModel
from django_cbtools.models.fields.aggregates import check_aggregate
from django_cbtools.models.sql import DocumentQuery

from . import columns, lookups, members
from .tables import DocumentTable, Statement, document_path, is_document_table

members.register()
lookups.register()

#: Lookups and transforms with JSON paths.
_WITH_PATHS = (KeyTransform, KeyTransformIsNull, HasKeyLookup)


class _Compiling(threading.local):
    """The statement that a thread compiles. Subqueries are parts of it."""

    statement: Statement | None = None


_compiling = _Compiling()


class SQLCompiler(DocumentCompiler):
    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        if _compiling.statement is not None:
            return super().as_sql(*args, **kwargs)
        _compiling.statement = statement = Statement()
        try:
            sql, params = super().as_sql(*args, **kwargs)
        finally:
            _compiling.statement = None
        return statement.written(sql), params

    def compile(self, node: Any) -> Any:
        statement = _compiling.statement
        if isinstance(node, Col):
            if statement is not None:
                statement.ask(node.alias, node.target.column or "")
        elif isinstance(node, (BaseTable, Join)):
            if statement is not None and is_document_table(node.table_name):
                alias = node.table_alias or node.table_name
                node = copy.copy(node)
                node.table_name = statement.table(
                    node.table_name, alias, self._types(node), self._place(node)
                )
            elif self._is_of_documents(node.parent_alias) or (
                # A query of documents from which exclude() has removed all documents.
                isinstance(node, BaseTable) and isinstance(self.query, DocumentQuery)
            ):
                self._check_is_here(node.table_name)
        elif isinstance(node, (Query, Subquery)):
            if self._is_of_documents(self.query.base_table):
                query = node if isinstance(node, Query) else node.query
                self._check_is_here(query.get_meta().db_table)
        elif isinstance(node, _WITH_PATHS):
            if _is_in_document(node.lhs):
                sql, params = super().compile(node)
                return sql, tuple(document_path(str(param)) for param in params)
        elif isinstance(node, Aggregate):
            check_aggregate(node)
        elif isinstance(node, (RawSQL, ExtraWhere)) and statement is not None:
            statement.ask_all()
        return super().compile(node)

    def pre_sql_setup(self, with_col_aliases: bool = False) -> Any:
        """Set up the query as Django does. Columns that are only shown, and not compared, are read
        exactly."""
        _, order_by, group_by = setup = super().pre_sql_setup(with_col_aliases)
        query = self.query
        if not (
            with_col_aliases or query.subquery or query.distinct or query.combinator or group_by
        ):
            exact = [self._exact(expression) for expression, *_ in self.select]
            if not any(exact):
                return setup
            # Columns that other parts of the statement refer to are compared.
            references: list[Any] = [
                part
                for expression, *_ in order_by
                for part in expression.flatten()
                if isinstance(part, Ref)
            ]
            aliases = {reference.refs for reference in references}
            ordinals = {getattr(reference, "ordinal", None) for reference in references}
            self.select = [
                (expression, exactly or sql, alias)
                if ordinal not in ordinals and (alias is None or alias not in aliases)
                else (expression, sql, alias)
                for ordinal, ((expression, sql, alias), exactly) in enumerate(
                    zip(self.select, exact, strict=True), 1
                )
            ]
        return setup

    def quote_name(self, name: str) -> str:
        if isinstance(name, DocumentTable):
            return name.sql
        quoted: str = getattr(super(), "quote_name")(name)  # noqa: B009 (not before Django 6.1)
        return quoted.replace("%", "%%")

    def quote_name_unless_alias(self, name: str) -> str:
        """Quote a name. This is :meth:`quote_name` before Django 6.1."""
        if isinstance(name, DocumentTable):
            return name.sql
        quoted: str = super().quote_name_unless_alias(name)
        return quoted.replace("%", "%%")

    def _exact(self, expression: Any) -> tuple[str, list[Any]] | None:
        if not isinstance(expression, Col) or not issubclass(
            expression.target.model, CouchbaseModel
        ):
            return None
        if not columns.exact_columns(expression.target):
            return None
        column = columns.exact_column(expression.target)
        if _compiling.statement is not None:
            _compiling.statement.ask(expression.alias, column)
        quoted = columns.quoted(column).replace("%", "%%")
        return f"{columns.quoted(expression.alias)}.{quoted}", []

    def _is_of_documents(self, alias: str | None) -> bool:
        table = self.query.alias_map.get(alias or "")
        return table is not None and table.table_name in CouchbaseModel.tables

    def _check_is_here(self, table: str) -> None:
        """Raise NotSupportedError if documents would be joined with a table in another database."""
        here, model = self.connection.alias, ordinary_model(table)
        if model and here not in (router.db_for_read(model), router.db_for_write(model)):
            raise not_joined(here, model)


def _is_in_document(expression: Any) -> bool:
    while isinstance(expression, KeyTransform):
        expression = expression.lhs
    return isinstance(expression, Col) and issubclass(expression.target.model, CouchbaseModel)


class SQLInsertCompiler(writing.SQLInsertCompiler, SQLCompiler):
    pass


class SQLDeleteCompiler(writing.SQLDeleteCompiler, SQLCompiler):
    pass


class SQLUpdateCompiler(writing.SQLUpdateCompiler, SQLCompiler):  # type: ignore[misc]
    pass


class SQLAggregateCompiler(compiler.SQLAggregateCompiler, SQLCompiler):
    pass
