"""The replications of a file that this process has to run: one of several processes runs them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from ...database import ONLINE, Database
from ...databases import administration, replications
from ...databases.replications import Replication

#: The interval (in seconds) at which the process shows that it is alive.
BEAT = 2.0

#: The name of a database, and the id of a replication.
Key = tuple[str, str]


class Stored:
    """The replications in the file of an alias, which ``find_alias`` returns."""

    def __init__(self, find_alias: Callable[[], str]) -> None:
        self.node = os.urandom(8).hex()
        self.alias = ""
        self._find_alias = find_alias
        self._beat = 0.0

    def read(self) -> dict[Key, tuple[Database, Replication]]:
        """Return the replications that this process has to run."""
        alias = self.alias = self._find_alias()
        replications.nodes.setdefault(alias, self.node)
        found: dict[Key, tuple[Database, Replication]] = {}
        for name in administration.names(alias):
            database = administration.open_database(alias, name)
            if database is None or database.state != ONLINE:
                continue
            for id, stored in replications.listed(database).items():
                found[name, id] = database, stored
        if not found or not self._claims(next(iter(found.values()))[0]):
            return {}
        return found

    def _claims(self, database: Database) -> bool:
        """Return whether this is the process that runs the replications of the file."""
        if self._beat and time.monotonic() - self._beat < BEAT:
            return True
        with database.atomic():
            if replications.claimed_by(database) not in ("", self.node):
                return False
            database.execute("DELETE FROM cbtools_nodes WHERE id <> %s", [self.node])
            database.execute(
                "INSERT OR REPLACE INTO cbtools_nodes (id, beat) VALUES (%s, %s)",
                [self.node, time.time()],
            )
        self._beat = time.monotonic()
        replications.nodes[self.alias] = self.node
        return True

    def leave(self) -> None:
        """Let another process run the replications at once."""
        if replications.nodes.get(self.alias) == self.node:
            del replications.nodes[self.alias]
        if not self._beat:
            return
        for name in administration.names(self.alias)[:1]:
            database = Database.open(self.alias, name)
            with database.atomic():
                database.execute("DELETE FROM cbtools_nodes WHERE id = %s", [self.node])

    def is_gone(self, key: Key) -> bool:
        """Return whether a replication has been deleted."""
        database = Database.find(self.alias, key[0])
        return database is not None and key[1] not in replications.listed(database)
