"""Document models as tables: a subselect of the gateway's documents for each."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from django_cbtools import conf
from django_cbtools.embedded import canonical
from django_cbtools.models import values
from django_cbtools.models.base import CouchbaseModel

_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class DocumentTable(str):
    """Stands where Django has the name of a document model's table.

    It equals the table's alias, so that Django writes none behind it: it is in the SQL.
    """

    sql: str


def document_table(name: str, alias: str) -> DocumentTable | None:
    """The table of that name, under an alias; None where it is no document model's."""
    subselect = document_subselect(name)
    if subselect is None:
        return None
    table = DocumentTable(alias)
    table.sql = f"({subselect}) {values.quoted(alias)}".replace("%", "%%")
    return table


def document_subselect(name: str) -> str | None:
    """What stands for a document model's table; None where it is another's."""
    model = CouchbaseModel.tables.get(name)
    return model and _subselect(model, conf.get("SYNC_GATEWAY_BUCKET"))


@lru_cache(maxsize=1000)
def _subselect(model: type[CouchbaseModel], keyspace: str) -> str:
    fields: list[Any] = [*model._meta.concrete_fields, model.document_column]
    columns = [f"{values.column_sql(field)} AS {values.quoted(field.column)}" for field in fields]
    for field in fields:
        for name, sql in values.exact_columns(field).items():
            columns.append(f"{sql} AS {values.quoted(name)}")
    return (
        f"SELECT {', '.join(columns)} FROM cbtools_documents "
        f"WHERE {_most('keyspace', keyspace)} AND deleted = 0 "
        "AND (expires IS NULL OR expires > unixepoch()) "
        f"AND {_most('doc_type', model.type_name())}"
    )


def _most(column: str, value: str) -> str:
    """That a column has a value, as most rows do.

    SQLite takes what an index begins with for selective unless it is told; so the index of
    ``doc_type`` would seem better than one of a field.
    """
    return f"likelihood({column} = {values.literal(value)}, 0.99)"


def document_path(path: str) -> str:
    """A JSON path of Django's with its keys as they are written in stored documents."""
    return _JSON_STRING.sub(lambda key: canonical.dumps(json.loads(key[0])), path)
