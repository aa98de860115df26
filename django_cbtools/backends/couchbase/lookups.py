"""Compiles Django's lookups to SQL++, by Django's hook for vendors."""

from __future__ import annotations

import copy
import math
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Subquery
from django.db.models.expressions import Col, ExpressionList
from django.db.models.fields.tuple_lookups import TupleIn
from django.db.models.lookups import BuiltinLookup, Exact, In, IsNull
from django.db.models.sql import Query

from django_cbtools.backends import compiling

from .templates import Compiled, inlined


def in_list(node: In, compiler: Any, connection: Any) -> Compiled:
    """Compile ``in``. The list is one parameter, however long it is."""
    if isinstance(node.rhs, Subquery):
        node = copy.copy(node)
        node.rhs = node.rhs.query  # all rows of it, and not the first alone
    if isinstance(node.rhs, ExpressionList):
        given = node.rhs.get_source_expressions()
    elif node.rhs_is_direct_value():
        given = node.rhs
    else:
        found: Compiled = node.as_sql(compiler, connection)
        return found
    rhs: Any = [value for value in given if value is not None]
    if not rhs:
        raise EmptyResultSet
    lhs, lhs_params = node.process_lhs(compiler, connection)
    places, params = node.batch_process_rhs(compiler, connection, rhs)
    if all(place == "%s" for place in places):
        # JSON has finite numbers only, so no document equals another number.
        finite = [value for value in params if not isinstance(value, float) or math.isfinite(value)]
        return f"{lhs} IN %s", (*lhs_params, finite)
    return f"{lhs} IN [{', '.join(places)}]", (*lhs_params, *params)


def builtin(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile a comparison. A query on the right side counts as its first row."""
    if isinstance(node.rhs, Query):
        node = copy.copy(node)
        node.rhs = Subquery(node.rhs)
    found: Compiled = node.as_sql(compiler, connection)
    return found


def tuple_in(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile ``in`` of tuples. For a relation with one column, the column is compared with a
    list."""
    columns_of = node.lhs.get_source_expressions()
    if len(columns_of) > 1 or not node.rhs_is_direct_value():
        found: Compiled = node.as_sql(compiler, connection)
        return found
    sql: Compiled = compiler.compile(single(node))
    return sql


def single(node: Any) -> In:
    """Return a lookup of tuples with one column as a lookup of that column."""
    (column,) = node.lhs.get_source_expressions()
    values = [each[0] if isinstance(each, (tuple, list)) else each for each in node.rhs]
    return In(column, values)


def is_null(node: IsNull, compiler: Any, connection: Any) -> Compiled:
    """Compile ``isnull``. Only expressions without a guard can be MISSING, which counts as NULL."""
    if not isinstance(node.rhs, bool):
        raise ValueError("The QuerySet value for an isnull lookup must be True or False.")
    sql, params = node.process_lhs(compiler, connection)
    is_guarded = isinstance(node.lhs, Col) and node.lhs.target.name != "uid"
    if is_guarded:
        return f"{sql} IS {'NULL' if node.rhs else 'NOT NULL'}", params
    return f"{sql} IS {'NOT VALUED' if node.rhs else 'VALUED'}", params


def exact(node: Exact, compiler: Any, connection: Any) -> Compiled:
    """Compile ``exact``. A boolean is a literal, so that an index with a condition on it serves
    prepared statements."""
    sql, params = builtin(node, compiler, connection)
    if isinstance(node.rhs, bool) and isinstance(node.lhs, Col):
        return inlined(sql, params).replace("%", "%%"), ()
    return sql, params


def register() -> None:
    """Register the lookups with this backend."""
    compiled: dict[Any, Any] = {
        BuiltinLookup: builtin,
        Exact: exact,
        IsNull: is_null,
        TupleIn: tuple_in,
    }
    compiling.register("couchbase", compiled)
