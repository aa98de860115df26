"""Introspection of the tables in the database."""

from __future__ import annotations

from typing import Any

from django.db.backends.sqlite3 import introspection

from django_cbtools.embedded import schema


class DatabaseIntrospection(introspection.DatabaseIntrospection):
    def django_table_names(
        self, only_existing: bool = False, include_views: bool = True
    ) -> list[str]:
        """Return the tables that ``flush`` empties: Django's and the gateway's."""
        names: Any = super().django_table_names(only_existing, include_views)
        return [*names, *schema.TABLES]
