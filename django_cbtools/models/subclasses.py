"""Queries of a document class and its subclasses."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Any

from django.apps import apps
from django.db import NotSupportedError

from django_cbtools.sync_gateway.calls.client import parse_stored
from django_cbtools.sync_gateway.keyspaces import of_class

from .document import DOC_TYPE
from .sql import DocumentQuery


class SubclassesQuery(DocumentQuery):
    """A query of the documents of a class and its subclasses."""


def by_type(model: Any, keyspaces: Collection[str | None] | None = None) -> dict[str, Any]:
    """Return a class and its subclasses by doc_type, if they have documents (in ``keyspaces``). If
    two share a doc_type, the base is returned."""
    found: dict[str, Any] = {}
    known = set(apps.get_models())
    waiting = deque([model._meta.concrete_model])
    while waiting:
        cls = waiting.popleft()
        waiting.extend(cls.__subclasses__())
        is_there = keyspaces is None or of_class(cls) in keyspaces
        if cls in known and is_there and not cls._meta.proxy:
            found.setdefault(cls.type_name(), cls)
    return found


def keyspace_of(model: Any) -> str | None:
    """Return the keyspace of a class and its subclasses. Raise NotSupportedError if they have
    several."""
    found = {of_class(cls) for cls in by_type(model).values()} or {of_class(model)}
    if len(found) > 1:
        names = ", ".join(sorted(name or "_default._default" for name in found))
        raise NotSupportedError(
            f"{model._meta.label} and its subclasses have documents in several keyspaces: {names}. "
            "Query each class on its own."
        )
    return found.pop()


class AnyOf:
    """A stand-in for a model that makes instances of the class that the doc_type names."""

    def __init__(self, model: Any) -> None:
        self._by_type = by_type(model)

    def from_db(self, db: str | None, names: Any, values: Any, **kwargs: Any) -> Any:
        *_, body = values
        document = parse_stored(body) if isinstance(body, str) else body
        cls = self._by_type[document[DOC_TYPE]]
        return cls.from_db(db, names, values, **kwargs)
