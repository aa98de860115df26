"""Waiting until something is written, by whichever thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..database import Database

#: How often (seconds) the file is looked at, and how many looks there are for each one at whether
#: the client is still there.
_INTERVAL = 0.05
_LOOKS = 5


class Writes:
    """What is written to a database's file.

    SQLite counts what other connections write, and what this one does. To ask costs no more than
    a look at the memory that the processes share.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: tuple[Any, ...] = ()
        self.look()

    def look(self) -> bool:
        """Whether anything has been written since the last look."""
        wrapper = self._database.connection
        # Whoever shares the thread may have closed the connection; a new one counts anew.
        wrapper.ensure_connection()
        connection = wrapper.connection
        with wrapper.wrap_database_errors:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
        before, self._seen = self._seen, (connection, version, connection.total_changes)
        return self._seen != before

    def wait(self, until: float, is_gone: Callable[[], bool]) -> bool:
        """Wait for a write; False where there is none before a time (of time.monotonic()), or once
        nobody waits any more."""
        while not is_gone():
            for _ in range(_LOOKS):
                if self.look():
                    return True
                rest = until - time.monotonic()
                if rest <= 0:
                    return False
                time.sleep(min(rest, _INTERVAL))
        return False
