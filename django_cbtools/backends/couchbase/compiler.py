"""Compilers of queries to SQL++. Rows are arrays, in the order of the selected expressions.

Another backend's SQL names a model's table. This one names the keyspace of all documents, with a
condition on ``doc_type``. In place of a column, it has the field's expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import NotSupportedError
from django.db.models.aggregates import Aggregate
from django.db.models.expressions import Col
from django.db.models.sql import compiler
from django.db.models.sql.constants import INNER
from django.db.models.sql.datastructures import BaseTable, Join

from django_cbtools.backends import writing
from django_cbtools.models.fields import values
from django_cbtools.models.fields.aggregates import check_aggregate
from django_cbtools.models.writing.versions import VersionCol

from . import columns, expressions, keys, members, ordering, plans, refusals, vendor

vendor.register()

Compiled = tuple[str, list[Any]]


class SQLCompiler(plans.PlannedCompiler):
    #: The name of the subquery to whose columns references are compiled, or None.
    derived: str | None = None
    #: True if the query is a part of a union, or the like.
    is_combined = False
    #: The names of the columns of the union's first part.
    first_names: Sequence[str] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Conditions, by id, that may be NULL in place of FALSE.
        self.truths: dict[int, Any] = {}

    # ------------------------------------------------------------------ SELECT

    def get_default_columns(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Return Django's columns. Instances get the document's version in place of its
        revision."""
        return list(map(_as_version, super().get_default_columns(*args, **kwargs)))

    def get_group_by(self, *args: Any, **kwargs: Any) -> Any:
        """Return Django's GROUP BY, with the versions that :meth:`get_default_columns` selects."""
        query: Any = self.query
        if isinstance(query.group_by, tuple):
            query.group_by = tuple(map(_as_version, query.group_by))
        return super().get_group_by(*args, **kwargs)

    def as_sql(self, with_limits: bool = True, with_col_aliases: bool = False) -> Any:
        before = self.query.alias_refcount.copy()
        try:
            sql, params = self._select(with_limits, with_col_aliases)
        finally:
            self.query.reset_refcounts(before)
        return sql, tuple(params)

    def _select(self, with_limits: bool, with_col_aliases: bool) -> Compiled:
        query: Any = self.query
        combinator = query.combinator
        extra_select, order_by, group_by = self.pre_sql_setup(
            with_col_aliases=with_col_aliases or bool(combinator)
        )
        limit = self._limit() if with_limits and query.is_sliced else ""
        if combinator:
            sql, params = self._combined(combinator, with_col_aliases)
            if order_by or limit:
                is_scalar = bool(query.subquery)
                places = ordering.of_combined(
                    order_by or (), self.select, with_col_aliases, is_scalar
                )
                sql = f"SELECT RAW u FROM ({sql}) AS u{places}{limit}"
        elif self.qualify:
            sql, params = self._qualified(with_col_aliases)
            sql += limit
        else:
            sql, params = self._plain(extra_select, order_by, group_by, with_col_aliases)
            sql += limit
        if query.subquery and extra_select and not with_col_aliases:
            # Drop the columns that distinct() only needs for the order.
            sql = f"SELECT RAW s[0] FROM ({sql}) AS s"
        if query.explain_info:
            info = query.explain_info
            prefix = self.connection.ops.explain_query_prefix(info.format, **info.options)
            sql = f"{prefix} {sql}"
        return sql, params

    def _plain(
        self, extra_select: Any, order_by: Any, group_by: Any, with_col_aliases: bool
    ) -> Compiled:
        query: Any = self.query
        selected = [*self.select, *extra_select]
        is_read = query.subquery or with_col_aliases or self.is_combined
        if not (is_read or query.distinct or group_by):
            # Columns that are only shown are read exactly.
            selected = [(each, _exact(each) or sql, alias) for each, sql, alias in selected]
        bound = self._bound(selected) if group_by else []
        order_by = ordering.of_bound(order_by or (), bound, selected)
        for number, _, name, _ in bound:
            expression, _, alias = selected[number]
            selected[number] = expression, (name, []), alias
        # The engine loses a subquery's references to the outer query if the subquery is ordered and
        # limited. So the order is in a SELECT around it.
        is_around = query.subquery and query.is_sliced and not (query.distinct or with_col_aliases)
        keys = [self.compile(each.expression) for each, _ in order_by or () if is_around]
        projection, params = self._projection(selected, with_col_aliases, keys)
        head = "SELECT DISTINCT" if query.distinct else "SELECT"
        if query.distinct and query.distinct_fields:
            raise NotSupportedError("DISTINCT ON fields is not supported by this database backend")
        is_by_row = query.distinct and order_by
        sql = f"{head} {projection}{' AS r' if is_by_row and not with_col_aliases else ''}"
        from_, from_params, conditions = self._from()
        sql += from_
        params += from_params
        if bound:
            sql += f" LET {', '.join(f'{name} = {each}' for _, each, name, _ in bound)}"
            params += [param for *_, more in bound for param in more]
        where, where_params = self._condition(self.where)
        conditions = [*conditions, *([where] if where else [])]
        if conditions:
            sql += f" WHERE {' AND '.join(conditions)}"
            params += where_params
        if group_by:
            grouped = [*(each for each, _ in group_by), *(name for _, _, name, _ in bound)]
            sql += f" GROUP BY {', '.join(dict.fromkeys(grouped))}"
            params += [param for _, more in group_by for param in more]
            if self._meta_ordering:
                order_by = None
        having, having_params = self._condition(self.having)
        if having:
            sql += f" HAVING {having}" if group_by else f" GROUP BY TRUE HAVING {having}"
            params += having_params
        if is_by_row and order_by:
            is_scalar = bool(query.subquery)
            places, more = ordering.of_distinct(order_by, selected, with_col_aliases, is_scalar)
            return sql + places, params + more
        if order_by and keys:
            sorts = [
                f"s[{number}] {ordering.direction(each)}"
                for number, (each, _) in enumerate(order_by, 1)
            ]
            return f"SELECT RAW s[0] FROM ({sql}) AS s ORDER BY {', '.join(sorts)}", params
        if order_by:
            sql += f" ORDER BY {', '.join(each for _, (each, _, _) in order_by)}"
            params += [param for _, (_, more, _) in order_by for param in more]
        return sql, params

    def _bound(self, selected: Sequence[Any]) -> list[tuple[int, str, str, Any]]:
        """Return the place, SQL, name and parameters of each selected subquery of a grouped query.
        The service refuses these beside GROUP BY (4210), so LET gives them names to group by."""
        return [
            (number, sql, f"g{number}", params)
            for number, (expression, (sql, params), _) in enumerate(selected)
            if expressions.has_subquery(expression) and not expression.contains_aggregate
        ]

    def _projection(
        self, selected: Sequence[Any], with_col_aliases: bool, keys: Sequence[Any] = ()
    ) -> Compiled:
        found = [sql for _, (sql, _), _ in selected]
        params = [param for _, (_, more), _ in selected for param in more]
        if with_col_aliases:
            names = [alias or f"c{number}" for number, (_, _, alias) in enumerate(selected)]
            # Combined rows are compared with their names.
            names = [*self.first_names, *names[len(self.first_names) :]]
            named = [
                f"IFMISSING({sql}, NULL) AS {columns.quoted(name)}"
                for sql, name in zip(found, names, strict=True)
            ]
            return ", ".join(named), params
        is_scalar = self.query.subquery and len(found) == 1
        row = found[0] if is_scalar else f"[{', '.join(found)}]"
        if keys:
            row = f"[{', '.join([row, *(key for key, _ in keys)])}]"
            params += [param for _, more in keys for param in more]
        return f"RAW {row}", params

    def _condition(self, node: Any) -> Compiled:
        if node is None:
            return "", []
        self.truths |= members.truths(node)
        try:
            sql, params = self.compile(node)
        except FullResultSet:
            return "", []
        except EmptyResultSet:
            if self.elide_empty:
                raise
            return "FALSE", []
        return sql, list(params)

    def _limit(self) -> str:
        limit = self.connection.ops.limit_offset_sql(self.query.low_mark, self.query.high_mark)
        return f" {limit}" if limit else ""

    # -------------------------------------------------------------------- FROM

    def _from(self) -> tuple[str, list[Any], list[str]]:
        """Return the FROM clause, its parameters, and the conditions that it needs."""
        query: Any = self.query
        parts: list[str] = []
        params: list[Any] = []
        conditions: list[str] = []
        for alias in tuple(query.alias_map):
            if not query.alias_refcount[alias]:
                continue
            table = query.alias_map[alias]
            if isinstance(table, Join):
                sql, more = self._join(table)
                parts.append(sql)
                params += more
            else:
                sql, more = self._keyspace(table), []
                if not parts:
                    found = keys.of(self, alias)
                    if found is not None:
                        sql, more = f"{sql} USE KEYS %s", [found]
                parts.append(f"{'FROM' if not parts else ','} {sql}")
                params += more
                conditions.append(self._is_of_type(table))
        if query.extra_tables:
            what = f"extra(tables={[*query.extra_tables]})"
            raise refusals.refused(self.connection, "extra(tables)", what)
        return "".join(f" {part}" for part in parts), params, conditions

    def _keyspace(self, table: BaseTable | Join) -> str:
        refusals.check_is_document(self, table.table_name)
        alias = table.table_alias or table.table_name
        operations: Any = self.connection.ops
        keyspace = operations.keyspace(self.connection, self._place(table))
        return f"{keyspace} AS {columns.quoted(alias)}".replace("%", "%%")

    def _is_of_type(self, table: BaseTable | Join) -> str:
        alias = table.table_alias or table.table_name
        names = [columns.literal(name) for name in self._types(table)]
        doc_type = f"{columns.quoted(alias)}.`doc_type`"
        is_one = len(names) == 1
        sql = f"{doc_type} = {names[0]}" if is_one else f"{doc_type} IN [{', '.join(names)}]"
        return f"{sql} AND {columns.is_document(alias)}".replace("%", "%%")

    def _join(self, table: Any) -> Compiled:
        refusals.check_is_document(self, table.table_name)
        kind = "INNER JOIN" if table.join_type == INNER else "LEFT JOIN"
        alias, parent = table.table_alias, table.parent_alias
        conditions: list[str] = []
        params: list[Any] = []
        for left, right in table.join_fields:
            sql = f"{_joined(alias, right)} = {_joined(parent, left)}"
            conditions.append(sql.replace("%", "%%"))
        extra = table.join_field.get_extra_restriction(alias, parent)
        for node in (extra, table.filtered_relation and table.filtered_relation.resolved_condition):
            if node:
                sql, more = self._condition(node)
                if sql:
                    conditions.append(f"({sql})")
                    params += more
        conditions.append(self._is_of_type(table))
        if any(right.name == "uid" for _, right in table.join_fields):
            # No index contains the CAS. With an index that covers the query, the service would scan
            # it for each document, instead of fetching the document by its key.
            conditions.append(f"META({columns.quoted(alias)}).cas IS NOT NULL".replace("%", "%%"))
        return f"{kind} {self._keyspace(table)} ON ({' AND '.join(conditions)})", params

    # --------------------------------------------------- combinations, windows

    def _combined(self, combinator: str, with_col_aliases: bool) -> Compiled:
        query: Any = self.query
        compilers = [
            each.get_compiler(self.using, self.connection, self.elide_empty)
            for each in query.combined_queries
        ]
        selected = query.selected
        for each in compilers:
            if selected is not None and each.query.selected is None:
                each.query = each.query.clone()
                each.query.set_values(selected)
        parts: list[str] = []
        params: list[Any] = []
        for each in compilers:
            try:
                each.is_combined = True
                each.first_names = [
                    alias or f"c{number}" for number, (*_, alias) in enumerate(self.select)
                ]
                each.query.subquery = query.subquery
                sql, more = each.as_sql(with_col_aliases=with_col_aliases)
            except EmptyResultSet:
                if combinator == "union" or (combinator == "difference" and parts):
                    continue
                raise
            parts.append(f"({sql})")
            params += more
        if not parts:
            raise EmptyResultSet
        word = _COMBINATORS[combinator]
        if combinator == "union" and query.combinator_all:
            word += " ALL"
        if len(parts) == 1:
            return parts[0][1:-1], params
        return f" {word} ".join(parts), params

    def _qualified(self, with_col_aliases: bool) -> Compiled:
        """Compile a condition on window functions, as a condition on a subquery that computes
        them."""
        self.derived = "qualify"
        result, params = self.get_qualify_sql()
        names = [alias for _, _, alias in self.get_select(with_col_aliases=True)[0]]
        chosen = [f"`qualify`.{columns.quoted(alias)}" for alias in names]
        # Django's list consists of "SELECT * FROM (", the subquery, ")", and the rest. If Django
        # hides columns that it has added, there is one more such list around it.
        start = next(i for i, part in enumerate(result) if part.startswith("SELECT * FROM ("))
        inner, _, name, _, condition, *rest = result[start + 1 :]
        if rest and rest[0] == ")":
            rest = rest[2:]
        projection = (
            ", ".join(
                f"{sql} AS {columns.quoted(alias)}"
                for sql, alias in zip(chosen, names, strict=True)
            )
            if with_col_aliases
            else f"RAW {chosen[0]}"
            if self.query.subquery and len(chosen) == 1
            else f"RAW [{', '.join(chosen)}]"
        )
        tail = f" {' '.join(rest)}" if rest else ""
        return f"SELECT {projection} FROM ({inner}) AS {name} WHERE {condition}{tail}", [*params]

    # ------------------------------------------------------------- expressions

    def compile(self, node: Any) -> Any:
        if isinstance(node, Aggregate):
            check_aggregate(node)
        return super().compile(node)


