"""Django's SQLite backend for a file that also holds documents."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.sqlite3 import base

from django_cbtools import installed  # noqa: F401  (its check registers itself)
from django_cbtools.embedded import schema
from django_cbtools.embedded.turns import Turns

from . import functions, memory, writers
from .creation import DatabaseCreation
from .introspection import DatabaseIntrospection
from .operations import DatabaseOperations

MINIMUM_SQLITE = (3, 38)
#: The number of seconds that a writer waits for another one. The default of sqlite3 is 5.
TIMEOUT = 30.0


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to a SQLite file. It creates the gateway's tables when it is opened."""

    display_name = "SQLite with documents"
    ops_class = DatabaseOperations
    creation_class = DatabaseCreation
    introspection_class = DatabaseIntrospection
    #: The queue in which this connection has its turn to write, or None.
    _turns: Turns | None = None

    @property
    def timeout(self) -> float:
        """The number of seconds that a writer waits for another one."""
        timeout: float = self.settings_dict["OPTIONS"].get("timeout", TIMEOUT)
        return timeout

    @property
    def is_awaited(self) -> bool:
        """True if other connections wait for the end of this one's transaction."""
        return self._turns is not None and self._turns.waiting > 0

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        params["timeout"] = self.timeout
        # A transaction that begins with a read cannot wait for another writer later: SQLite would
        # have to show it two states of the file.
        if "transaction_mode" not in self.settings_dict["OPTIONS"]:
            self.transaction_mode = "IMMEDIATE"
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
            raise ImproperlyConfigured(
                f"The embedded backend needs SQLite {'.'.join(map(str, MINIMUM_SQLITE))} or "
                f"newer; this Python has {sqlite3.sqlite_version}."
            )
        opened: list[sqlite3.Connection] = []

        def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            opened.append(sqlite3.Connection(*args, **kwargs))
            return opened[0]

        try:
            # Django runs the init_command of OPTIONS on it, which may be the first to fail.
            connection: sqlite3.Connection = super().get_new_connection(
                {"factory": connect, **conn_params}
            )
            opened[:] = [connection]  # which a factory in OPTIONS may have made
            timeout = conn_params["timeout"]
            memory.patiently(timeout, schema.ensure, connection, timeout)
        except sqlite3.DatabaseError as error:
            for each in opened:
                each.close()
            raise _unusable(self.settings_dict["NAME"], error) from error
        functions.register(connection)
        ((_, _, self._path), *_) = connection.execute("PRAGMA database_list")
        self._file = _identity(self._path)
        return connection

    def set_autocommit(
        self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False
    ) -> None:
        """Set the autocommit mode as Django does. Django begins and ends the outermost transactions
        by this method, so a writer's turn begins and ends here, too."""
        self._leave()
        if force_begin_transaction_with_broken_autocommit and not autocommit:
            self._turns = writers.enter(self)
        try:
            super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)
        except BaseException:
            self._leave()
            raise

    def _close(self) -> None:
        # In every case where a connection is really closed: in close(), and in Django's own tests.
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._leave()

    def _leave(self) -> None:
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.leave()

    def create_cursor(self, name: str | None = None) -> Any:
        connection: Any = self.connection
        if not memory.is_shared(self.settings_dict["NAME"]):
            return connection.cursor(factory=_Cursor)
        cursor: Any = connection.cursor(factory=_PatientCursor)
        cursor.timeout = self.timeout
        return cursor

    def check_constraints(self, table_names: Iterable[str] | None = None) -> None:
        """Check constraints as Django does, but not of documents, which have no tables."""
        if table_names is not None:
            from django_cbtools.models.base import CouchbaseModel  # it loads this module

            table_names = [name for name in table_names if name not in CouchbaseModel.tables]
        super().check_constraints(table_names)

    def is_usable(self) -> bool:
        """Return whether no error has occurred. SQLite has no connection to test, and reopens files
        quickly."""
        return not self.errors_occurred

    def close_if_unusable_or_obsolete(self) -> None:
        """Close the connection as Django does, and also if its file has been deleted or
        replaced."""
        is_open = self.connection is not None and not self.in_atomic_block
        if is_open and _identity(self._path) != self._file:
            self.close()
        super().close_if_unusable_or_obsolete()


class _Cursor(base.SQLiteCursorWrapper):
    def convert_query(self, query: str, *, param_names: list[str] | None = None) -> str:
        """Convert placeholders as Django does, but faster for the long statements that documents
        make."""
        if param_names is None and "%%" not in query:
            return query.replace("%s", "?")
        converted: str = super().convert_query(query, param_names=param_names)
        return converted


class _PatientCursor(_Cursor):
    timeout: float

    def execute(self, query: str, params: Any = None) -> Any:
        return memory.patiently(self.timeout, super().execute, query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        return memory.patiently(self.timeout, super().executemany, query, param_list)


def _identity(path: str) -> tuple[int, int] | None:
    """Return the device and inode of a file, which differ if another file takes its place. None if
    there is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _unusable(name: Any, error: sqlite3.Error) -> sqlite3.OperationalError:
    return sqlite3.OperationalError(
        f"Documents cannot be kept in {name}: {error}. It has to be a SQLite database (or not "
        "to exist yet) in a folder that this process may write to; the setting is NAME in "
        "DATABASES."
    )
