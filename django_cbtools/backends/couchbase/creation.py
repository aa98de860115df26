"""Test databases, none of which is created at Couchbase Server.

While tests run, an embedded gateway replaces the real one, and documents are queried there
(:mod:`django_cbtools.test_runs`).
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.creation import BaseDatabaseCreation


class DatabaseCreation(BaseDatabaseCreation):
    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        return str(self.connection.settings_dict["NAME"])

    def destroy_test_db(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: no database was created."""

    def clone_test_db(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: all processes query the same database."""

    def setup_worker_connection(self, _worker_id: int) -> None:
        """Do nothing; see :meth:`clone_test_db`."""
