"""Raw SQL queries of documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import connections
from django.db.models import sql
from django.db.models.query import RawQuerySet

from django_cbtools.sync_gateway.documents.documents import batches

from .sql import DocumentQuery

#: The number of documents that are loaded at once if the SQL does not select whole documents.
_AT_ONCE = 500


class RawDocumentQuery(sql.RawQuery):
    """SQL in which the names of Django's tables stand for documents."""

    def clone(self, using: str) -> RawDocumentQuery:
        return RawDocumentQuery(self.sql, using, params=self.params)

    def _execute_query(self) -> None:
        DocumentQuery(None).get_compiler(self.using)  # it refuses aliases without documents
        written = self.sql
        operations: Any = connections[self.using].ops
        self.sql = operations.raw_document_sql(written, self.params is not None)
        try:
            super()._execute_query()  # type: ignore[misc]
        finally:
            self.sql = written


class RawDocuments(RawQuerySet):  # type: ignore[type-arg]
    """The documents that raw SQL selects. The SQL has to select their uids.

    Instances are made from whole documents, whatever else the SQL selects. Columns that belong to
    no field become attributes.
    """

    model: Any
    _db: str | None

    def __init__(self, raw_query: str, model: Any = None, query: Any = None, **kwargs: Any) -> None:
        super().__init__(raw_query, model, query, **kwargs)
        if query is None:
            self.query = RawDocumentQuery(raw_query, self.db, kwargs.get("params", ()))

    def using(self, alias: str | None) -> RawDocuments:
        clone: RawDocuments = self._clone()  # type: ignore[attr-defined]
        clone._db = alias
        clone.query = self.query.chain(using=clone.db)
        return clone

    def iterator(self) -> Iterator[Any]:
        rows = iter(self.query)
        try:
            if "uid" not in self.columns:
                raise FieldDoesNotExist("Raw query must include the primary key")
            of_document = [field.column for field in self.model.document_columns()]
            others = [
                (position, name)
                for position, name in enumerate(self.columns)
                if name not in self.model_fields and name not in of_document
            ]
            for batch in batches(rows, _AT_ONCE):
                for row, document in zip(batch, self._documents(batch, of_document), strict=True):
                    if document is None:
                        continue
                    instance = self.model.from_db(self.db, of_document, document)
                    for position, name in others:
                        setattr(instance, name, row[position])
                    yield instance
        finally:
            if self.query.cursor:
                self.query.cursor.close()

    def _documents(self, rows: list[Any], names: list[str]) -> list[Any]:
        """Return the values to make an instance of, for each row. None if a row's document does not
        exist."""
        if set(names).issubset(self.columns):
            positions = [self.columns.index(name) for name in names]
            return [[row[position] for position in positions] for row in rows]
        uids = [row[self.columns.index("uid")] for row in rows]
        query: Any = self.model._base_manager.using(self.db).filter(pk__in=uids).query
        found = {uid: (uid, *rest) for uid, *rest in query.get_compiler(self.db).results_iter()}
        return [found.get(uid) for uid in uids]
