"""Document models as tables: a subselect of the gateway's documents for each."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django_cbtools import conf
from django_cbtools.models import values
from django_cbtools.models.base import CouchbaseModel


class DocumentTable(str):
    """Stands where Django has the name of a document model's table.

    It is no model's name, so that Django writes the alias behind it.
    """

    subselect: str


def document_table(name: str) -> DocumentTable | None:
    """The table of that name, None where it is no document model's."""
    model = CouchbaseModel.tables.get(name)
    if model is None:
        return None
    return _table(model, conf.get("SYNC_GATEWAY_BUCKET"))


@lru_cache(maxsize=1000)
def _table(model: type[CouchbaseModel], keyspace: str) -> DocumentTable:
    fields: list[Any] = [*model._meta.concrete_fields, model.document_column]
    columns = [f"{values.column_sql(field)} AS {values.quoted(field.column)}" for field in fields]
    table = DocumentTable("cbtools_documents")
    table.subselect = (
        f"(SELECT {', '.join(columns)} FROM cbtools_documents "
        f"WHERE keyspace = {values.literal(keyspace)} AND deleted = 0 "
        "AND (expires IS NULL OR expires > unixepoch()) "
        f"AND doc_type = {values.literal(model.type_name())})"
    ).replace("%", "%%")
    return table