def _as_version(expression: Any) -> Any:
    is_revision = isinstance(expression, Col) and expression.target.name == "rev"
    return VersionCol.of(expression) if is_revision else expression


def _joined(alias: str, field: Any) -> str:
    """Return the column by which documents are joined. It is the key itself for uids."""
    return columns.uid(alias) if field.name == "uid" else columns.column(alias, field)


def _exact(expression: Any) -> Any:
    """Compile a decimal as it is in the document. None for other expressions."""
    if not isinstance(expression, Col) or expression.target.name in values.OWN_COLUMNS:
        return None
    sql = columns.exact(expression.alias or "", expression.target)
    return None if sql is None else (sql.replace("%", "%%"), ())


_COMBINATORS = {"union": "UNION", "intersection": "INTERSECT", "difference": "EXCEPT"}


class SQLInsertCompiler(  # type: ignore[misc]
    refusals.WritesDocuments, writing.SQLInsertCompiler, SQLCompiler
):
    pass


class SQLDeleteCompiler(  # type: ignore[misc]
    refusals.WritesDocuments, writing.SQLDeleteCompiler, SQLCompiler
):
    pass


class SQLUpdateCompiler(  # type: ignore[misc]
    refusals.WritesDocuments, writing.SQLUpdateCompiler, SQLCompiler
):
    pass


class SQLAggregateCompiler(compiler.SQLAggregateCompiler, SQLCompiler):
    derived = "subquery"

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        query: Any = self.query
        found, params = [], []
        for annotation in query.annotation_select.values():
            sql, more = self.compile(annotation)
            sql, more = annotation.select_format(self, sql, more)
            found.append(sql)
            params += more
        self.col_count = len(query.annotation_select)
        inner = query.inner_query.get_compiler(
            self.using, connection=self.connection, elide_empty=self.elide_empty
        )
        sql, more = inner.as_sql(with_col_aliases=True)
        return f"SELECT RAW [{', '.join(found)}] FROM ({sql}) AS `subquery`", (*params, *more)
