"""Documents of several classes, by what they inherit: a query of a class and its subclasses."""

from __future__ import annotations

from collections import deque
from typing import Any

from django.apps import apps

from django_cbtools.sync_gateway.calls.client import parse_stored

from .document import DOC_TYPE
from .sql import DocumentQuery


class SubclassesQuery(DocumentQuery):
    """A query of the documents of a class and its subclasses."""


def by_type(model: Any) -> dict[str, Any]:
    """A class and its subclasses that have documents, by their doc_type; where two have the same
    one, the class that is inherited."""
    found: dict[str, Any] = {}
    known = set(apps.get_models())
    waiting = deque([model._meta.concrete_model])
    while waiting:
        cls = waiting.popleft()
        waiting.extend(cls.__subclasses__())
        if cls in known and not cls._meta.proxy:
            found.setdefault(cls.type_name(), cls)
    return found


class AnyOf:
    """Makes instances as a class does: each of the class that its doc_type says."""

    def __init__(self, model: Any) -> None:
        self._by_type = by_type(model)

    def from_db(self, db: str | None, names: Any, values: Any, **kwargs: Any) -> Any:
        *_, body = values
        document = parse_stored(body) if isinstance(body, str) else body
        cls = self._by_type[document[DOC_TYPE]]
        return cls.from_db(db, names, values, **kwargs)
