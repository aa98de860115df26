"""Stores the labels that make view keys sort in the order of Couchbase's collation.

Each string in a key has a label; labels sort as text in the order of the strings. The JavaScript
engine makes the labels (see ``collation.js``) and remembers those of each store, that is, of each
SQLite file. This module stores them. It loads them into the engine again if a transaction that
stored labels was rolled back, or if another process has stored some. No id is ever used for two
labels, even after a rollback. So if the store has the last label that the engine knows, it has all
of them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from .. import javascript
from ..database import Database
from ..errors import bad_request


def _store(database: Database) -> str:
    # A test database has the same alias as the real one, so the alias alone does not identify it.
    return f"{database.alias}:{database.connection.settings_dict['NAME']}"


def _last_id(database: Database) -> int:
    return int(database.value("SELECT coalesce(max(id), 0) FROM cbtools_collation"))


def synchronise(engine: javascript.Engine, database: Database) -> int:
    """Load stored labels that the engine does not know; return the id of the last stored one."""
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
    """Return the sort keys of the keys in a query.

    Raises a 400 GatewayError if a key contains a number that is too large.
    """
    synchronise(engine, database)
    try:
        sort_keys: list[str] = engine.call("bounds", _store(database), keys)
    except ValueError:
        raise bad_request("A number in the query's keys is too large") from None
    return sort_keys


def ranks(texts: list[str]) -> list[int]:
    """Return the place of each text in the order of views; equal texts have the same one.

    Raises ImproperlyConfigured if mini-racer is not installed.
    """
    with javascript.engine() as engine:
        found: list[int] = engine.call("ranks", texts)
    return found


class Run:
    """The new labels of one batch of rows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after = 0
        self._labels: list[list[str]] = []

    def encode(self, keys: Sequence[str]) -> list[str]:
        """Return the sort keys for the keys of rows, which are JSON."""
        if not keys:
            return []
        # Many rows often have the same key.
        different = list(dict.fromkeys(keys))
        store = json.dumps(_store(self._database))
        with javascript.engine() as engine:
            self._after = synchronise(engine, self._database)
            answer = engine.call_text(f'["encode",{store},[{",".join(different)}]]')
            sort_keys, self._labels = json.loads(answer)
            if self._labels:
                # Until these labels are committed, the engine knows labels that the store lacks.
                engine.known[_store(self._database)] = self
        if len(different) == len(keys):
            return list(sort_keys)
        known = dict(zip(different, sort_keys, strict=True))
        return [known[key] for key in keys]

    def keep(self) -> bool:
        """Store the labels, inside the transaction that writes the rows.

        If other labels have been stored since the run began, these may contradict them. Then the
        method writes nothing and returns False.
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
