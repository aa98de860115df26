"""Waiting until something is written that concerns a reader, by whichever thread or process.

A feed that waits holds no thread. It yields a :class:`Pause`, and whoever drives it goes on with it
once the pause is over. One thread for each SQLite file, the watcher, looks at the file for
everybody who waits, and wakes those whom a write can concern. There is none while nobody waits.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from ..access import STAR
from ..database import Database
from ..errors import GatewayError
from ..http.streams import Waiting

#: How often (seconds) the watcher looks at its file.
INTERVAL = 0.05
#: How long (seconds) the watcher stays where nobody waits.
_LINGER = 2.0
#: With more changes than that at once, everybody is woken.
_MANY = 1000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Interest:
    """What concerns a feed: writes in a collection's channels, and to whom it is sent.

    ``database`` is as the feed has found it, and is at its collection.
    ``user`` is the name in the table of users (None: nobody whose rights can change), ``key`` what
    grants call him. ``session`` is the session that the feed ends with.
    """

    database: Database
    channels: frozenset[str]
    user: str | None = None
    key: str | None = None
    roles: frozenset[str] = frozenset()
    session: str | None = None


@dataclass(eq=False)
class Pause(Waiting):
    """A feed's wait: nothing up to the sequence ``seen`` is news to it.

    It is over once something is written that can concern the feed, or at ``until`` (of
    time.monotonic()).
    """

    alias: str
    interest: Interest
    seen: int
    until: float
    wake: Callable[[], None] = field(init=False)

    def begin(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        _watcher(self.alias).add(self)

    def end(self) -> None:
        _watcher(self.alias).remove(self)


class _Watcher:
    """Looks at a SQLite file for all feeds of this process that wait for something in it."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._changed = threading.Condition()
        self._waiting: set[Pause] = set()
        self._is_closed = False
        self._thread: threading.Thread | None = None
        #: What SQLite counts of the file's changes, and who waited when it was asked.
        self._version: Any = None
        self._known: set[Pause] = set()
        #: Each database, and the sequence up to which its changes have been told to who waits.
        self._told: dict[str, tuple[Database | None, int]] = {}

    def add(self, pause: Pause) -> None:
        with self._changed:
            self._waiting.add(pause)
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(
                    target=self._run, name=f"gateway-watcher-{self._alias}", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def remove(self, pause: Pause) -> None:
        with self._changed:
            self._waiting.discard(pause)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        try:
            while waiting := self._next():
                try:
                    woken = self._look(waiting)
                except Exception:
                    # They find out themselves what is wrong.
                    logger.debug("The documents' file cannot be watched.", exc_info=True)
                    self._version, woken = None, waiting
                for pause in woken:
                    pause.wake()
                time.sleep(INTERVAL)
        finally:
            connections.close_all()

    def _next(self) -> set[Pause]:
        """Who waits; nobody: the thread is to end."""
        with self._changed:
            if not self._waiting and not self._is_closed:
                self._changed.wait(_LINGER)
            if self._is_closed or not self._waiting:
                self._thread = None
                return set()
            return set(self._waiting)

    def _look(self, waiting: set[Pause]) -> set[Pause]:
        """Those among the waiting whom something can concern that has been written."""
        wrapper = connections[self._alias]
        wrapper.close_if_unusable_or_obsolete()
        wrapper.ensure_connection()
        wrapper.close_at = None
        (version,) = wrapper.connection.execute("PRAGMA data_version").fetchone()
        before, self._version = self._version, (wrapper.connection, version)
        is_changed = before != self._version
        looked_at = waiting if is_changed else waiting - self._known
        self._known = waiting
        by_database: dict[str, set[Pause]] = defaultdict(set)
        for pause in looked_at:
            by_database[pause.interest.database.name].add(pause)
        if is_changed:
            # What is known of databases for which nobody waits grows old.
            self._told = {name: self._told[name] for name in by_database if name in self._told}
        woken: set[Pause] = set()
        for name, pauses in by_database.items():
            woken |= self._concerned(name, pauses, is_changed)
        return woken

    def _concerned(self, name: str, pauses: set[Pause], is_changed: bool) -> set[Pause]:
        before = self._told.get(name)
        if is_changed or before is None:
            database = Database.find(self._alias, name)
            self._told[name] = database, database.status()[0] if database else 0
        database, upto = self._told[name]
        told = before[1] if before else upto
        if database is None or upto < told:
            return pauses
        # Whoever has just come may have seen less than the others.
        woken = {pause for pause in pauses if pause.seen < told}
        woken |= {pause for pause in pauses if not _is_open(database, pause.interest.database)}
        woken |= _ended(database, pauses - woken)
        if upto > told:
            woken |= _touched(database, pauses - woken, told)
        for pause in pauses - woken:
            pause.seen = max(pause.seen, upto)
        return woken


def _is_open(now: Database, before: Database) -> bool:
    """Whether a database is still what it was, as far as it concerns a feed."""
    if now.config is before.config and now.state == before.state and now.bucket == before.bucket:
        return True
    try:
        before.check_open(now)
    except GatewayError:
        return False
    return True


def _ended(database: Database, pauses: set[Pause]) -> set[Pause]:
    """Those whose user or session is there no more."""
    users = _known(database, "users", "name", {pause.interest.user for pause in pauses})
    lasts = f"AND expires >= {int(time.time()):d}"
    sessions = {pause.interest.session for pause in pauses}
    open_ = _known(database, "sessions", "id", sessions, lasts)
    return {
        pause
        for pause in pauses
        if pause.interest.user not in users or pause.interest.session not in open_
    }


def _touched(database: Database, pauses: set[Pause], after: int) -> set[Pause]:
    """Those whom something concerns that has been written after a sequence."""
    channels: set[tuple[str, str]] = set()
    granted: set[str] = set()
    for keyspace in {place.keyspace for place in database.all()}:
        rows = database.rows(
            "SELECT uid, channels, removals FROM cbtools_documents "
            "WHERE keyspace = %s AND sequence > %s LIMIT %s",
            [keyspace, after, _MANY],
        )
        if len(rows) == _MANY:
            return pauses
        for _, now, left in rows:
            channels.add((keyspace, STAR))
            channels.update((keyspace, name) for name in (*json.loads(now), *json.loads(left)))
        # A document in any collection can open a role.
        opened = database.rows(
            "SELECT principal FROM cbtools_grants "
            "WHERE keyspace = %s AND uid IN (SELECT value FROM json_each(%s)) AND sequence > %s",
            [keyspace, json.dumps([uid for uid, *_ in rows]), after],
        )
        granted.update(principal for (principal,) in opened)
    since = f"AND sequence > {after:d}"
    users = _known(database, "users", "name", {pause.interest.user for pause in pauses}, since)
    roles = _known(
        database, "roles", "name", set().union(*(pause.interest.roles for pause in pauses)), since
    )
    changed = {f"role:{role}" for role in roles} | granted

    def concerns(interest: Interest) -> bool:
        keyspace = interest.database.keyspace
        return (
            (interest.user is not None and interest.user in users)
            or not changed.isdisjoint((interest.key, *(f"role:{r}" for r in interest.roles)))
            or any((keyspace, name) in channels for name in interest.channels)
        )

    return {pause for pause in pauses if concerns(pause.interest)}


def _known(
    database: Database, table: str, column: str, names: set[Any], condition: str = ""
) -> set[Any]:
    """Those of the names that are in a table; None always is."""
    if not names - {None}:
        return {None}
    rows = database.rows(
        f"SELECT {column} FROM cbtools_{table} WHERE database = %s "
        f"AND {column} IN (SELECT value FROM json_each(%s)) {condition}",
        [database.name, json.dumps(list(names - {None}))],
    )
    return {None, *(found for (found,) in rows)}


_watchers: dict[str, _Watcher] = {}
_lock = threading.Lock()


def _watcher(alias: str) -> _Watcher:
    with _lock:
        return _watchers.setdefault(alias, _Watcher(alias))


def _forget() -> None:
    """In a forked child: the threads are the parent's."""
    global _lock
    _lock = threading.Lock()
    _watchers.clear()


@atexit.register
def close() -> None:
    """End the threads that watch files; who waits from now on waits in vain."""
    with _lock:
        watchers = list(_watchers.values())
    for watcher in watchers:
        watcher.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
