"""Test databases: none is made at Couchbase Server.

While tests run, an embedded gateway stands in for the real one, and is where documents are asked
for (:mod:`django_cbtools.test_runs`).
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.creation import BaseDatabaseCreation


class DatabaseCreation(BaseDatabaseCreation):
    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        return str(self.connection.settings_dict["NAME"])

    def destroy_test_db(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: none was made."""

    def clone_test_db(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: all processes ask the same one."""

    def setup_worker_connection(self, _worker_id: int) -> None:
        """Nothing, as :meth:`clone_test_db`."""
