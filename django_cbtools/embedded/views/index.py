"""The index of a view: the rows that its map function emits, stored in SQLite.

An update maps the documents whose sequences follow those of the last update. An index belongs to
the source of its map function: views with the same function share it, and it is dropped with the
last of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import javascript
from ..database import Database
from ..errors import GatewayError
from . import collation

logger = logging.getLogger(__name__)

#: The limits of one batch: the number of documents, of rows, and of characters in the documents. A
#: single document may exceed them.
BATCH = 2000
BATCH_ROWS = 5000
BATCH_LENGTH = 16 * 1024 * 1024
#: An update ends with an error once the map function had to be stopped at this many documents.
MAX_STOPPED = 5


class _Batch(NamedTuple):
    """Documents in the order of their sequences.

    ``live`` are the indexes of documents that are not deleted. ``documents`` is JSON with the uids,
    revisions, expiry times and bodies of these.
    """

    sequences: list[int]
    uids: list[str]
    live: list[int]
    documents: str


def signature(source: str) -> str:
    """Return the identifier of the index that belongs to a map function."""
    return hashlib.sha256(source.encode()).hexdigest()[:32]


@contextlib.contextmanager
def function_world(
    database: Database, source: str, name: str, kind: str = "map"
) -> Iterator[javascript.Engine]:
    """Return a context manager for a world in which a map or reduce function is compiled.

    ``source`` is the function, ``kind`` is "map" or "reduce", and ``name`` names the view in error
    messages. Raises a 400 GatewayError if the function does not compile.
    """
    key = (kind, database.alias, database.keyspace, source)
    while True:
        with javascript.world(javascript.VIEW, key) as world:
            if not world.known:
                _compile(world, source, f"{kind} function of {name}")
            world.full = not world.call("begin", kind == "map")
            if not world.full:
                yield world
                return


def _compile(world: javascript.Engine, source: str, name: str) -> None:
    try:
        error = world.call("compile", source, time_limit=javascript.TIME_LIMIT)
    except javascript.JavaScriptError as stopped:
        error = stopped
    if error is not None:
        world.full = True
        raise GatewayError(400, f"The {name} does not compile: {error}")
    world.known["source"] = source


class Index:
    """The rows that a map function emits for the documents of a keyspace.

    ``source`` is the function. ``name`` names the view in messages.
    """

    def __init__(self, database: Database, source: str, name: str) -> None:
        self.database = database
        self.source = source
        self.name = name

    def state(self) -> tuple[int, int, float, int]:
        """Return the index's id, its sequence, the time of its last update, and its epoch.

        The sequence is the last one that has been indexed. The time is in seconds since 1970 (0:
        never). The epoch is a number that changes when documents are purged.
        """
        params = [self.database.keyspace, signature(self.source)]
        query = (
            "SELECT id, sequence, updated, epoch FROM cbtools_views "
            "WHERE keyspace = %s AND signature = %s"
        )
        row = self.database.row(query, params)
        if row is None:
            self.database.execute(
                "INSERT INTO cbtools_views (keyspace, signature, sequence, updated) "
                "VALUES (%s, %s, 0, 0) ON CONFLICT DO NOTHING",
                params,
            )
            return self.state()
        return row[0], row[1], row[2], row[3]

    def update(self) -> int:
        """Index the documents that were written since the last update; return the index's id.

        Raises a 400 GatewayError if the function does not compile, and a 500 GatewayError if it had
        to be stopped at MAX_STOPPED documents. The documents indexed until then remain indexed, and
        the next update continues after them.
        """
        stopped, size = 0, BATCH
        while True:
            view, done, _, epoch = self.state()
            batch = self._read(done, size)
            if not batch.uids:
                if not done:
                    # No document has shown yet that the function compiles.
                    with function_world(self.database, self.source, self.name):
                        pass
                return view
            try:
                mapped = _map(self, batch, MAX_STOPPED - stopped)
                labels = collation.Run(self.database)
                sort_keys = labels.encode(mapped.rows[2::4])
            except javascript.JavaScriptMemory as error:
                # The engine is lost with all results of this run. Try again with fewer documents.
                if len(batch.uids) > 1:
                    size = max(1, len(batch.uids) // 10)
                    continue
                _log_left_out(self.name, batch.uids[0], error)
                mapped, labels, sort_keys = _Mapped(1, stopped=1), collation.Run(self.database), []
            if mapped.count:
                self._write(view, done, epoch, batch, mapped, labels, sort_keys)
            size = min(size * 10, BATCH)
            stopped += mapped.stopped
            if stopped >= MAX_STOPPED:
                raise GatewayError(
                    500,
                    f"Internal error: the map function of {self.name} was stopped for {stopped} "
                    "documents, since it does not end or takes too much memory. They are left "
                    "out; ask again to go on with the others.",
                )

    def _read(self, done: int, size: int) -> _Batch:
        rows, length = [], 0
        with self.database.connection.cursor() as cursor:
            cursor.execute(
                "SELECT sequence, uid, rev, deleted, expires, body FROM cbtools_documents "
                "WHERE keyspace = %s AND sequence > %s ORDER BY sequence LIMIT %s",
                [self.database.keyspace, done, size],
            )
            for row in cursor:
                rows.append(row)
                length += len(row[5])
                if length > BATCH_LENGTH:
                    break
        live = [place for place, row in enumerate(rows) if not row[3]]
        uids = json.dumps([rows[place][1] for place in live])
        revs = json.dumps([rows[place][2] for place in live])
        ends = json.dumps([rows[place][4] or 0 for place in live])
        bodies = ",".join([rows[place][5] for place in live])
        return _Batch(
            [row[0] for row in rows],
            [row[1] for row in rows],
            live,
            f"[{uids},{revs},{ends},[{bodies}]]",
        )

    def _write(
        self,
        view: int,
        done: int,
        epoch: int,
        batch: _Batch,
        mapped: _Mapped,
        labels: collation.Run,
        sort_keys: list[str],
    ) -> None:
        database = self.database
        with database.atomic():
            # Another process may have updated the index in the meantime.
            if not labels.keep():
                return
            if not database.execute(
                "UPDATE cbtools_views SET sequence = %s, updated = %s WHERE id = %s "
                "AND signature = %s AND sequence = %s AND epoch = %s",
                [
                    batch.sequences[mapped.count - 1],
                    time.time(),
                    view,
                    signature(self.source),
                    done,
                    epoch,
                ],
            ):
                return
            if done:
                database.execute(
                    "DELETE FROM cbtools_view_rows WHERE view = %s "
                    "AND uid IN (SELECT value FROM json_each(%s))",
                    [view, json.dumps(batch.uids[: mapped.count])],
                )
            database.execute_many(
                f"INSERT INTO cbtools_view_rows VALUES ({view:d}, %s, %s, %s, %s, %s)",
                zip(sort_keys, *(mapped.rows[n::4] for n in range(4)), strict=True),
            )


@dataclass
class _Mapped:
    """The rows of the first ``count`` documents of a batch.

    ``rows`` is a flat list with four items for each row: uid, position, key and value (see
    ``functions.js``). ``stopped`` is the number of documents at which the function was stopped.
    """

    count: int
    rows: list[Any] = field(default_factory=list)
    stopped: int = 0


def _map(index: Index, batch: _Batch, stops_left: int) -> _Mapped:
    """Map documents until the function has been stopped at ``stops_left`` of them."""
    live = batch.live
    mapped = _Mapped(len(batch.uids))
    with function_world(index.database, index.source, index.name) as world:
        world.call_text(f'["load",{batch.documents}]')
        at = 0
        while at < len(live):
            if mapped.stopped >= stops_left:
                mapped.count = live[at]
                break
            why: Exception | None = None
            try:
                made = world.call("map", at, time_limit=javascript.TIME_LIMIT)
            except javascript.JavaScriptTimeout as error:
                made, why = world.call("made"), error
            mapped.rows += made["rows"]
            for uid, message in made["errors"]:
                _log_left_out(index.name, uid, message)
            if why is not None and made["end"] == at:
                # The function spent the whole time limit on this one document.
                _log_left_out(index.name, batch.uids[live[at]], why)
                mapped.stopped += 1
                at += 1
            else:
                at = made["end"]
            if at < len(live) and len(mapped.rows) >= 4 * BATCH_ROWS:
                mapped.count = live[at]
                break
    return mapped


def _log_left_out(name: str, uid: str, why: object) -> None:
    # The names are quoted, so that a line break in one does not start a new line of the log.
    logger.warning(
        "The map function of %r failed for document %r, which is left out: %r",
        name,
        uid,
        str(why),
    )


def drop_unused(database: Database, sources: Iterable[str]) -> None:
    """Drop the indexes of a keyspace whose functions are not among ``sources``.

    Their rows are deleted in several transactions. If that is interrupted, the next call goes on.
    """
    used = json.dumps([signature(source) for source in sources])
    # The new signature hides an index from threads that are updating it.
    rows = database.rows(
        "UPDATE cbtools_views SET signature = 'dropped ' || id WHERE keyspace = %s "
        "AND signature NOT IN (SELECT value FROM json_each(%s)) RETURNING id",
        [database.keyspace, used],
    )
    for (view,) in rows:
        while database.execute(
            "DELETE FROM cbtools_view_rows WHERE view = %s AND uid IN "
            "(SELECT uid FROM cbtools_view_rows WHERE view = %s LIMIT %s)",
            [view, view, BATCH_ROWS],
        ):
            pass
        database.execute("DELETE FROM cbtools_views WHERE id = %s", [view])
