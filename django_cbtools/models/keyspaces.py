"""Groups of documents by the keyspaces of their classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django_cbtools.sync_gateway.facade import gateway_of
from django_cbtools.sync_gateway.keyspaces import of_class


def grouped(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield lists of documents, one for each keyspace. Uids are in one list, as they have no
    keyspace."""
    groups: dict[str | None, list[Any]] = {}
    for item in items:
        keyspace = None if isinstance(item, str) else of_class(type(item))
        groups.setdefault(keyspace, []).append(item)
    yield from groups.values()


def rows_of(documents: Iterable[Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield each document with its row of ``bulk_get()``. This takes one request for each
    keyspace."""
    for some in grouped(documents):
        rows = gateway_of(type(some[0])).bulk_get([document.get_uid() for document in some])
        yield from zip(some, rows, strict=True)
