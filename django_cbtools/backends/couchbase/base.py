"""The database wrapper: connections to Couchbase Server's query service."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from django_cbtools import (
    installed,  # noqa: F401  (its check registers itself)
    query_service,
)

from . import database
from .client import DatabaseClient
from .creation import DatabaseCreation
from .cursor import Cursor
from .features import DatabaseFeatures
from .introspection import DatabaseIntrospection
from .operations import DatabaseOperations
from .schema import DatabaseSchemaEditor
from .validation import DatabaseValidation

_ESCAPED = r"REPLACE(REPLACE(REPLACE({}, '\\', '\\\\'), '%%', '\\%%'), '_', '\\_')"


class DatabaseWrapper(BaseDatabaseWrapper):
    """A connection to documents that are read by SQL++ and written through the gateway."""

    vendor = "couchbase"
    display_name = "Couchbase"
    Database = database
    SchemaEditorClass = DatabaseSchemaEditor
    client_class = DatabaseClient
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    introspection_class = DatabaseIntrospection
    ops_class = DatabaseOperations
    validation_class = DatabaseValidation

    data_types: dict[str, str] = {}
    operators = {
        "exact": "= %s",
        "iexact": "= LOWER(%s)",
        "contains": "LIKE %s",
        "icontains": "LIKE LOWER(%s)",
        "gt": "> %s",
        "gte": ">= %s",
        "lt": "< %s",
        "lte": "<= %s",
        "startswith": "LIKE %s",
        "istartswith": "LIKE LOWER(%s)",
        "endswith": "LIKE %s",
        "iendswith": "LIKE LOWER(%s)",
    }
    # A backslash is an escape in literals of SQL++, and the default escape of LIKE.
    pattern_esc = _ESCAPED
    pattern_ops = {
        "contains": "LIKE '%%' || {} || '%%'",
        "icontains": "LIKE '%%' || LOWER({}) || '%%'",
        "startswith": "LIKE {} || '%%'",
        "istartswith": "LIKE LOWER({}) || '%%'",
        "endswith": "LIKE '%%' || {}",
        "iendswith": "LIKE '%%' || LOWER({})",
    }

    #: The scan consistency of new cursors. None means the one in OPTIONS.
    scan_consistency: str | None = None

    def get_connection_params(self) -> dict[str, Any]:
        return self.settings_dict

    def get_new_connection(self, conn_params: Any) -> Any:
        return query_service.connect(conn_params)

    def _close(self) -> None:
        """Do nothing: all threads share the service and its connections."""

    def init_connection_state(self) -> None:
        """Do nothing: each request has its own options."""

    def create_cursor(self, name: str | None = None) -> Cursor:
        return Cursor(self.connection, self.scan_consistency)

    def _set_autocommit(self, autocommit: bool) -> None:
        """Do nothing: the service has no transactions, so each statement stands alone."""

    def _commit(self) -> None:
        """Do nothing; see :meth:`_set_autocommit`."""

    def _rollback(self) -> None:
        """Do nothing; see :meth:`_set_autocommit`."""

    # If a nested block fails, the outer one stays usable, as with savepoints.

    def _savepoint(self, sid: str) -> None:
        """Do nothing; see :meth:`_set_autocommit`."""

    def _savepoint_rollback(self, sid: str) -> None:
        """Do nothing; see :meth:`_set_autocommit`."""

    def _savepoint_commit(self, sid: str) -> None:
        """Do nothing; see :meth:`_set_autocommit`."""

    def is_usable(self) -> bool:
        return True

    def check_constraints(self, table_names: Any = None) -> None:
        """Do nothing: documents have no tables and no constraints."""
