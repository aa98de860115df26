"""The queue of a process's writers: each database serves them in order of arrival.

SQLite allows one writing transaction at a time. Without the queue, each writer would sleep and try
again, so that with many writers some would wait for very long. Writers of different processes still
do.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from django.db import connections

from django_cbtools.embedded.turns import Turns

from . import memory

if TYPE_CHECKING:
    from .base import DatabaseWrapper

_files: dict[str, Turns] = {}
_real_path = lru_cache(maxsize=64)(os.path.realpath)


def enter(connection: DatabaseWrapper) -> Turns | None:
    """Wait for a turn to write, for as long as SQLite would; None: write without one.

    A thread that is inside another transaction does not wait, for whoever has the turn may be
    waiting for that transaction; nor does one for a database that is its own.
    """
    name = str(connection.settings_dict["NAME"])
    is_shared = memory.is_shared(name)
    if (connection.is_in_memory_db() and not is_shared) or any(
        other.in_atomic_block for other in connections.all(initialized_only=True)
    ):
        return None
    path = name if is_shared else _real_path(name)
    turns = _files.setdefault(path, Turns())
    return turns if turns.enter(timeout=connection.timeout) else None
