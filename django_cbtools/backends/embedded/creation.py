"""Test databases."""

from __future__ import annotations

import base64
import json
from typing import Any

from django.db import transaction
from django.db.backends.sqlite3 import creation

from django_cbtools.embedded import schema


class DatabaseCreation(creation.DatabaseCreation):
    """Creates and copies test databases.

    Copies for parallel tests are copies of the file, so nothing may be left in the write-ahead log.
    ``serialized_rollback`` also restores the gateway's tables: documents with their revisions,
    users, views, attachments.
    """

    def _clone_test_db(self, suffix: str, verbosity: int, keepdb: bool = False) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        super()._clone_test_db(suffix, verbosity, keepdb)  # type: ignore[misc]

    def setup_worker_connection(self, _worker_id: int) -> None:
        """Set up the connection of a test process as Django does, except for the gateway of a test
        run. That is a mirror of itself and has no clones: each process makes its own
        (:mod:`django_cbtools.test_runs`)."""
        if self.connection.settings_dict["TEST"]["MIRROR"] != self.connection.alias:
            super().setup_worker_connection(_worker_id)

    def serialize_db_to_string(self) -> str:
        gateway = {table: self._rows(table) for table in schema.TABLES}
        return json.dumps([super().serialize_db_to_string(), gateway], default=_binary)

    def deserialize_db_from_string(self, data: str) -> None:
        rows, gateway = json.loads(data)
        super().deserialize_db_from_string(rows)
        with transaction.atomic(using=self.connection.alias):
            for table in reversed(schema.TABLES):
                self._restore(table, gateway[table])

    def _rows(self, table: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(self._columns(table))} FROM {table}")
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _restore(self, table: str, rows: list[list[Any]]) -> None:
        columns = self._columns(table)
        places = ", ".join(["%s"] * len(columns))
        with self.connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table}")
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",
                [[_value(value) for value in row] for row in rows],
            )

    def _columns(self, table: str) -> list[str]:
        """Return the columns of a table that are not computed."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"PRAGMA table_info({table})")
            return [name for _, name, *_ in cursor.fetchall()]


def _binary(value: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(value).decode()}


def _value(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value
