"""What SQL looks like where documents are concerned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.color import Style
from django.db.backends.sqlite3 import operations
from django.db.models.expressions import Col

from django_cbtools.embedded import schema


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "django_cbtools.backends.embedded.compiler"
    #: By this, documents know that they can be queried here.
    reads_documents = True

    def sql_flush(
        self,
        style: Style,
        tables: Sequence[str],
        *,
        reset_sequences: bool = False,
        allow_cascade: bool = False,
    ) -> list[str]:
        """Emptying the database empties the gateway too."""
        flush: list[str] = super().sql_flush(
            style, tables, reset_sequences=reset_sequences, allow_cascade=allow_cascade
        )
        return flush + [f"DELETE FROM {table};" for table in schema.TABLES]

    def conditional_expression_supported_in_where_clause(self, expression: Any) -> bool:
        """Booleans of documents are compared (``st_deleted = 0``): no index serves ``NOT x``."""
        # The first model that is defined loads this module.
        from django_cbtools.models.base import CouchbaseModel

        if isinstance(expression, Col) and issubclass(expression.target.model, CouchbaseModel):
            return False
        return bool(super().conditional_expression_supported_in_where_clause(expression))
