"""The rows of a response."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from itertools import chain
from types import TracebackType
from typing import Any


class Rows(Iterator[Any]):
    """An iterator of a response's rows, which are parsed while they arrive.

    It raises the exceptions of :mod:`.errors`. A response that fails or is cut ends with one.
    Closing it ends the request.
    """

    def __init__(self, source: Generator[Any], members: Mapping[str, Any]) -> None:
        """Read the first row of ``source``. ``members`` has the other members of the response after
        ``source`` has ended."""
        self._source = source
        self._members = members
        self._rows = chain([*self._first()], source)

    def _first(self) -> Iterator[Any]:
        for row in self._source:
            yield row
            return

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def __next__(self) -> Any:
        return next(self._rows)

    def __enter__(self) -> Rows:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the request. There are no more rows then."""
        self._rows = chain()
        self._source.close()

    @property
    def warnings(self) -> list[Any]:
        """The service's warnings, objects with ``code`` and ``msg``. They are complete after the
        last row."""
        return list(self._members.get("warnings") or ())

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The service's ``metrics``, such as mutationCount. They are complete after the last
        row."""
        return dict(self._members.get("metrics") or {})
