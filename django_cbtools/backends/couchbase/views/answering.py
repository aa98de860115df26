"""Queries the query service for the rows of a view."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from django.db import DatabaseError, OperationalError

from django_cbtools.exceptions import (
    SyncGatewayBadRequest,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)
from django_cbtools.query_service.options import NOT_BOUNDED, REQUEST_PLUS
from django_cbtools.view_files import ViewFileError, design_documents
from django_cbtools.view_shapes import Unreadable, View, read_view

from .asked import Asked
from .narrowing import Narrowing
from .reduces import BUILT_IN, Partial, plain, reduced
from .rows import Row, chosen, order_of
from .statements import grouped, limited, statement


def view_rows(
    connection: Any, design: str, name: str, parameters: Mapping[str, Any], timeout: float | None
) -> list[Row]:
    """Return the rows of a view from the project's folders. ``parameters`` are those of a Query, as
    values.

    Raises SyncGatewayNotFound if no folder has the view, SyncGatewayBadRequest if SQL++ cannot
    answer it or the service refuses it, and SyncGatewayUnavailable if the service does not answer.
    """
    return answer(connection, f"{design}/{name}", find_view(design, name), parameters, timeout)


def answer(
    connection: Any, title: str, view: View, parameters: Mapping[str, Any], timeout: float | None
) -> list[Row]:
    """Return the rows of a view that has already been read. ``title`` is its name for messages. See
    :func:`view_rows`."""
    asked = Asked.of(parameters)
    reduce = view.reduce if asked.reduce else None
    _check_reduce(reduce, asked, title)
    narrow = Narrowing(asked)
    sql = statement(view, connection.ops.keyspace(connection), narrow)
    found: list[tuple[Row, Any]] = []
    if sql is not None and asked.limit != 0 and asked.keys != []:
        is_grouped = reduce is not None and not (asked.startkey_docid or asked.endkey_docid)
        if is_grouped:
            sql = grouped(sql)
        elif reduce is None and asked.limit is not None and narrow.is_exact:
            sql = limited(sql, asked.skip + asked.limit, asked.descending)
        is_old = parameters.get("stale") in ("ok", "update_after")
        how = {"scan_consistency": NOT_BOUNDED if is_old else REQUEST_PLUS, "timeout": timeout}
        rows = _ask(connection, title, sql, narrow.args, how)
        if is_grouped:
            found = [(Row("", _as_javascript(key), Partial(*each)), None) for key, each in rows]
        else:
            found = [_row(row, reduce) for row in rows]
    order = order_of((row for row, _ in found), asked).of
    groups = chosen(found, asked, order)
    if reduce is not None:
        level = asked.group_level
        groups = [list(reduced(rows, reduce, level, order, title)) for rows in groups]
    answered = list(chain.from_iterable(groups))[asked.skip :]
    return answered if asked.limit is None else answered[: asked.limit]


def _row(found: list[Any], reduce: str | None) -> tuple[Row, Any]:
    uid, key, value, place = found
    value = _as_javascript(value)
    return Row(uid, _as_javascript(key), value if reduce is None else Partial.of(value)), place


def find_view(design: str, name: str) -> View:
    """Return a view from the project's folders."""
    try:
        functions = design_documents().get(design, {"views": {}})["views"].get(name)
    except ViewFileError as error:
        raise SyncGatewayBadRequest(str(error), status=400) from error
    if functions is None:
        raise SyncGatewayNotFound(
            f"There is no view {design}/{name} in the project's folders couchbase_views. SQL++ "
            "answers the views that are there.",
            status=404,
        )
    try:
        return read_view(functions)
    except Unreadable as error:
        raise SyncGatewayBadRequest(
            f"SQL++ cannot answer view {design}/{name}: its map function has something in line "
            f"{error.line} that is not read, `{error.text}`: {error.why}. Ask a QuerySet instead, "
            "or write the function as docs/couchbase-server.rst says (Moving off views).",
            status=400,
        ) from error


def _check_reduce(reduce: str | None, asked: Asked, title: str) -> None:
    if reduce is None:
        return
    if reduce not in BUILT_IN:
        raise SyncGatewayBadRequest(
            f"SQL++ cannot reduce view {title}: its reduce is a function of its own. It can where "
            f"that is {', '.join(BUILT_IN)}. Ask with reduce=False, and reduce the rows.",
            status=400,
        )
    if asked.keys is not None and asked.group_level == 0:
        raise SyncGatewayBadRequest(
            "Multi-key fetches for a reduce view must include `group=true`", status=400
        )


def _ask(connection: Any, title: str, sql: str, args: list[Any], how: dict[str, Any]) -> list[Any]:
    connection.ensure_connection()
    try:
        with connection.wrap_database_errors:
            return list(connection.connection.query(sql, args, **how))
    except DatabaseError as error:
        is_down = isinstance(error, OperationalError)
        raise (SyncGatewayUnavailable if is_down else SyncGatewayBadRequest)(
            f"View {title}, asked by SQL++: {error}"
        ) from error


def _as_javascript(value: Any) -> Any:
    """Return the value with its numbers as doubles, as JavaScript has them."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= 2**53 else plain(float(value))
    if isinstance(value, float):
        return plain(value)
    if isinstance(value, list):
        return [_as_javascript(each) for each in value]
    if isinstance(value, dict):
        return {name: _as_javascript(each) for name, each in value.items()}
    return value
