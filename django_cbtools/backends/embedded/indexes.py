"""Indexes of documents, on the expressions that read fields from the JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models.expressions import Col, ExpressionList
from django.db.models.indexes import IndexExpression
from django.db.models.sql import Query

from django_cbtools.models.fields import values
from django_cbtools.models.indexes import Declared, IndexChange

from . import columns
from .compiler import SQLCompiler

#: Indexes with this prefix belong to the library, which creates and drops them.
PREFIX = "cbtools_ix_"
#: Columns at the end of each index, so that most conditions and counts need only the index. (At its
#: beginning, ``st_deleted`` would exclude queries of soft-deleted documents.)
_COVERED = ("st_deleted", "expires", "uid", "keyspace")


class _IndexCompiler(SQLCompiler):
    """A compiler of expressions for indexes, where no subquery is around the fields.

    SQLite gives the columns of a subquery a collation, so expressions on them need it here, too.
    """

    def compile(self, node: Any) -> Any:
        if not isinstance(node, Col):
            return super().compile(node)
        sql = _column(node.target).replace("%", "%%")
        own = node.target.name in values.OWN_COLUMNS
        return sql if own else f"({sql} COLLATE BINARY)", []


def changes(connection: Any, declared: Iterable[Declared]) -> list[IndexChange]:
    """Return the steps that create the declared indexes and drop all others."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' "
            "AND tbl_name = 'cbtools_documents' AND substr(name, 1, %s) = %s",
            [len(PREFIX), PREFIX],
        )
        present = dict(cursor.fetchall())
    wanted = {}
    for each in declared:
        name = PREFIX + each.index.name
        sql = f"CREATE INDEX {columns.quoted(name)} {_definition(connection, each)}"
        wanted[name] = IndexChange("create", name, each.model._meta.label, sql)
    stale = [name for name, sql in present.items() if name not in wanted or wanted[name].sql != sql]
    drops = [
        IndexChange("drop", name, None, f"DROP INDEX {columns.quoted(name)}") for name in stale
    ]
    return drops + [
        change for name, change in wanted.items() if name in stale or name not in present
    ]


def _column(field: values.Field) -> str:
    if field.get_internal_type() == "BinaryField":
        raise ImproperlyConfigured(
            f"{field.model._meta.label}: an index cannot have the BinaryField {field.name!r} in "
            "it. SQLite reads it by a function that other programs with the file do not have."
        )
    return columns.column_sql(field)


def _definition(connection: Any, declared: Declared) -> str:
    model, index = declared.model, declared.index
    query = Query(model, alias_cols=False)
    compiler = _IndexCompiler(query, connection, None)
    quote = connection.schema_editor().quote_value
    conditions = ["deleted = 0", f"doc_type = {columns.literal(model.type_name())}"]
    if index.expressions:
        wrapped = [IndexExpression(expression) for expression in index.expressions]
        sql, params = compiler.compile(ExpressionList(*wrapped).resolve_expression(query))
        keys = [sql % tuple(map(quote, params))]
    else:
        fields = [(model._meta.get_field(name), order) for name, order in index.fields_orders]
        keys = [f"{_column(field)} {order}".rstrip() for field, order in fields]
    if index.condition is not None:
        sql, params = query.build_where(index.condition).as_sql(compiler, connection)
        conditions.append(sql % tuple(map(quote, params)))
    keys += [key for key in _COVERED if key not in keys]
    return f"ON cbtools_documents ({', '.join(keys)}) WHERE {' AND '.join(conditions)}"
