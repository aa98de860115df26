"""ORDER BY expressions of the select list, by their position in the row.

After DISTINCT and UNION, the query service only knows these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError

from . import columns


def direction(ordering: Any) -> str:
    nulls = " NULLS FIRST" if ordering.nulls_first else " NULLS LAST" if ordering.nulls_last else ""
    return ("DESC" if ordering.descending else "ASC") + nulls


def of_bound(order_by: Sequence[Any], bound: Sequence[Any], selected: Sequence[Any]) -> list[Any]:
    """Return the order of a grouped query, with the names of expressions that LET has bound."""
    names = [(selected[number][0], name) for number, _, name, _ in bound]
    found = []
    for each, (sql, params, is_ref) in order_by:
        source = getattr(each.expression, "source", each.expression)
        name = next((name for expression, name in names if expression == source), None)
        if name is not None:
            sql, params = f"{name} {direction(each)}", []
        found.append((each, (sql, params, is_ref)))
    return found


def of_combined(
    order_by: Sequence[Any], selected: Sequence[Any], by_name: bool, is_scalar: bool
) -> str:
    """Return the order of the rows ``u`` of a union or the like. Raise DatabaseError if an
    expression is not in the rows."""
    # Django adds columns to a union's parts for its order.
    added: list[Any] = [
        (None, ("", []), str(ordering.expression.refs))
        for ordering, *_ in order_by
        if str(getattr(ordering.expression, "refs", "")).startswith("__orderbycol")
    ]
    chosen, found = [*selected, *added], []
    for ordering, (sql, _, _) in order_by:
        place = _place("u", ordering, sql, chosen, by_name, is_scalar)
        if place is None:
            raise DatabaseError("ORDER BY term does not match any column in the result set.")
        found.append(f"{'u.' if by_name else ''}{place} {direction(ordering)}")
    return f" ORDER BY {', '.join(found)}" if found else ""


def of_distinct(
    order_by: Sequence[Any], selected: Sequence[Any], by_name: bool, is_scalar: bool
) -> tuple[str, list[Any]]:
    """Return the order of the rows ``r`` of a SELECT DISTINCT, and its parameters."""
    found: list[str] = []
    params: list[Any] = []
    for ordering, (sql, more, _) in order_by:
        place = _place("r", ordering, sql, selected, by_name, is_scalar)
        if place is None:
            found.append(sql)
            params += more
        else:
            found.append(f"{place} {direction(ordering)}")
    return f" ORDER BY {', '.join(found)}", params


def _place(
    row: str, ordering: Any, sql: str, chosen: Sequence[Any], by_name: bool, is_scalar: bool
) -> str | None:
    """Return SQL for the place in the row of the expression that the query is ordered by, or None
    if the row lacks it."""
    source = getattr(ordering.expression, "source", ordering.expression)
    refs = getattr(ordering.expression, "refs", None)
    for number, (each, (each_sql, _), alias) in enumerate(chosen):
        is_named = alias and alias == refs
        if each == source or is_named or (each_sql and sql.startswith(f"{each_sql} ")):
            if by_name:
                return columns.quoted(alias or f"c{number}")
            return row if is_scalar and len(chosen) == 1 else f"{row}[{number}]"
    return None
