"""View queries: parses their parameters and selects the rows of an index."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from .. import gojson, javascript
from ..database import Database
from ..errors import GatewayError, bad_request
from . import collation
from .index import Index
from .reduces import Grouping, Range, Row, reduced_rows

#: How old (seconds) the rows of a query with ``stale=ok`` may be. Couchbase Server updates indexes
#: at this interval by itself.
AUTO_UPDATE_SECONDS = 5.0

_UNSET: Any = object()
#: The values of ``stale`` that allow old rows. Any other value means up-to-date rows.
_STALE = {
    "ok": "ok", "update_after": "update_after",
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), "ok"),
}  # fmt: skip


@dataclass(frozen=True)
class ViewQuery:
    """The validated parameters of a view query.

    ``group_level`` is 0 to reduce all rows to one, and None to group by whole keys.
    """

    startkey: Any = _UNSET
    endkey: Any = _UNSET
    keys: Sequence[Any] | None = None
    startkey_docid: str | None = None
    endkey_docid: str | None = None
    inclusive_end: bool = True
    descending: bool = False
    limit: int | None = None
    skip: int = 0
    reduce: bool = True
    group_level: int | None = 0
    stale: str = "update_after"

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> ViewQuery:
        """Parse the parameters of a query string.

        As on a real gateway, empty values are ignored, only "true" is true, and a value that is not
        a number counts as 0. Raises a 400 GatewayError for keys that are not valid JSON, and a 500
        GatewayError if ``limit`` is 0.
        """
        given = {name: value for name, value in params.items() if value}
        found: dict[str, Any] = {}
        for name in ("startkey", "endkey", "key", "keys"):
            if name in given:
                found[name] = gojson.unmarshal(given[name])
        if "key" in found:
            found["startkey"] = found["endkey"] = found.pop("key")
        if not isinstance(found.get("keys", []), list):
            raise bad_request("keys must be a list")
        for name in ("inclusive_end", "descending", "reduce"):
            if name in given:
                found[name] = given[name] == "true"
        for name in ("limit", "skip", "group_level"):
            if name in given:
                found[name] = _number(given[name])
        if found.get("limit") == 0:
            raise GatewayError(500, "Internal error: invalid limit parameter in view query: 0")
        if given.get("group") == "true" and not found.get("group_level"):
            found["group_level"] = None
        for name in ("startkey_docid", "endkey_docid"):
            if name in given:
                found[name] = given[name]
        if "stale" in given:
            found["stale"] = _STALE.get(given["stale"], "false")
        return cls(**found)


def _number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else 0


def run(index: Index, reduce: str | None, query: ViewQuery) -> list[Row]:
    """Return the rows that match a query, after updating the index if the query requires it.

    ``reduce`` is the view's reduce function, or None. Raises a GatewayError if a function fails, or
    if the parameters do not fit a view with a reduce function (400).
    """
    view, _, updated, _ = index.state()
    # If the time is in the future, the clock has been set back. Then the rows count as old.
    is_old = not 0 <= time.time() - updated <= AUTO_UPDATE_SECONDS
    if query.stale == "false" or not updated or (query.stale == "ok" and is_old):
        view = index.update()
    rows = list(_rows(index, view, reduce if query.reduce else None, query))
    if query.stale == "update_after":
        index.update()
    return rows


def _rows(index: Index, view: int, reduce: str | None, query: ViewQuery) -> Iterator[Row]:
    if reduce is not None and query.keys is not None and query.group_level == 0:
        raise bad_request("Multi-key fetches for a reduce view must include `group=true`")
    end = None if query.limit is None else query.skip + query.limit
    ranges = [
        Range(view, condition, params, query.descending)
        for condition, params in _conditions(index.database, query)
    ]
    rows: Iterator[Row]
    if reduce is None:
        rows = chain.from_iterable(_map_rows(index.database, found, end) for found in ranges)
    else:
        group = Grouping(query.group_level)
        rows = chain.from_iterable(reduced_rows(index, reduce, found, group) for found in ranges)
    return islice(rows, query.skip, end)


def _conditions(database: Database, query: ViewQuery) -> list[tuple[str, list[Any]]]:
    """Return SQL conditions and their parameters for the requested ranges of rows, in order."""
    if query.keys is not None:
        return [("sort_key = %s", [key]) for key in _sort_keys(database, query.keys)]
    bounds = [None if key is _UNSET else key for key in (query.startkey, query.endkey)]
    if query.startkey is _UNSET and query.endkey is _UNSET:
        return [("1", [])]
    start, end = _sort_keys(database, bounds)
    after, before = ("<=", ">") if query.descending else (">=", "<")
    before += "=" if query.inclusive_end else ""
    conditions: list[str] = []
    params: list[Any] = []
    for key, sort_key, docid, operator in (
        (query.startkey, start, query.startkey_docid, after),
        (query.endkey, end, query.endkey_docid, before),
    ):
        if key is not _UNSET:
            left, right = ("sort_key", "%s") if docid is None else ("(sort_key, uid)", "(%s, %s)")
            conditions.append(f"{left} {operator} {right}")
            params += [sort_key] if docid is None else [sort_key, docid]
    return [(" AND ".join(conditions), params)]


def _sort_keys(database: Database, keys: Sequence[Any]) -> list[str]:
    if not keys:
        return []
    with javascript.engine() as engine:
        return collation.bounds(engine, database, list(keys))


def _map_rows(database: Database, found: Range, limit: int | None) -> Iterator[Row]:
    return map(
        Row._make,
        database.rows(
            f"SELECT uid, key, value FROM cbtools_view_rows WHERE {found.where} "
            f"ORDER BY {found.order} LIMIT %s",
            [*found.params, -1 if limit is None else limit],
        ),
    )
