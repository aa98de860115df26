"""Raw SQL queries of documents. The document tables that a query names are added to it."""

from __future__ import annotations

import re

from django_cbtools.models.base import CouchbaseModel

from . import columns
from .tables import document_subselect

_WITH = re.compile(r"\s*WITH(\s+RECURSIVE)?\b", re.IGNORECASE)


def with_documents(sql: str, has_params: bool) -> str:
    """Return the query, preceded by a common table expression for each document model's table in
    it.

    ``has_params`` says whether percent signs in the query are doubled, as Django's cursors expect
    if there are parameters.
    """
    named = (sql.replace("%%", "%") if has_params else sql).replace('""', '"').lower()
    given = []
    for table in CouchbaseModel.tables:
        if table.lower() in named:
            meant = f"{columns.quoted(table)} AS NOT MATERIALIZED ({document_subselect(table)})"
            given.append(meant.replace("%", "%%") if has_params else meant)
    if not given:
        return sql
    own = _WITH.match(sql)
    if own is None:
        return f"WITH {', '.join(given)} {sql}"
    return f"WITH{own[1] or ''} {', '.join(given)}, {sql[own.end() :]}"
