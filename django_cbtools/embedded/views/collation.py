"""Labels: what makes strings in view keys sort as Couchbase's collation wants it.

The engine hands them out (see ``engine.js``); here they are kept. The engine remembers a store's
labels. What it remembers is taken back where a transaction that kept some was rolled back, or
where another process has given some out since. An id is never given to two labels, rolled back
or not: while the store has the last one that the engine knows, it has all of them.
"""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

from django.db import transaction

from .. import javascript
from ..database import Database
from ..errors import bad_request


def _store(database: Database) -> str:
    # A test database has the alias of the real one.
    return f"{database.alias}:{database.connection.settings_dict['NAME']}"


def _last_id(database: Database) -> int:
    return int(database.value("SELECT coalesce(max(id), 0) FROM cbtools_collation"))


def synchronise(engine: javascript.Engine, database: Database) -> int:
    """Tell the engine the store's labels that it does not know; the id of the last one."""
    store = _store(database)
    known, last = engine.known.get(store), _last_id(database)
    if known != last:
        after = 0
        if isinstance(known, int) and database.value(
            "SELECT 1 FROM cbtools_collation WHERE id = %s", [known]
        ):
            after = known
        pairs = database.rows(
            "SELECT text, label FROM cbtools_collation WHERE id > %s ORDER BY id", [after]
        )
        engine.call("learn", store, pairs, not after)
        engine.known[store] = last
    return last


def bounds(engine: javascript.Engine, database: Database, keys: list[Any]) -> list[str]:
    """The sort keys of a query's keys; a 400 GatewayError for a number that JavaScript has not."""
    synchronise(engine, database)
    try:
        sort_keys: list[str] = engine.call("bounds", _store(database), keys)
    except ValueError:
        raise bad_request("A number in the query's keys is too large") from None
    return sort_keys


class Made(NamedTuple):
    """What a map function made of documents, up to the one at ``end``.

    ``rows`` has five items for each row, as in ``engine.js``; ``errors`` are [uid, message] where
    it failed; ``stopped`` is why it did not get further.
    """

    end: int
    rows: list[Any]
    errors: list[list[str]]
    stopped: Exception | None


class Run:
    """The labels that one batch of documents brings."""

    def __init__(self, engine: javascript.Engine, database: Database) -> None:
        self._database = database
        self._after = synchronise(engine, database)
        self._labels: list[list[str]] = []

    def map(self, engine: javascript.Engine, function: str, start: int) -> Made:
        """Map the documents that the engine has loaded, from ``start`` on, as far as it gets.

        Raises JavaScriptMemory, after which the engine is of no use.
        """
        store = _store(self._database)
        stopped: Exception | None = None
        try:
            made = engine.call("map", function, store, start, time_limit=javascript.TIME_LIMIT)
        except javascript.JavaScriptTimeout as error:
            made = engine.call("stopped", store)
            stopped = error
        if made["labels"]:
            self._labels += made["labels"]
            # Until they are committed the engine knows more than the store holds.
            engine.known[store] = self
        return Made(made["end"], made["rows"], made["errors"], stopped)

    def keep(self) -> bool:
        """Keep the labels, inside the transaction that writes the rows.

        False, with nothing written, where other labels were kept since the run began: the two
        may contradict each other.
        """
        if not self._labels:
            return True
        if _last_id(self._database) != self._after:
            return False
        first = self._after + 1 + secrets.randbits(40)
        rows = [(first + n, text, label) for n, (text, label) in enumerate(self._labels)]
        self._database.execute_many("INSERT INTO cbtools_collation VALUES (%s, %s, %s)", rows)
        transaction.on_commit(lambda: self._committed(rows[-1][0]), using=self._database.alias)
        return True

    def _committed(self, last: int) -> None:
        store = _store(self._database)
        with javascript.engine() as engine:
            if engine.known.get(store) is self:
                engine.known[store] = last
