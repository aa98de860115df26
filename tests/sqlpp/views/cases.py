"""What is asked of views by SQL++, recorded with the rows that a query service gave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import connections

from django_cbtools.backends.couchbase import base
from tests.sqlpp import recorder

from .random_views import Random

VIEWS, QUERIES = 10, 4


class Case(NamedTuple):
    """A view (its ``map``, and its ``reduce`` or ''), and what is asked of it."""

    view: dict[str, str]
    query: dict[str, Any]


def recorded() -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Documents, and the entries of what has been asked over them."""
    bodies: dict[str, Any] = {}
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in recorder.entries(recorder.VIEWS_FILE):
        if "bodies" in entry:
            bodies[entry["documents"]] = entry["bodies"]
        else:
            found.setdefault(entry["documents"], []).append(entry)
    for digest, entries in found.items():
        yield bodies[digest], entries


def random_views(random: Random) -> list[dict[str, str]]:
    reduces = ["", "", "_count", "_sum", "_stats"]
    return [{"map": random.map(), "reduce": random.choice(reduces)} for _ in range(VIEWS)]


class Answers:
    """A query service that answers what has been recorded."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self._rows = {
            json.dumps([entry["statement"], entry["args"]]): entry["rows"] for entry in entries
        }

    def query(self, statement: str, args: Any, **how: Any) -> list[Any]:
        rows: list[Any] = self._rows[json.dumps([statement, args])]
        return rows


class Recording:
    """A query service that writes down what it is asked."""

    def __init__(self, service: Any) -> None:
        self.entries: list[dict[str, Any]] = []
        self._service = service

    def query(self, statement: str, args: Any, **how: Any) -> list[Any]:
        rows = list(self._service.query(statement, args, **how))
        self.entries.append({"statement": statement, "args": list(args), "rows": rows})
        return rows


def wrapper(host: str, **entry: Any) -> base.DatabaseWrapper:
    """The backend's connection to a query service."""
    login = {"NAME": "test_documents", "USER": "tests", "PASSWORD": "tests", "OPTIONS": {}}
    settings = {**connections["default"].settings_dict, "HOST": host, **login, **entry}
    return base.DatabaseWrapper(settings, "default")
