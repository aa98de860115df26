"""A DB-API cursor over the rows that the query service streams."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any


class Cursor:
    """Executes statements whose rows are arrays; ``%s`` in them is a parameter.

    Equal parameters have one number: the service compares grouped expressions by their text.
    """

    arraysize = 1
    description: Any = None
    rowcount = -1
    lastrowid = None

    def __init__(self, service: Any, scan_consistency: str | None = None) -> None:
        self._service = service
        self._scan_consistency = scan_consistency
        self._rows: Any = None

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> Cursor:
        self._end()
        arguments: list[Any] = []
        if params is not None:
            sql, arguments = positional(sql, params)
        self._rows = self._service.query(
            sql, arguments, readonly=not _changes(sql), scan_consistency=self._scan_consistency
        )
        if _changes(sql):
            for _ in self._rows:
                """Its errors come with its end."""
        return self

    def executemany(self, sql: str, param_list: Sequence[Sequence[Any]]) -> None:
        for params in param_list:
            self.execute(sql, params)

    def fetchone(self) -> Any:
        return next(iter(self), None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return list(islice(self, size or self.arraysize))

    def fetchall(self) -> list[Any]:
        return list(self)

    def __iter__(self) -> Iterator[Any]:
        for row in self._rows or ():
            yield tuple(row) if isinstance(row, list) else (row,)

    def close(self) -> None:
        self._end()

    def _end(self) -> None:
        rows, self._rows = self._rows, None
        if rows is not None and hasattr(rows, "close"):
            rows.close()


def positional(sql: str, params: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return a statement with ``$1``, ``$2`` and so on in place of ``%s``, and the values of
    these."""
    arguments: list[Any] = []
    numbers: dict[Any, int] = {}
    places = []
    for param in params:
        if isinstance(param, float) and not math.isfinite(param):
            # JSON has no such numbers, but SQL++ has.
            places.append("NULL" if math.isnan(param) else "1e999" if param > 0 else "-1e999")
            continue
        key = repr(param) if isinstance(param, (list, dict)) else (type(param), param)
        if key not in numbers:
            arguments.append(param)
            numbers[key] = len(arguments)
        places.append(f"${numbers[key]}")
    return sql % tuple(places), arguments


def _changes(sql: str) -> bool:
    return not sql.lstrip(" (").upper().startswith(("SELECT", "EXPLAIN", "WITH", "INFER"))
