"""Query plans, as EXPLAIN shows them, and advice about indexes to declare."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import OperationalError, models
from django.db.models.expressions import Col
from django.db.models.lookups import Exact, In
from django.db.models.sql.datastructures import Join

from django_cbtools.backends.compiling import DocumentCompiler
from django_cbtools.query_service import codes
from django_cbtools.query_service.errors import Error, shortened
from django_cbtools.query_service.options import NOT_BOUNDED, REQUEST_PLUS

from .cursor import positional

logger = logging.getLogger("django_cbtools.backends")

#: Under these names an operator of a plan has others.
_CHILDREN = ("scan", "scans", "~child", "~children", "~subqueries", "first", "second")
#: They say nothing of how rows are found.
_PLUMBING = frozenset(("Sequence", "Parallel", "Authorize", "Stream", "InitialProject"))
#: The members of an operator that a line shows besides its name, and whether with their value.
_SAID = {
    "index": True, "as": True, "alias": True, "covers": False, "index_order": False, "limit": True,
    "index_group_aggs": False, "filter": True, "condition": True, "on_keys": True,
    "on_clause": True,
}  # fmt: skip
_NAMES = {
    "covers": "covers the query", "index_order": "in the query's order",
    "index_group_aggs": "groups in the index",
}  # fmt: skip


class PlannedCompiler(DocumentCompiler):
    """A compiler that explains queries, and that helps if no index, or a bad one, serves a
    query."""

    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        """Execute the query as Django does. If no index serves it, the error tells which one
        would."""
        query: Any = self.query
        connection: Any = self.connection
        before = connection.scan_consistency
        connection.scan_consistency = _scan_consistency(query)
        try:
            found = super().execute_sql(*args, **kwargs)
        except OperationalError as error:
            if getattr(error.__cause__, "code", None) not in codes.NO_INDEX:
                raise
            text = f"{error}\n{advice(self)}"
            raise OperationalError(text.rstrip()) from error.__cause__
        finally:
            connection.scan_consistency = before
        if settings.DEBUG and not query.explain_info:
            with suppress(EmptyResultSet):
                warn(self, positional(*self.as_sql())[0])
        return found

    def explain_query(self) -> Iterator[str]:
        """Yield the plan, a line for each operator. With format="json", yield it as the service
        returns it."""
        query: Any = self.query
        for rows in self.execute_sql():
            for (found,) in rows:
                if query.explain_info.format:
                    yield json.dumps(found, indent=2)
                else:
                    yield from shown(found["plan"])


def _scan_consistency(query: Any) -> str | None:
    """Return the scan consistency of a statement: the strictest that the query or a part of it asks
    for."""
    inner = getattr(query, "inner_query", None)
    parts = [*query.combined_queries, *([] if inner is None else [inner])]
    asked = {getattr(query, "scan_consistency", None), *map(_scan_consistency, parts)}
    return next((each for each in (REQUEST_PLUS, NOT_BOUNDED) if each in asked), None)


def shown(operator: Any, depth: int = 0) -> Iterator[str]:
    """Yield the lines of a plan, one for each operator, indented by depth."""
    name = operator.get("#operator")
    if name is not None and name not in _PLUMBING:
        said = [
            f"{_NAMES.get(key, key)}{f' {operator[key]}' if has_value else ''}"
            for key, has_value in _SAID.items()
            if operator.get(key)
        ]
        said += [f"where {' or '.join(_ranges(operator['spans']))}"] if "spans" in operator else []
        yield "  " * depth + ", ".join([name, *said])
        depth += 1
    for child in _children(operator):
        yield from shown(child, depth)


def _children(operator: Any) -> Iterator[Any]:
    for key in _CHILDREN:
        found = operator.get(key) or ()
        for child in found if isinstance(found, (list, tuple)) else [found]:
            if isinstance(child, dict):
                # A subquery has its plan within.
                yield child.get("plan", child)


def _ranges(spans: Any) -> Iterator[str]:
    for span in spans:
        conditions = []
        for each in span.get("range", ()):
            key, low, high = each.get("index_key", "key"), each.get("low"), each.get("high")
            if low is not None and low == high:
                conditions.append(f"{key} = {low}")
            elif low is not None or high is not None:
                conditions.append(f"{low or ''} .. {key} .. {high or ''}")
        yield " and ".join(conditions) or "all of it"


def scans_everything(operator: Any) -> bool:
    """Return whether a plan searches all documents of a keyspace."""
    is_scan = str(operator.get("#operator")).startswith("PrimaryScan") or _is_of_keys(operator)
    if is_scan and operator.get("namespace") != "#system":
        return True
    return any(map(scans_everything, _children(operator)))


def _is_of_keys(operator: Any) -> bool:
    """Return whether an operator scans all keys apart from the gateway's own. These are two ranges
    of a primary index, which has no ``index_key``."""
    ranges = [each for span in operator.get("spans", ()) for each in span.get("range", ())]
    return bool(ranges) and not any("index_key" in each for each in ranges)


@lru_cache(maxsize=1000)
def _looked_at(service: Any, statement: str) -> Iterator[bool]:
    """Return an iterator with True if a statement scans a whole keyspace. It is cached, so that the
    caller finds True only once."""
    try:
        found = list(service.query(f"EXPLAIN {statement}", prepared=False))
    except Error as error:
        logger.debug("There is no plan: %s", error)
        found = []
    return iter([True] if any(scans_everything(each["plan"]) for each in found) else [])


def warn(compiler: Any, statement: str) -> None:
    """Log a warning about a query without an index, once for each statement."""
    if next(_looked_at(compiler.connection.connection, statement), False):
        logger.warning(
            "A query looks for documents among all that the bucket has. %sThen run `manage.py "
            "create_cb_indexes`. The statement: %s", advice(compiler), shortened(statement),
        )  # fmt: skip


def advice(compiler: Any) -> str:
    """Return advice about the indexes that would serve a query: those of the fields that it
    compares and is ordered by.

    It is empty if an index cannot contain anything that the query compares.
    """
    equal: dict[Any, list[str]] = {}
    other: dict[Any, list[str]] = {}
    query = compiler.query
    for node in _lookups(compiler.where or query.where):
        _note(equal if isinstance(node, (Exact, In)) else other, node.lhs)
    for table in query.alias_map.values():
        if isinstance(table, Join) and query.alias_refcount[table.table_alias]:
            joined: Any = table
            for _, right in joined.join_fields:
                _note(equal, right.get_col(table.table_alias))
    for expression, _ in compiler.get_order_by() if not query.combinator else ():
        _note(other, expression.expression, "-" if expression.descending else "")
    found = []
    for key in {**equal, **other}:
        model = key[0]
        names = list(dict.fromkeys([*equal.get(key, ()), *other.get(key, ())]))
        names = [name for name in names if name.lstrip("-") not in names or name[0] != "-"]
        found.append(
            f"Declare models.Index(fields={names!r}) in the Meta of {model._meta.label}, or in "
            "COUCHBASE_INDEXES. "
        )
    return "".join(found)


def _note(names: dict[Any, list[str]], expression: Any, sign: str = "") -> None:
    if not isinstance(expression, Col):
        return
    field: models.Field[Any, Any] = expression.target
    if field.name not in ("uid", "st_deleted", "rev", "extra", "_document"):
        key = (field.model, expression.alias)
        names.setdefault(key, []).append(sign + field.name)


def _lookups(node: Any) -> Iterator[Any]:
    for child in getattr(node, "children", ()):
        yield from _lookups(child)
    if hasattr(node, "lhs"):
        yield node
