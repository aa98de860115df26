"""Compiles Django's expressions to SQL++, by Django's hook for vendors."""

from __future__ import annotations

from typing import Any

from django.db.models import Subquery
from django.db.models.aggregates import Aggregate
from django.db.models.expressions import (
    Col,
    CombinedExpression,
    DurationExpression,
    Exists,
    Func,
    Ref,
)
from django.db.models.sql.compiler import PositionRef
from django.db.models.sql.constants import LOUTER
from django.db.models.sql.datastructures import Join

from django_cbtools.backends import compiling
from django_cbtools.models.writing.versions import VersionCol

from . import columns, moments, refusals

Compiled = tuple[str, Any]


def col(node: Col, compiler: Any, connection: Any) -> Compiled:
    field: Any = node.target
    alias = node.alias
    if field.name == "rev" and not isinstance(node, VersionCol):
        raise refusals.refused(connection, "rev", f"'rev' of {field.model._meta.label}")
    sql = columns.column(alias, field)
    table = compiler.query.alias_map.get(alias)
    if isinstance(table, Join) and table.join_type == LOUTER:
        # If a join has found no document, its uid and the columns of a covering index are MISSING.
        sql = f"IFMISSING({sql}, NULL)"
    return sql.replace("%", "%%"), ()


def ref(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile a reference to a selected expression. Only a subquery that is read as a table has
    names for them; elsewhere the expression itself is compiled."""
    if compiler.derived is not None:
        return f"{columns.quoted(compiler.derived)}.{columns.quoted(node.refs)}", ()
    found: Compiled = compiler.compile(node.source)
    return found


def subquery(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    """Compile a subquery as its first row. In SQL++, a subquery is an array of all its rows."""
    sql, params = node.query.as_sql(compiler, connection)
    return f"IFMISSING({sql}[0], NULL)", params


def exists(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    query = node.query.exists()
    sql, params = query.as_sql(compiler, connection)
    return f"EXISTS {sql}", params


def combined(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile an arithmetic expression. Integers are divided without a fraction, as in SQL."""
    if node.connector == "/" and all(map(_is_integer, (node.lhs, node.rhs))):
        left, left_params = compiler.compile(node.lhs)
        right, right_params = compiler.compile(node.rhs)
        return f"IDIV({left}, {right})", (*left_params, *right_params)
    found: Compiled = node.as_sql(compiler, connection)
    return found


def duration(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile the sum or difference of a time and a duration, or of two durations, in
    microseconds."""
    sides = []
    params: list[Any] = []
    temporal = None
    for side in (node.lhs, node.rhs):
        kind = _internal_type(side)
        sql, more = compiler.compile(side)
        template = moments.MICROSECONDS.get(kind or "")
        if template is not None:
            temporal = kind
            params += [*more] * template.count("{x}")
            sql = template.format(x=sql)
        else:
            params += more
        sides.append(sql)
    total = f"({sides[0]} {node.connector} {sides[1]})"
    if temporal is not None:
        total = moments.FROM_MICROSECONDS.format(x=total)
    return total, params


def aggregate(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    """Compile an aggregate. A filter with a subquery is moved into the aggregate, since the service
    refuses it beside the aggregate (4000)."""
    if node.filter is not None and has_subquery(node.filter):
        copy = node.copy()
        copy.filter = None
        source: Any = copy.get_source_expressions()[0]
        condition, params = compiler.compile(node.filter)
        inner, more = compiler.compile(source) if _internal_type(source) else ("1", ())
        argument = f"CASE WHEN {condition} THEN {inner} END"
        distinct = "DISTINCT " if node.distinct else ""
        return f"{node.function}({distinct}{argument})", (*params, *more)
    if node.function in ("SUM", "AVG"):
        # These aggregates skip booleans.
        copy, (source, *rest) = node.copy(), node.get_source_expressions()
        if _internal_type(source) == "BooleanField":
            copy.set_source_expressions([Func(source, function="TONUMBER"), *rest])
            node = copy
    return node.as_sql(compiler, connection, **context)  # type: ignore[no-any-return]


def has_subquery(node: Any) -> bool:
    """Return whether an expression or a condition contains a subquery."""
    if isinstance(node, Subquery) or hasattr(node, "combined_queries"):
        return True
    sources: Any = getattr(node, "get_source_expressions", list)()
    children = getattr(node, "children", ())
    rhs = getattr(node, "rhs", None)
    return any(has_subquery(each) for each in (*sources, *children, rhs) if each is not None)


def _internal_type(expression: Any) -> str | None:
    field = getattr(expression, "_output_field_or_none", None)
    return None if field is None else field.get_internal_type()


def _is_integer(expression: Any) -> bool:
    kind = _internal_type(expression) or ""
    return kind.endswith("IntegerField") or kind.endswith("AutoField")


def register() -> None:
    """Register the expressions with this backend."""
    compiled: dict[Any, Any] = {
        Col: col,
        Ref: ref,
        PositionRef: ref,
        Subquery: subquery,
        Exists: exists,
        CombinedExpression: combined,
        DurationExpression: duration,
        Aggregate: aggregate,
    }
    compiling.register("couchbase", compiled)
