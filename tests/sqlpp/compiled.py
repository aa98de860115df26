"""Queries of documents, compiled to SQL++ while the embedded backend answers them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connections

from django_cbtools.backends.couchbase import base, cursor
from django_cbtools.backends.embedded import compiler
from django_cbtools.models.sql import DocumentQuery

from . import recorder

#: Statements and their arguments, as JSON in which what varies is left out.
Statements = list[str]


@cache
def recorded() -> dict[str, Statements]:
    """What each test of the ORM's suite asks, as it has been recorded."""
    found: dict[str, Statements] = defaultdict(list)
    for entry in recorder.entries():
        if "test" in entry:
            found[entry["test"]].append(_line(entry["statement"], entry["args"]))
    return {test: sorted(lines) for test, lines in found.items()}


@contextmanager
def collecting() -> Iterator[Statements]:
    """Collect what is asked within this, as SQL++ would ask it."""
    settings = {**connections["default"].settings_dict, "NAME": "test_documents"}
    wrapper = base.DatabaseWrapper(settings, "default")
    found: Statements = []
    own = compiler.SQLCompiler.execute_sql

    def execute_sql(self: Any, *args: Any, **kwargs: Any) -> Any:
        query: Any = self.query
        if isinstance(getattr(query, "inner_query", query), DocumentQuery):
            make = wrapper.ops.compiler(query.compiler)
            twin = make(query.clone(), wrapper, None, self.elide_empty)
            try:
                sql, params = twin.as_sql()
            except (EmptyResultSet, FullResultSet):
                pass  # nobody is asked
            else:
                found.append(_line(*cursor.positional(sql, params)))
        return own(self, *args, **kwargs)

    with patch.object(compiler.SQLCompiler, "execute_sql", execute_sql):
        yield found


def _line(statement: str, args: Any) -> str:
    return json.dumps(recorder.masked([statement, args]), ensure_ascii=False)
