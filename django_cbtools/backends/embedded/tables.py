"""Tables of document models: a subquery of the gateway's documents for each."""

from __future__ import annotations

import json
import re
import secrets
from functools import lru_cache
from typing import Any

from django_cbtools import canonical, conf
from django_cbtools.models.base import CouchbaseModel
from django_cbtools.sync_gateway.keyspaces import of_class

from . import columns

#: The prefix of stand-ins for tables until the statement is compiled. Nobody can guess it.
_PLACE = f"documents_{secrets.token_hex(16)}_"
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class DocumentTable(str):
    """A stand-in for the name of a document model's table.

    It equals the table's alias, so that Django does not write the alias after it. The SQL contains
    the alias.
    """

    sql: str


class Statement:
    """A statement that is being compiled. A document's table in it has only the columns that the
    statement uses. They are known when all of it has been compiled."""

    def __init__(self) -> None:
        self._columns: dict[str | None, set[str]] = {}
        self._tables: dict[str, tuple[str, str, tuple[str, ...], str | None]] = {}
        self._asks_all = False

    def ask(self, alias: str | None, column: str) -> None:
        """Record that the statement uses a column of the table with this alias."""
        self._columns.setdefault(alias, set()).add(column)

    def ask_all(self) -> None:
        """Record that the statement may use any column."""
        self._asks_all = True

    def table(
        self, name: str, alias: str, types: tuple[str, ...], keyspace: str | None
    ) -> DocumentTable:
        """Return a stand-in for a document model's table with these doc_types, which
        :meth:`written` replaces."""
        table = DocumentTable(alias)
        table.sql = f"{_PLACE}{len(self._tables)};"
        self._tables[table.sql] = name, alias, types, keyspace
        return table

    def written(self, sql: str) -> str:
        """Return the statement with its tables filled in."""
        for place, (name, alias, types, keyspace) in self._tables.items():
            names = None if self._asks_all else frozenset(self._columns.get(alias, ()))
            subselect = _subselect(CouchbaseModel.tables[name], _place(keyspace), names, types)
            table = f"({subselect}) {columns.quoted(alias)}".replace("%", "%%")
            sql = sql.replace(place, table)
        return sql


def is_document_table(name: str) -> bool:
    return name in CouchbaseModel.tables


def document_subselect(name: str) -> str:
    """Return the subquery that represents a document model's table, with all of its columns."""
    model = CouchbaseModel.tables[name]
    return _subselect(model, _place(of_class(model)), None, (model.type_name(),))


def _place(keyspace: str | None) -> str:
    """Return the name of a keyspace in the gateway's tables."""
    bucket: str = conf.get("SYNC_GATEWAY_BUCKET")
    return bucket if keyspace is None else f"{bucket}.{keyspace}"


@lru_cache(maxsize=1000)
def _subselect(
    model: type[CouchbaseModel],
    keyspace: str,
    names: frozenset[str] | None,
    types: tuple[str, ...],
) -> str:
    fields: list[Any] = [*model._meta.concrete_fields, model.document_column]
    found = {field.column: columns.column_sql(field) for field in fields}
    for field in fields:
        found |= columns.exact_columns(field)
    chosen = [
        f"{sql} AS {columns.quoted(name)}"
        for name, sql in found.items()
        if names is None or name in names
    ]
    return (
        f"SELECT {', '.join(chosen) or 'uid'} FROM cbtools_documents "
        f"WHERE {_most('keyspace', keyspace)} AND deleted = 0 "
        "AND (expires IS NULL OR expires > unixepoch()) "
        f"AND {_most('doc_type', *types)}"
    )


def _most(column: str, *found: str) -> str:
    """Return a condition that a column has one of the values, with a hint that most rows fulfil it.

    Without the hint, SQLite takes the first column of an index for selective. Then the index of
    ``doc_type`` would seem better than that of a field.
    """
    of = [columns.literal(value) for value in found]
    condition = f"{column} = {of[0]}" if len(of) == 1 else f"{column} IN ({', '.join(of)})"
    return f"likelihood({condition}, 0.99)"


def document_path(path: str) -> str:
    """Return Django's JSON path with its keys in the notation of stored documents."""
    return _JSON_STRING.sub(lambda key: canonical.dumps(json.loads(key[0])), path)
