"""Grants that documents make: channels for users and roles, and roles for users.

Users and roles are named as in a sync function: "alice", "role:editors", '' for GUEST.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..access import Since, earliest
from ..database import Database

ROLE_PREFIX = "role:"
CHANNEL = "channel"
ROLE = "role"


class Grants(NamedTuple):
    """The channels and roles that a document grants, by user or role."""

    channels: Mapping[str, list[str]] = {}
    roles: Mapping[str, list[str]] = {}


class Change(NamedTuple):
    """The difference between a document's old and new grants.

    ``opened`` are the new grants, which have the sequence ``sequence``. ``closed`` are the revoked
    ones, with the sequences at which they were granted. A grant is a tuple of a user or role, a
    kind (CHANNEL or ROLE), and a name.
    """

    opened: set[tuple[str, str, str]]
    closed: Mapping[tuple[str, str, str], int]
    sequence: int

    def __bool__(self) -> bool:
        return bool(self.opened or self.closed)

    def touched(self, kind: str) -> dict[str, Touched]:
        """Return what has changed of a kind, by user or role."""
        touched: dict[str, Touched] = defaultdict(lambda: Touched(set(), {}, self.sequence))
        for principal, of, name in self.opened:
            if of == kind:
                touched[principal].opened.add(name)
        for (principal, of, name), since in self.closed.items():
            if of == kind:
                touched[principal].closed[name] = since
        return dict(touched)


class Touched(NamedTuple):
    """The channels or roles of one user or role that a document granted or revoked."""

    opened: set[str]
    closed: dict[str, int]
    sequence: int

    def before(self, now: Since) -> dict[str, int]:
        """Return what the user or role had before. ``now`` is what it has, with the sequences."""
        kept = {
            name: since
            for name, since in now.items()
            if since != self.sequence or name not in self.opened
        }
        return earliest(kept, self.closed)


@dataclass(frozen=True)
class Granted:
    """The channels (by keyspace) and roles that all documents together grant a user or role.

    Each name has the earliest sequence at which it was granted.
    """

    channels: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    roles: dict[str, int] = field(default_factory=dict)


def of(database: Database, principals: Sequence[str]) -> Mapping[str, Granted]:
    """Return the grants of each user or role, in one query."""
    rows = database.rows(
        "SELECT principal, kind, keyspace, name, min(sequence) FROM cbtools_grants "
        f"WHERE database = %s AND principal IN ({', '.join(['%s'] * len(principals))}) "
        "GROUP BY principal, kind, keyspace, name",
        [database.name, *principals],
    )
    granted: dict[str, Granted] = defaultdict(Granted)
    for principal, kind, keyspace, name, sequence in rows:
        target = granted[principal]
        if kind == CHANNEL:
            target.channels[keyspace][name] = sequence
        else:
            target.roles.update(earliest(target.roles, {name: sequence}))
    return granted


def by_document(database: Database, uid: str) -> list[tuple[str, str, str, int]]:
    """Return a document's grants: user or role, kind, name, and sequence."""
    rows = database.rows(
        "SELECT principal, kind, name, sequence FROM cbtools_grants "
        "WHERE keyspace = %s AND uid = %s ORDER BY 1, 2, 3",
        [database.keyspace, uid],
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def store(database: Database, uid: str, grants: Grants, sequence: int) -> Change:
    """Replace a document's grants, and return what changed.

    Grants that remain keep their sequence; new ones get ``sequence``.
    """
    wanted = {
        (principal, kind, name)
        for kind, by_principal in ((CHANNEL, grants.channels), (ROLE, grants.roles))
        for principal, names in by_principal.items()
        for name in names
    }
    rows = database.rows(
        "SELECT principal, kind, name, sequence FROM cbtools_grants "
        "WHERE keyspace = %s AND uid = %s",
        [database.keyspace, uid],
    )
    known = {(principal, kind, name): since for principal, kind, name, since in rows}
    closed = {row: since for row, since in known.items() if row not in wanted}
    change = Change(wanted - known.keys(), closed, sequence)
    if change.closed:
        database.execute_many(
            "DELETE FROM cbtools_grants WHERE database = %s AND principal = %s AND kind = %s "
            "AND name = %s AND keyspace = %s AND uid = %s",
            [(database.name, *row, database.keyspace, uid) for row in change.closed],
        )
    if change.opened:
        database.execute_many(
            "INSERT INTO cbtools_grants (database, principal, kind, name, keyspace, uid, sequence) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [(database.name, *row, database.keyspace, uid, sequence) for row in change.opened],
        )
    return change
