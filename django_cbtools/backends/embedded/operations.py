"""The parts of Django's SQL that differ for documents."""

from __future__ import annotations

import decimal
import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.color import Style
from django.db.backends.sqlite3 import operations
from django.db.models.expressions import Col

from django_cbtools import canonical
from django_cbtools.embedded import schema


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "django_cbtools.backends.embedded.compiler"
    #: The attribute by which documents recognize a database that can query them.
    reads_documents = True

    def quote_name(self, name: str) -> str:
        """Quote a name as Django does, and double the quotes in it, which Django leaves as they
        are."""
        quoted: str = super().quote_name(name)
        return quoted if quoted is name else '"' + name.replace('"', '""') + '"'

    def sql_flush(
        self,
        style: Style,
        tables: Sequence[str],
        *,
        reset_sequences: bool = False,
        allow_cascade: bool = False,
    ) -> list[str]:
        """Return Django's statements, then those that empty the gateway's tables among ``tables``,
        in their own order."""
        ordinary = [table for table in tables if table not in schema.TABLES]
        flush: list[str] = super().sql_flush(
            style, ordinary, reset_sequences=reset_sequences, allow_cascade=allow_cascade
        )
        gateways = [table for table in schema.TABLES if table in tables]
        return flush + [f"DELETE FROM {self.quote_name(table)};" for table in gateways]

    def adapt_document_json(self, value: Any, encoder: type[json.JSONEncoder] | None) -> str:
        """Return a value as JSON text in the notation of stored documents."""
        return canonical.dumps(json.loads(json.dumps(value, cls=encoder)))

    def raw_document_sql(self, sql: str, has_params: bool) -> str:
        """Return SQL with definitions of the document models' tables that it names."""
        from .raw import with_documents  # it needs models, and the first model loads this module

        return with_documents(sql, has_params)

    def document_index_changes(self, declared: Iterable[Any]) -> list[Any]:
        """Return the steps that create the indexes that documents declare and drop all others."""
        from .indexes import changes  # it needs models, and the first model loads this module

        return list(changes(self.connection, declared))

    def get_decimalfield_converter(self, expression: Any) -> Any:
        """Return Django's converter, extended for documents with more digits than the field
        allows."""
        converter = super().get_decimalfield_converter(expression)

        def convert(value: Any, expression: Any, connection: Any) -> Any:
            if isinstance(value, str):  # it is shown exactly
                return decimal.Decimal(value)
            try:
                return converter(value, expression, connection)
            except decimal.InvalidOperation:
                return decimal.Decimal(repr(value))

        return convert

    def conditional_expression_supported_in_where_clause(self, expression: Any) -> bool:
        """Return whether the expression may be a condition by itself. Booleans of documents may
        not: they are compared (``st_deleted = 0``), since no index serves ``NOT x``."""
        # The first model that is defined loads this module.
        from django_cbtools.models.base import CouchbaseModel

        if isinstance(expression, Col) and issubclass(expression.target.model, CouchbaseModel):
            return False
        return bool(super().conditional_expression_supported_in_where_clause(expression))
