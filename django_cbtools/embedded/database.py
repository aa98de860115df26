"""A database of the gateway, and methods that run SQL on the SQLite file that holds it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from . import callers
from .errors import GatewayError, missing
from .options import RUNTIME

#: A version is a time in nanoseconds. Its low 16 bits are a counter.
_TICK = 1 << 16

#: The states of a database.
ONLINE = "Online"
OFFLINE = "Offline"
RESYNCING = "Resyncing"
DEFAULT = "_default"


class Ticket(NamedTuple):
    """The numbers that a write gets: its sequence and its version."""

    sequence: int
    version: int
    source: str

    @property
    def cv(self) -> str:
        """The current version, such as ``18e9e840558a0000@lvIyLvNiSYPkvmH8MtMNbg``."""
        return f"{self.version:016x}@{self.source}"


class Collection(NamedTuple):
    """The scope and name of a collection, as the configuration names them."""

    scope: str = DEFAULT
    name: str = DEFAULT


@dataclass(frozen=True)
class Database:
    """A database of the gateway, in the SQLite file of a Django alias.

    ``keyspace`` names the place of its documents: the bucket for the default collection, and
    ``bucket.scope.collection`` for others. ``config`` is the administrator's configuration.
    """

    alias: str
    name: str
    bucket: str
    state: str
    config: Mapping[str, Any]
    collection: Collection = field(default_factory=Collection)
    #: Whether the file held expired documents when the database was opened.
    has_expired: bool = field(default=False, compare=False)

    @classmethod
    def find(cls, alias: str, name: str) -> Database | None:
        """Return the database called ``name``, or None."""
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
        """Return the database called ``name``; raise a 404 GatewayError if it does not exist."""
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
        """Return an option of the configuration, or its default. Dots separate nested names."""
        found: Any = self.config
        default: Any = RUNTIME
        for key in name.split("."):
            # That it is a dict is known in much less time.
            found = found.get(key) if isinstance(found, (dict, Mapping)) else None
            default = default.get(key) if isinstance(default, (dict, Mapping)) else None
        return default if found is None else found

    def collections(self) -> list[Collection]:
        """Return the collections that the configuration names, or just the default collection."""
        scopes = self.config.get("scopes")
        if not scopes:
            return [Collection()]
        return [
            Collection(scope, name) for scope in scopes for name in scopes[scope]["collections"]
        ]

    def all(self) -> list[Database]:
        """Return the database once for each of its collections."""
        return [replace(self, collection=collection) for collection in self.collections()]

    def code(self, kind: str) -> str | None:
        """Return the collection's ``sync`` function or ``import_filter``, None for the default."""
        config: Any = self.config
        if "scopes" in config:
            scope = config["scopes"].get(self.collection.scope, {})
            config = scope.get("collections", {}).get(self.collection.name) or {}
        source: str | None = config.get(kind)
        return source

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Return a context manager for a write transaction.

        Between two transactions, the caller's other requests have their turns.
        """
        with transaction.atomic(using=self.alias), callers.writing():
            yield
        if not self.connection.in_atomic_block:
            with callers.pausing():
                pass

    def is_awaited(self) -> bool:
        """Return whether another thread waits until this thread's transaction ends."""
        return bool(getattr(self.connection, "is_awaited", False))

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run a statement, and return the number of rows that it changed."""
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
        """Return the first column of the first row, or None if there is no row."""
        row = self.row(sql, params)
        return row[0] if row else None

    @property
    def sequence(self) -> int:
        """The last sequence.

        Raises a GatewayError once the database is offline or deleted. This ends change feeds that
        wait for a write.
        """
        row = self.row(
            "SELECT state, bucket, config, sequence FROM cbtools_databases WHERE name = %s",
            [self.name],
        )
        return int(self._still_open(row)[0])

    def status(self) -> tuple[int, int]:
        """Return the last sequence, and when the database was last started.

        The time is in microseconds since 1970. Raises a 404 GatewayError if the database does not
        exist.
        """
        row = self.row(
            "SELECT sequence, max(started, created) FROM cbtools_databases WHERE name = %s",
            [self.name],
        )
        if row is None:
            raise missing(f'no such database "{self.name}"')
        return row[0], row[1]

    def tickets(self, count: int) -> list[Ticket]:
        """Allocate sequences and versions for ``count`` writes, in order, inside :meth:`atomic`.

        Unused ones leave gaps, as on a real gateway. Raises a GatewayError if the database has been
        taken offline (503) or deleted (404) since it was opened.
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
        """Return the rest of a row that begins with state, bucket and configuration.

        Raises a GatewayError as :meth:`check_open` does, or if there is no row (404).
        """
        if row is None:
            raise missing(f'no such database "{self.name}"')
        # The first version stored no bucket.
        now = replace(self, state=row[0], bucket=row[1] or self.bucket, config=_parsed(row[2]))
        self.check_open(now)
        return row[3:]

    def check_open(self, now: Database) -> None:
        """Raise a GatewayError if the database has changed so that it can no longer be used.

        ``now`` is its current state. The status is 503 if its state has changed since it was
        opened, and 404 if it was replaced or no longer has the collection.
        """
        # It may have been deleted, and another one created under the same name.
        if now.bucket != self.bucket:
            raise missing(f'no such database "{self.name}"')
        if now.state != self.state:
            raise under_maintenance(now.state)
        if self.collection in set(self.collections()).difference(now.collections()):
            raise missing(f"keyspace {self.keyspace} not found")


def under_maintenance(state: str) -> GatewayError:
    """Return the error for requests to a database that is not online."""
    if state == OFFLINE:
        return GatewayError(503, "DB is currently under maintenance")
    return GatewayError(503, f"DB is {state} - try again later")


@lru_cache(maxsize=64)
def _parsed(config: str) -> Mapping[str, Any]:
    parsed: dict[str, Any] = json.loads(config)
    return parsed
