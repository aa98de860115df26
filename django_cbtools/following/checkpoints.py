"""Checkpoints: the position in the feed that a follower has reached."""

from __future__ import annotations

from django.utils import timezone

from django_cbtools.exceptions import SyncGatewayConflict

from .database import Database, number
from .notes import Note


class CheckpointError(Exception):
    """A checkpoint cannot be used. The message tells the reason and what to do."""


class Checkpoint:
    """The position in a keyspace's feed up to which a follower has handled all changes."""

    def __init__(self, name: str, keyspace: str | None = None) -> None:
        self.name = name
        self._note = Note("checkpoint", name, keyspace)
        self._database: Database | None = None

    def load(self, database: Database, since: str | None = None) -> str:
        """Return the position: ``since`` if it is given, else the stored one, else "0".

        Raises CheckpointError if the stored position belongs to another database.
        """
        found = self._note.read()
        self._database = database
        if since is not None:
            return since
        if found is None:
            return "0"
        position = str(found.get("since") or "0")
        name, server = str(found.get("database")), str(found.get("server") or "")
        why = ""
        if name != database.name:
            why = f"it is of database {name!r}"
        elif server and database.server and server != database.server:
            why = f"it is of a database {name!r} on another server"
        elif number(position) > database.last:
            why = (
                f"it is at {position}, but the database has come to {database.last} only: it was "
                "made anew, or restored from a backup"
            )
        if why:
            raise CheckpointError(
                f"The checkpoint of {self.name!r} is not one of database {database.name!r}: {why}. "
                "Say where to begin: --since 0 hands on all documents that there are, --since now "
                "those that are written from now on. Or use another --name."
            )
        return position

    def save(self, since: str, database: Database | None = None) -> None:
        """Store the position.

        Raises CheckpointError if another follower with this name stores one, too.
        """
        known = database or self._database
        body = {
            "name": self.name,
            "since": since,
            "database": known and known.name,
            "server": known and known.server,
            "saved": timezone.now().isoformat(),
        }
        try:
            self._note.write(body)
        except SyncGatewayConflict as error:
            raise CheckpointError(
                f"Another follower named {self.name!r} is running, and has written its checkpoint. "
                "Only one may: stop one of them, or give it another --name."
            ) from error
