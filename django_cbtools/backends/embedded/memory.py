"""In-memory databases that threads share, as Django's test runner creates them.

SQLite locks tables of such a database instead of the file. If a table is locked, it raises an error
at once, since its timeout only applies to files.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_LOCKED = ("database table is locked", "database schema is locked")
#: The pauses (seconds) between attempts: the first one, and the longest.
_FIRST, _LONGEST = 0.001, 0.05


def is_shared(name: Any) -> bool:
    """Return whether the name is that of a database in memory that several connections share."""
    text = str(name)
    return "mode=memory" in text and "cache=shared" in text


def patiently(timeout: float, do: Callable[..., T], *args: Any) -> T:
    """Call a function again for up to ``timeout`` seconds, until no other connection has locked its
    tables."""
    deadline, pause = time.monotonic() + timeout, _FIRST
    while True:
        try:
            return do(*args)
        except sqlite3.OperationalError as error:
            if not str(error).startswith(_LOCKED) or time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST)
