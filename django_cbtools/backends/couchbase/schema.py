"""The schema editor, which does nothing: documents have no tables, and migrations skip this
database."""

from __future__ import annotations

from typing import Any

from django.db import NotSupportedError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class DatabaseSchemaEditor(BaseDatabaseSchemaEditor):
    def execute(self, sql: Any, params: Any = ()) -> None:
        raise NotSupportedError(
            f"The database {self.connection.alias!r} has documents alone, and no tables. Set "
            "DATABASE_ROUTERS = ['django_cbtools.routers.DocumentRouter'], so that ordinary models "
            "go to another database."
        )
