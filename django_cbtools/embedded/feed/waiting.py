"""Wait until any thread or process writes something that concerns a feed.

A feed that waits does not occupy a thread. It yields a :class:`Pause`, and the server goes on with
the feed once the pause is over. For each SQLite file, one thread (the watcher) polls the file for
all waiting feeds, and wakes those that a write can concern. The thread ends when no feed waits.
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

#: The interval (in seconds) at which the watcher polls its file.
INTERVAL = 0.05
#: How long (in seconds) the watcher keeps running while no feed waits.
_LINGER = 2.0
#: If this many documents have changed at once, all feeds are woken without further checks.
_MANY = 1000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Interest:
    """The events that wake a feed: writes in its channels, and changes to its user and session.

    ``database`` is the database as it was when the feed started, at the feed's collection.
    ``user`` is the name in the table of users; None means a user whose rights cannot change.
    ``key`` is the name that grants use for the user. ``session`` is the id of the session with
    which the feed ends.
    """

    database: Database
    channels: frozenset[str]
    user: str | None = None
    key: str | None = None
    roles: frozenset[str] = frozenset()
    session: str | None = None


def _nothing() -> None:
    """Do nothing. This is the ``wake`` of a pause that has not begun."""


@dataclass(eq=False)
class Pause(Waiting):
    """A pause of a feed that has already seen all sequences up to ``seen``.

    It is over once something is written that can concern the feed, or at the time ``until`` (of
    time.monotonic()).
    """

    alias: str
    interest: Interest
    seen: int
    until: float
    wake: Callable[[], None] = field(init=False, default_factory=lambda: _nothing)

    def begin(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        _watcher(self.alias).add(self)

    def end(self) -> None:
        _watcher(self.alias).remove(self)


class _Watcher:
    """Polls a SQLite file for all feeds of this process that wait for changes in it."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._changed = threading.Condition()
        self._waiting: set[Pause] = set()
        self._is_closed = False
        self._thread: threading.Thread | None = None
        #: The last data_version of the file with its connection, and the feeds that waited then.
        self._version: Any = None
        self._known: set[Pause] = set()
        #: Each database, and the sequence up to which feeds have been woken for its changes.
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
        """End the thread, and wait until it has ended."""
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
                    # All feeds are woken. Each meets the error itself when it reads the database.
                    logger.debug("The documents' file cannot be watched.", exc_info=True)
                    self._version, woken = None, waiting
                for pause in woken:
                    pause.wake()
                time.sleep(INTERVAL)
        finally:
            connections.close_all()

    def _next(self) -> set[Pause]:
        """Return the pauses of all waiting feeds; an empty set tells the thread to end."""
        with self._changed:
            if not self._waiting and not self._is_closed:
                self._changed.wait(_LINGER)
            if self._is_closed or not self._waiting:
                self._thread = None
                return set()
            return set(self._waiting)

    def _look(self, waiting: set[Pause]) -> set[Pause]:
        """Return the pauses of feeds that a write since the last poll can concern."""
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
            # The state of databases without waiting feeds is not kept up to date, so drop it.
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
        # A feed that has just begun to wait may have seen less than the others.
        woken = {pause for pause in pauses if pause.seen < told}
        woken |= {pause for pause in pauses if not _is_open(database, pause.interest.database)}
        woken |= _ended(database, pauses - woken)
        if upto > told:
            woken |= _touched(database, pauses - woken, told)
        for pause in pauses - woken:
            pause.seen = max(pause.seen, upto)
        return woken


def _is_open(now: Database, before: Database) -> bool:
    """Return whether a feed of the database as it was ``before`` may still read it ``now``."""
    if now.config is before.config and now.state == before.state and now.bucket == before.bucket:
        return True
    try:
        before.check_open(now)
    except GatewayError:
        return False
    return True


def _ended(database: Database, pauses: set[Pause]) -> set[Pause]:
    """Return the pauses of feeds whose user or session no longer exists."""
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
    """Return the pauses of feeds that a write after a sequence can concern."""
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
        # A document in any collection can grant a role.
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
    """Return the names that are in a table; None counts as being in it."""
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
    """Drop the watchers in a forked child: their threads exist only in the parent."""
    global _lock
    _lock = threading.Lock()
    _watchers.clear()


@atexit.register
def close() -> None:
    """End the threads of all watchers. Feeds that wait after this are never woken."""
    with _lock:
        watchers = list(_watchers.values())
    for watcher in watchers:
        watcher.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
