"""Queries of documents, below QuerySets: where they can be asked."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.models import sql

from django_cbtools import conf


class DocumentQuery(sql.Query):
    """A query that can only be asked where documents are."""

    def get_compiler(
        self, using: str | None = None, connection: Any = None, elide_empty: bool = True
    ) -> Any:
        asked = connection or connections[using or conf.document_alias()]
        # Another alias may be able to hold documents, but they would be others.
        if not hasattr(asked.ops, "reads_documents") or asked.alias != conf.document_alias():
            raise ImproperlyConfigured(
                f"Documents cannot be queried in {asked.alias!r}. They are in "
                f"{conf.document_alias()!r}, whose ENGINE has to be {conf.EMBEDDED_ENGINE!r}; "
                "where that is not 'default', set DATABASE_ROUTERS = "
                "['django_cbtools.routers.DocumentRouter']. Without an ORM for them, documents are "
                "loaded by uid or by views."
            )
        conf.uses_embedded_gateway()  # it refuses settings that contradict each other
        return super().get_compiler(using, connection, elide_empty)
