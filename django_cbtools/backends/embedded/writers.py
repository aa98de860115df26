"""A queue of a process's writers, in which each database serves them in order of arrival.

SQLite allows one writing transaction at a time. Without the queue, each writer would sleep and
retry, and with many writers some would wait for very long. Writers of different processes still do.
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
    """Wait for a turn to write, as long as SQLite would. None means to write without a turn.

    A thread inside another transaction does not wait, since the writer whose turn it is may wait
    for that transaction. A private database in memory needs no turns.
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
