"""The index of a view: rows kept in SQLite, brought up to date by sequence.

An index belongs to the text of its map function: design documents that hold the same function
share it, and it is dropped when none holds it any more.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import collation, javascript
from .database import Database
from .errors import GatewayError

logger = logging.getLogger(__name__)

#: How many documents, and characters of them, are mapped in one go and written in one transaction;
#: a single document may be longer.
BATCH = 2000
BATCH_LENGTH = 16 * 1024 * 1024
#: How many documents' map functions are stopped in one update before it is given up.
MAX_STOPPED = 5


class _Entry(NamedTuple):
    sequence: int
    uid: str
    deleted: int


def signature(source: str) -> str:
    """What a function's index, and its compiled form, are known by."""
    return hashlib.sha256(source.encode()).hexdigest()[:32]


def compile_function(engine: javascript.Engine, source: str, name: str) -> str:
    """Have the engine know a function; its signature.

    Raises a 400 GatewayError where it does not compile. ``name`` is for the message.
    """
    key = signature(source)
    if not engine.known.get(("function", key)):
        try:
            error = engine.call("compile", key, source, time_limit=javascript.TIME_LIMIT)
        except javascript.JavaScriptError as stopped:
            error = stopped
        if error is not None:
            raise GatewayError(400, f"The {name} does not compile: {error}")
        engine.known["function", key] = True
    return key


class Index:
    """The rows that a map function makes of a keyspace's documents. ``name`` is for messages."""

    def __init__(self, database: Database, source: str, name: str) -> None:
        self.database = database
        self.source = source
        self.name = name

    def state(self) -> tuple[int, int, float]:
        """The index's id, the sequence it has reached, and when it did (seconds since 1970)."""
        params = [self.database.keyspace, signature(self.source)]
        query = (
            "SELECT id, sequence, updated FROM cbtools_views WHERE keyspace = %s AND signature = %s"
        )
        row = self.database.row(query, params)
        if row is None:
            self.database.execute(
                "INSERT INTO cbtools_views (keyspace, signature, sequence, updated) "
                "VALUES (%s, %s, 0, 0) ON CONFLICT DO NOTHING",
                params,
            )
            return self.state()
        return row[0], row[1], row[2]

    def update(self) -> None:
        """Map what has been written since the last update.

        Raises a 400 GatewayError where the function does not compile, a 500 one where it had to
        be stopped for many documents: what was indexed until then stays, and the next update goes
        on from there.
        """
        stopped, size = 0, BATCH
        while True:
            view, done, _ = self.state()
            entries, documents = self._read(done, size)
            if not entries:
                return
            try:
                mapped = _map(self, entries, documents, MAX_STOPPED - stopped)
            except javascript.JavaScriptMemory as error:
                # The engine is lost, and with it what this run has done.
                if len(entries) > 1:
                    size = max(1, len(entries) // 10)
                    continue
                _log_stopped(self.name, error, entries[0])
                mapped = _Mapped(entries, stopped=1)
            self._write(view, done, mapped)
            size = min(size * 10, BATCH)
            stopped += mapped.stopped
            if stopped >= MAX_STOPPED:
                raise GatewayError(
                    500,
                    f"Internal error: the map function of {self.name} was stopped for {stopped} "
                    "documents, since it does not end or takes too much memory. They are left "
                    "out; ask again to go on with the others.",
                )

    def _read(self, done: int, size: int) -> tuple[list[_Entry], str]:
        # SQLite puts the JSON together, so that Python need not touch the documents.
        (row,) = self.database.rows(
            "SELECT json_group_array(json_array(sequence, uid, deleted)), "
            "coalesce(group_concat(CASE WHEN NOT deleted THEN '[' || json_quote(uid) || ',' || "
            "json_quote(rev) || ',' || body || ']' END), '') "
            "FROM (SELECT sequence, uid, rev, deleted, body, "
            "sum(length(body)) OVER (ORDER BY sequence) - length(body) AS before "
            "FROM (SELECT sequence, uid, rev, deleted, body FROM cbtools_documents "
            "WHERE keyspace = %s AND sequence > %s ORDER BY sequence LIMIT %s)) "
            "WHERE before < %s",
            [self.database.keyspace, done, size, BATCH_LENGTH],
        )
        return [_Entry(*entry) for entry in json.loads(row[0])], row[1]

    def _write(self, view: int, done: int, mapped: _Mapped) -> None:
        if not mapped.entries:
            return
        database = self.database
        with database.atomic():
            # Another process may have brought the index here, or further, in the meantime.
            if mapped.labels is not None and not mapped.labels.keep():
                return
            if not database.execute(
                "UPDATE cbtools_views SET sequence = %s, updated = %s WHERE id = %s "
                "AND signature = %s AND sequence = %s",
                [mapped.entries[-1].sequence, time.time(), view, signature(self.source), done],
            ):
                return
            if done:
                database.execute(
                    "DELETE FROM cbtools_view_rows WHERE view = %s "
                    "AND uid IN (SELECT value FROM json_each(%s))",
                    [view, json.dumps([entry.uid for entry in mapped.entries])],
                )
            database.execute_many(
                "INSERT INTO cbtools_view_rows VALUES (%s, %s, %s, %s, %s, %s)",
                [(view, *row) for row in mapped.rows],
            )


@dataclass
class _Mapped:
    """What a map function made of documents."""

    entries: list[_Entry]
    rows: list[list[Any]] = field(default_factory=list)
    labels: collation.Run | None = None
    stopped: int = 0


def _map(index: Index, entries: list[_Entry], documents: str, stops_left: int) -> _Mapped:
    """Map documents, up to the one whose stop was the last that is left."""
    live = [entry for entry in entries if not entry.deleted]
    with javascript.engine() as engine:
        key = compile_function(engine, index.source, f"map function of {index.name}")
        labels = collation.Run(engine, index.database)
        mapped = _Mapped(entries, labels=labels)
        engine.call_text(f'["load",[{documents}]]')
        at = 0
        while at < len(live):
            if mapped.stopped >= stops_left:
                mapped.entries = entries[: entries.index(live[at])]
                break
            start = at
            try:
                engine.call("map", key, start, time_limit=javascript.TIME_LIMIT)
                at = len(live)
            except javascript.JavaScriptTimeout as error:
                at = engine.call("stopped")
                # Whoever is stopped at once has had all the time for itself.
                if at == start:
                    _log_stopped(index.name, error, live[at])
                    mapped.stopped += 1
                    at += 1
            rows, errors = labels.finish(engine)
            mapped.rows += rows
            for uid, message in errors:
                logger.warning(
                    "The map function of %s failed for document %s, which is left out: %s",
                    index.name, uid, message,
                )  # fmt: skip
    return mapped


def _log_stopped(name: str, error: javascript.JavaScriptError, entry: _Entry) -> None:
    logger.warning(
        "The map function of %s was %s for document %s, which is left out.", name, error, entry.uid
    )


def drop_unused(database: Database, sources: Iterable[str]) -> None:
    """Drop the indexes of a keyspace whose functions are not among ``sources``."""
    used = json.dumps([signature(source) for source in sources])
    condition = "keyspace = %s AND signature NOT IN (SELECT value FROM json_each(%s))"
    params = [database.keyspace, used]
    with database.atomic():
        database.execute(
            "DELETE FROM cbtools_view_rows WHERE view IN "
            f"(SELECT id FROM cbtools_views WHERE {condition})",
            params,
        )
        database.execute(f"DELETE FROM cbtools_views WHERE {condition}", params)
