"""Indexes on fields of documents: on the very expressions that queries are compiled to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django_cbtools.models.indexes import Declared, IndexChange


def changes(connection: Any, declared: Iterable[Declared]) -> Iterator[IndexChange]:
    raise NotImplementedError
