"""Sessions: logins that last for more than one request, identified by a cookie."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from email.utils import formatdate
from typing import NamedTuple

from django.utils.encoding import iri_to_uri

from ..access import Reader
from ..database import Database
from ..errors import GatewayError, bad_request, missing
from . import users

#: How long (seconds) a session lasts by default.
TTL = 24 * 60 * 60
#: How long (seconds) a session for a single request can be used.
ONE_TIME_TTL = 5 * 60
MAX_TTL = 100 * 365 * TTL
_COLUMNS = "id, username, stamp, expires, ttl, one_time"


class Session(NamedTuple):
    """A session. ``expires`` is in seconds since 1970, ``ttl`` is in seconds.

    A ``one_time`` session ends with its first request. ``stamp`` is the user's stamp from the time
    of the login; the session is invalid if the user's stamp has changed.
    """

    id: str
    username: str
    stamp: str
    expires: int
    ttl: int
    one_time: bool = False

    def cookie(
        self, database: Database, mount: str, *, is_secure: bool, crosses_sites: bool
    ) -> str:
        """Return the value of the Set-Cookie header.

        ``mount`` is the path at which the gateway is mounted. ``is_secure`` says whether the
        request came over HTTPS, and ``crosses_sites`` whether pages of other sites may use the
        gateway. By default, scripts cannot read the cookie, and browsers do not send it with
        requests from other sites; the configuration can change both. (A real gateway restricts
        neither.)
        """
        is_secure = is_secure or database.option("session_cookie_secure")
        flags = {
            "HttpOnly": database.config.get("session_cookie_http_only") is not False,
            "Secure": is_secure,
        }
        same_site = database.option("unsupported.same_site_cookie")
        if not same_site:
            same_site = "None" if crosses_sites and is_secure else "Lax"
        parts = [
            f"{database.option('session_cookie_name')}={self.id}",
            f"Path={iri_to_uri(f'{mount}/{database.name}')}",
            f"Expires={formatdate(self.expires, usegmt=True)}",
            *(flag for flag, is_on in flags.items() if is_on),
        ]
        if same_site != "Default":
            parts.append(f"SameSite={same_site}")
        return "; ".join(parts)


class Resumed(NamedTuple):
    """The user of a request's session, and the session (None: it was for this request only).

    ``is_extended`` says whether the request extended the session.
    """

    user: users.User
    session: Session | None
    is_extended: bool = False


def ended_cookie(database: Database) -> str:
    """Return the value of the Set-Cookie header that deletes the cookie."""
    name = database.option("session_cookie_name")
    return f"{name}=; Expires={formatdate(int(time.time()), usegmt=True)}"


def create(
    database: Database, user: users.User, ttl: int = TTL, *, one_time: bool = False
) -> Session:
    """Create a session, and delete expired ones.

    ``ttl`` is its lifetime in seconds. Raises a 400 GatewayError if the user is disabled.
    """
    if user.disabled:
        raise bad_request("User is disabled")
    now = int(time.time())
    session = Session(secrets.token_hex(20), user.name, user.stamp, now + ttl, ttl, one_time)
    with database.atomic():
        database.execute("DELETE FROM cbtools_sessions WHERE expires < %s", [now])
        database.execute(
            f"INSERT INTO cbtools_sessions (database, {_COLUMNS}) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [database.name, *session],
        )
    return session


def _find(database: Database, session_id: str) -> Session | None:
    row = database.row(
        f"SELECT {_COLUMNS} FROM cbtools_sessions "
        "WHERE database = %s AND id = %s AND expires >= %s",
        [database.name, session_id, int(time.time())],
    )
    return Session._make(row) if row else None


def user_of(database: Database, session_id: str) -> users.User:
    """Return the user of a session; raise a 404 GatewayError if it has expired or was revoked."""
    session = _find(database, session_id)
    user = users.find(database, session.username) if session else None
    if session is None or user is None or user.stamp != session.stamp:
        raise missing()
    return user


def resume(database: Database, session_id: str) -> Resumed:
    """Return the session that a request's cookie names, and its user.

    This extends the session if more than a tenth of its lifetime is over, and ends a one-time
    session. Raises a 401 GatewayError if there is no such session, or if its user is disabled, has
    been deleted or has a new password.
    """
    session = _find(database, session_id)
    if session is None:
        raise GatewayError(401, "Session Invalid")
    user = users.find(database, session.username)
    if user is None or user.stamp != session.stamp:
        raise GatewayError(401, "Session no longer valid for user")
    if user.disabled:
        # A real gateway lets disabled users continue until their sessions expire.
        raise GatewayError(401, "Session Invalid")
    if session.one_time:
        # Another request may be using the session at the same time. Only one of them may succeed.
        if not database.execute(
            "DELETE FROM cbtools_sessions WHERE database = %s AND id = %s AND expires > 0",
            [database.name, session_id],
        ):
            raise GatewayError(401, "Session Invalid")
        return Resumed(user, None)
    expires = int(time.time()) + session.ttl
    if expires - session.expires <= session.ttl / 10:
        return Resumed(user, session)
    database.execute(
        "UPDATE cbtools_sessions SET expires = %s WHERE database = %s AND id = %s",
        [expires, database.name, session_id],
    )
    return Resumed(user, session._replace(expires=expires), is_extended=True)


def watched(
    reader: Reader, database: Database, user: users.User, session: Session | None, password: str
) -> Reader:
    """Return a reader for a long request, such as a change feed, that checks the login again.

    Its method :meth:`Reader.again` raises a 401 GatewayError once the user's session is over, or
    once ``password`` is no longer the user's password.
    """

    def again() -> Reader:
        found = users.find(database, user.name)
        is_over = session is not None and _find(database, session.id) is None
        if found is not None and found.stamp != user.stamp and user.name != users.GUEST:
            is_over = is_over or session is not None or not found.accepts(password)
        if is_over:
            raise GatewayError(401, "Login required")
        return watched(reader.again(), database, found or user, session, password)

    return replace(reader, reload=again)


def delete(database: Database, session_id: str) -> bool:
    """End a session. Return whether it exists or has ended recently."""
    place = [database.name, session_id]
    with database.atomic():
        known = database.value(
            "SELECT 1 FROM cbtools_sessions WHERE database = %s AND id = %s", place
        )
        database.execute(
            "UPDATE cbtools_sessions SET expires = 0 WHERE database = %s AND id = %s", place
        )
    return bool(known)


def delete_all(database: Database, username: str) -> None:
    """End all of a user's sessions."""
    database.execute(
        "DELETE FROM cbtools_sessions WHERE database = %s AND username = %s",
        [database.name, username],
    )
