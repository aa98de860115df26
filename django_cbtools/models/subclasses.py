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
    """A class and its subclasses that have documents (in some keyspaces), by their doc_type; where
    two have the same one, the class that is inherited."""
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
    """The keyspace of a class and its subclasses; NotSupportedError where they are in several."""
    found = {of_class(cls) for cls in by_type(model).values()} or {of_class(model)}
    if len(found) > 1:
        names = ", ".join(sorted(name or "_default._default" for name in found))
        raise NotSupportedError(
            f"{model._meta.label} and its subclasses have documents in several keyspaces: {names}. "
            "Query each class on its own."
        )
    return found.pop()


class AnyOf:
    """Makes instances as a class does: each of the class that its doc_type says."""

    def __init__(self, model: Any) -> None:
        self._by_type = by_type(model)

    def from_db(self, db: str | None, names: Any, values: Any, **kwargs: Any) -> Any:
        *_, body = values
        document = parse_stored(body) if isinstance(body, str) else body
        cls = self._by_type[document[DOC_TYPE]]
        return cls.from_db(db, names, values, **kwargs)
