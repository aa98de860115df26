"""Sessions: a login that lasts, kept by a cookie."""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple

from . import users
from .database import Database
from .errors import GatewayError

COOKIE = "SyncGatewaySession"
#: How long (seconds) a session lasts where its maker does not say.
TTL = 24 * 60 * 60
MAX_TTL = 100 * 365 * TTL


class Session(NamedTuple):
    """A session; ``expires`` is in seconds since 1970, ``ttl`` in seconds."""

    id: str
    username: str
    stamp: str
    expires: int
    ttl: int


def create(database: Database, user: users.User, ttl: int = TTL) -> Session:
    """Begin a session; those that have ended are cleared away."""
    now = int(time.time())
    session = Session(secrets.token_hex(20), user.name, user.stamp, now + ttl, ttl)
    with database.atomic():
        database.execute("DELETE FROM cbtools_sessions WHERE expires < %s", [now])
        database.execute(
            "INSERT INTO cbtools_sessions (database, id, username, stamp, expires, ttl) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            [database.name, *session],
        )
    return session


def find(database: Database, session_id: str) -> Session | None:
    """A session that has not ended."""
    row = database.row(
        "SELECT id, username, stamp, expires, ttl FROM cbtools_sessions "
        "WHERE database = %s AND id = %s AND expires >= %s",
        [database.name, session_id, int(time.time())],
    )
    return Session._make(row) if row else None


def user_of(database: Database, session_id: str) -> users.User:
    """Whose session it is; raises a 401 GatewayError where it is over, or no longer his."""
    session = find(database, session_id)
    if session is None:
        raise GatewayError(401, "Session Invalid")
    user = users.find(database, session.username)
    if user is None or user.stamp != session.stamp:
        raise GatewayError(401, "Session no longer valid for user")
    if user.disabled:
        raise GatewayError(401, "Session Invalid")
    return user


def delete(database: Database, session_id: str) -> bool:
    """End a session; False where there is none."""
    return bool(
        database.execute(
            "DELETE FROM cbtools_sessions WHERE database = %s AND id = %s",
            [database.name, session_id],
        )
    )


def delete_all(database: Database, username: str) -> None:
    """End all of a user's sessions."""
    database.execute(
        "DELETE FROM cbtools_sessions WHERE database = %s AND username = %s",
        [database.name, username],
    )
