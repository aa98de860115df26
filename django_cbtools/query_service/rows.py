"""The rows of an answer."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from itertools import chain
from types import TracebackType
from typing import Any


class Rows(Iterator[Any]):
    """The rows of an answer, parsed while they arrive: an iterator of JSON's values.

    It raises the exceptions of :mod:`.errors`; an answer that fails, or is cut, ends with one.
    Who does not want the rest closes it, which ends the request.
    """

    def __init__(self, source: Generator[Any], members: Mapping[str, Any]) -> None:
        """``source`` gives the rows, the first of which is asked for now; ``members`` are what
        the answer has besides, when ``source`` has ended."""
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
        """End the request; there are no more rows."""
        self._rows = chain()
        self._source.close()

    @property
    def warnings(self) -> list[Any]:
        """The service's warnings, objects with ``code`` and ``msg``. They are complete after the
        last row."""
        return list(self._members.get("warnings") or ())

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The service's ``metrics``, such as mutationCount; when the rows are over."""
        return dict(self._members.get("metrics") or {})
