"""One of the gateway's databases, kept in SQLite through Django's connection."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .errors import missing

#: A version counts nanoseconds; its low 16 bits are left to a counter.
_TICK = 1 << 16


#: What a database does where its configuration says nothing (30-config.json).
DEFAULTS: Mapping[str, Any] = {
    "revs_limit": 50,
    "old_rev_expiry_seconds": 300,
}


class Ticket(NamedTuple):
    """What the database gives a write: its place in the order of all writes."""

    sequence: int
    version: int
    source: str

    @property
    def cv(self) -> str:
        """The current version, such as ``18e9e840558a0000@lvIyLvNiSYPkvmH8MtMNbg``."""
        return f"{self.version:016x}@{self.source}"


class Database:
    """A database of the gateway, in the SQLite file of a Django alias.

    ``keyspace`` is where its documents are: the database's name for the default collection.
    """

    def __init__(self, alias: str, name: str) -> None:
        self.alias = alias
        self.name = name
        self.keyspace = name

    @classmethod
    def open(cls, alias: str, name: str, *, create: bool) -> Database:
        """The database called ``name``; raises a 404 GatewayError where there is none."""
        database = cls(alias, name)
        if database.value("SELECT 1 FROM cbtools_databases WHERE name = %s", [name]) is None:
            if not create:
                raise missing(f'no such database "{name}"')
            database.execute(
                "INSERT INTO cbtools_databases (name, source, created) VALUES (%s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                [name, base64.b64encode(os.urandom(16)).decode().rstrip("="), _now_microseconds()],
            )
        return database

    @staticmethod
    def names(alias: str) -> list[str]:
        """The names of all databases in the alias's file."""
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT name FROM cbtools_databases ORDER BY name")
            return [name for (name,) in cursor.fetchall()]

    @property
    def connection(self) -> BaseDatabaseWrapper:
        connection: BaseDatabaseWrapper = connections[self.alias]
        return connection

    def option(self, name: str) -> Any:
        """What the configuration says of something, or the default."""
        return DEFAULTS[name]

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
        """The number of the last write."""
        return int(
            self.value("SELECT sequence FROM cbtools_databases WHERE name = %s", [self.name])
        )

    @property
    def created(self) -> int:
        """When the database was made, in microseconds since 1970."""
        return int(self.value("SELECT created FROM cbtools_databases WHERE name = %s", [self.name]))

    def tickets(self, count: int) -> list[Ticket]:
        """Sequence numbers and versions for ``count`` writes, in order; inside :meth:`atomic`.

        Those that are not used leave gaps, as on a real gateway.
        """
        row = self.row(
            "UPDATE cbtools_databases SET sequence = sequence + %s, "
            "last_version = max(last_version, %s) + %s WHERE name = %s "
            "RETURNING sequence, last_version, source",
            [count, time.time_ns() // _TICK * _TICK, count * _TICK, self.name],
        )
        if row is None:
            raise missing(f'no such database "{self.name}"')
        sequence, version, source = row
        return [
            Ticket(sequence - back, version - back * _TICK, source)
            for back in range(count - 1, -1, -1)
        ]


def _now_microseconds() -> int:
    return time.time_ns() // 1000
