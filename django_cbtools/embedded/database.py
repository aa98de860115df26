"""One of the gateway's databases, kept in SQLite through Django's connection."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .errors import GatewayError, missing
from .options import RUNTIME

#: A version counts nanoseconds; its low 16 bits are left to a counter.
_TICK = 1 << 16

#: What a database can be doing.
ONLINE = "Online"
OFFLINE = "Offline"
RESYNCING = "Resyncing"
DEFAULT = "_default"


class Ticket(NamedTuple):
    """What the database gives a write: its place in the order of all writes."""

    sequence: int
    version: int
    source: str

    @property
    def cv(self) -> str:
        """The current version, such as ``18e9e840558a0000@lvIyLvNiSYPkvmH8MtMNbg``."""
        return f"{self.version:016x}@{self.source}"


class Collection(NamedTuple):
    """A place for documents in a database, as its configuration names it."""

    scope: str = DEFAULT
    name: str = DEFAULT


@dataclass(frozen=True)
class Database:
    """A database of the gateway, in the SQLite file of a Django alias.

    ``keyspace`` is where its documents are: its bucket for the default collection, and
    ``bucket.scope.collection`` for another. ``config`` is what an administrator has configured.
    """

    alias: str
    name: str
    bucket: str
    state: str
    config: Mapping[str, Any]
    collection: Collection = field(default_factory=Collection)
    #: Whether there were documents whose time was over when it was opened.
    has_expired: bool = field(default=False, compare=False)

    @classmethod
    def find(cls, alias: str, name: str) -> Database | None:
        """The database called ``name``, None where there is none."""
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT bucket, state, config, EXISTS "
                "(SELECT 1 FROM cbtools_documents WHERE expires <= %s) "
                "FROM cbtools_databases WHERE name = %s",
                [int(time.time()), name],
            )
            row = cursor.fetchone()
        if row is None:
            return None
        bucket, state, config, has_expired = row
        return cls(
            alias, name, bucket or name, state, _parsed(config), has_expired=bool(has_expired)
        )

    @classmethod
    def open(cls, alias: str, name: str) -> Database:
        """The database called ``name``; raises a 404 GatewayError where there is none."""
        database = cls.find(alias, name)
        if database is None:
            raise missing(f'no such database "{name}"')
        return database

    @property
    def keyspace(self) -> str:
        if self.collection == Collection():
            return self.bucket
        return ".".join((self.bucket, *self.collection))

    @property
    def connection(self) -> BaseDatabaseWrapper:
        connection: BaseDatabaseWrapper = connections[self.alias]
        return connection

    def option(self, name: str) -> Any:
        """What the configuration says of something, or the default; a dot leads into an object."""
        found: Any = self.config
        default: Any = RUNTIME
        for key in name.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
            default = default.get(key) if isinstance(default, Mapping) else None
        return default if found is None else found

    def collections(self) -> list[Collection]:
        """All collections: those that the configuration names, or the default one."""
        scopes = self.config.get("scopes")
        if not scopes:
            return [Collection()]
        return [
            Collection(scope, name) for scope in scopes for name in scopes[scope]["collections"]
        ]

    def all(self) -> list[Database]:
        """The database at each of its collections."""
        return [replace(self, collection=collection) for collection in self.collections()]

    def code(self, kind: str) -> str | None:
        """The ``sync`` function or ``import_filter`` of the collection, None: the default one."""
        config: Any = self.config
        if "scopes" in config:
            scope = config["scopes"].get(self.collection.scope, {})
            config = scope.get("collections", {}).get(self.collection.name) or {}
        source: str | None = config.get(kind)
        return source

    def atomic(self) -> transaction.Atomic:
        """A transaction that writes: all of it happens, or nothing."""
        return transaction.atomic(using=self.alias)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run a statement; the number of rows that it changed."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.rowcount)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self.connection.cursor() as cursor:
            cursor.executemany(sql, list(rows))

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())

    def row(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """The only column of the first row, None where there is no row."""
        row = self.row(sql, params)
        return row[0] if row else None

    @property
    def sequence(self) -> int:
        """The number of the last write; raises a GatewayError once the database is closed.

        Whoever waits for something to happen asks this, and so is told when nothing will.
        """
        row = self.row(
            "SELECT state, bucket, config, sequence FROM cbtools_databases WHERE name = %s",
            [self.name],
        )
        return int(self._still_open(row)[0])

    def status(self) -> tuple[int, int]:
        """The number of the last write, and since when (microseconds) it has been as it is."""
        row = self.row(
            "SELECT sequence, max(started, created) FROM cbtools_databases WHERE name = %s",
            [self.name],
        )
        if row is None:
            raise missing(f'no such database "{self.name}"')
        return row[0], row[1]

    def tickets(self, count: int) -> list[Ticket]:
        """Sequence numbers and versions for ``count`` writes, in order; inside :meth:`atomic`.

        Those that are not used leave gaps, as on a real gateway. Raises a GatewayError where the
        database has been taken offline since it was opened, or is gone.
        """
        row = self.row(
            "UPDATE cbtools_databases SET sequence = sequence + %s, "
            "last_version = max(last_version, %s) + %s WHERE name = %s "
            "RETURNING state, bucket, config, sequence, last_version, source",
            [count, time.time_ns() // _TICK * _TICK, count * _TICK, self.name],
        )
        sequence, version, source = self._still_open(row)
        return [
            Ticket(sequence - back, version - back * _TICK, source)
            for back in range(count - 1, -1, -1)
        ]

    def _still_open(self, row: tuple[Any, ...] | None) -> tuple[Any, ...]:
        """What follows state, bucket and configuration in a row of the database's; raises a
        GatewayError where it no longer is what it was when it was opened, or has no longer the
        collection."""
        if row is None:
            raise missing(f'no such database "{self.name}"')
        # A first version's has no bucket.
        now = replace(self, state=row[0], bucket=row[1] or self.bucket, config=_parsed(row[2]))
        self.check_open(now)
        return row[3:]

    def check_open(self, now: Database) -> None:
        """Raise a GatewayError where the database, as it is ``now``, is no longer what it was when
        it was opened, or has no longer the collection."""
        # One of the same name may have taken its place.
        if now.bucket != self.bucket:
            raise missing(f'no such database "{self.name}"')
        if now.state != self.state:
            raise under_maintenance(now.state)
        if self.collection in set(self.collections()).difference(now.collections()):
            raise missing(f"keyspace {self.keyspace} not found")


def under_maintenance(state: str) -> GatewayError:
    """What a database that is not online answers."""
    if state == OFFLINE:
        return GatewayError(503, "DB is currently under maintenance")
    return GatewayError(503, f"DB is {state} - try again later")


@lru_cache(maxsize=64)
def _parsed(config: str) -> Mapping[str, Any]:
    parsed: dict[str, Any] = json.loads(config)
    return parsed
