"""HTTP requests: their parameters and their senders."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from django.utils.functional import cached_property

from .. import callers, gojson
from ..access import ADMIN, Reader
from ..database import Collection, Database
from ..errors import GatewayError, bad_request
from ..principals import sessions, users
from . import cors, limits
from .answers import Answer
from .bodies import Message

#: The largest number of parameters in a query string, as in Go.
MAX_PARAMETERS = 10_000
#: In how many cookies a caller is looked for.
MAX_COOKIES = 50

ADMIN_PORT = "admin"
PUBLIC_PORT = "public"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass
class Call(Message):
    """A request to a port of the gateway.

    ``path`` is the path below the gateway's root, as the client sent it, with its escapes.
    ``mount`` is the path prefix at which the gateway is mounted. ``is_raw`` is false if the server
    unescaped the path; then it is not known which slashes were escaped. ``is_secure`` is true for
    HTTPS. ``host`` is the host to which the request was sent, or None if the server has not
    checked it. ``trusted`` is the name of the user for whom a caller in this process acts. That
    user needs no password, and can read all channels if the gateway has no user of that name.

    ``address`` is the client's address, or None if the caller is in this process. ``is_socket`` is
    true if the client asks for a WebSocket, and the server has them.

    ``longest_wait`` is the longest time (in seconds) that the server lets a feed wait.
    ``can_follow`` is true if the server can answer other requests while it sends an endless feed.
    """

    port: str
    alias: str
    method: str
    path: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[int], bytes] = lambda limit: b""
    trusted: str | None = None
    mount: str = ""
    is_raw: bool = True
    longest_wait: float = math.inf
    can_follow: bool = True
    is_secure: bool = False
    host: str | None = None
    address: str | None = None
    is_socket: bool = False
    database: Database = field(init=False)
    #: The database, once the client may learn that it exists; it decides the CORS headers.
    known: Database | None = None
    names: dict[str, str] = field(default_factory=dict)
    #: Headers that are added to the answer, including errors.
    answer_headers: dict[str, str] = field(default_factory=dict)
    _readers: dict[Collection, Reader] = field(default_factory=dict)
    #: The session by which the user is logged in, unless it ends with this request.
    _session: sessions.Session | None = None
    #: Whether this request holds one of the turns for large bodies.
    _has_turn: bool = False

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters in the query string. As in Go, the first of several values counts.

        Raises a 400 GatewayError if there are too many parameters.
        """
        try:
            pairs = parse_qsl(
                self.query_string, keep_blank_values=True, max_num_fields=MAX_PARAMETERS
            )
        except ValueError:
            raise bad_request(f"The query has more than {MAX_PARAMETERS} parameters") from None
        return dict(reversed(pairs))

    def flag(self, name: str) -> bool:
        """Return whether a parameter of the query is ``true``."""
        return self.query.get(name) == "true"

    def integer(self, name: str) -> int | None:
        """Return a parameter that is a natural number, None if it is missing or not a number."""
        found = re.fullmatch(r"[0-9]{1,18}", self.query.get(name, ""))
        return int(found[0]) if found else None

    def strings(self, name: str) -> list[str] | None:
        """Return a parameter that is a JSON array of strings, None if it is missing or null.

        Raises a 400 GatewayError if it is anything else.
        """
        if not self.query.get(name):
            return None
        try:
            value = gojson.unmarshal(self.query[name])
        except GatewayError:
            value = None
        if value is None and self.query[name].strip() == "null":
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise bad_request(f"{name} URL param is not a JSON string array")
        return value

    def accepts(self, media_type: str) -> bool:
        """Return whether the client accepts a media type.

        ``multipart/`` stands for any type that begins with it.
        """
        accept = self.headers.get("accept", "")
        return not accept or media_type in accept or "*/*" in accept

    def json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        """Return an answer with a value as JSON. A str is taken as JSON text.

        Raises a 406 GatewayError if the client does not accept JSON. As on a real gateway, a write
        that the client asked for has been done by then.
        """
        if not self.accepts("application/json"):
            raise GatewayError(406, "only application/json available", headers)
        return Answer.json(value, status, headers)

    def body_of(self, media_type: str) -> str:
        """Return the body as text.

        Raises a 415 GatewayError if its Content-Type is not ``media_type``, and the errors of
        :meth:`pieces`.
        """
        given = self.headers.get("content-type", "")
        if given and not given.startswith(media_type):
            raise GatewayError(415, f"Invalid content type {given} - expected {media_type}")
        return self.text

    @property
    def session_id(self) -> str | None:
        """The session id in the request's cookie, None if there is none."""
        return self.cookie(self.database.option("session_cookie_name"))

    def cookie(self, name: str) -> str | None:
        """Return a cookie's value or None. As in Go, the first of several values counts."""
        # Django's parse_cookie() is not used because, before Python 3.12.6, it takes quadratic time
        # for quoted values.
        for pair in self.headers.get("cookie", "").split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                return value.strip('"') or None
        return None

    def credentials(self) -> tuple[str, str] | None:
        """Return the name and the password of basic authentication, None if there are none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme != "Basic":
            return None
        try:
            name, colon, password = base64.b64decode(token, validate=True).decode().partition(":")
        except ValueError:
            return None
        return (name, password) if name and colon else None

    def user(self) -> users.User | None:
        """Return the user whose password or session is in the request, None if it has neither.

        Raises a 401 GatewayError if the password is wrong or the session has expired.
        """
        credentials = self.credentials()
        if credentials is not None and not self.database.option("disable_password_auth"):
            user = users.authenticate(self.database, *credentials)
            if user is None:
                raise self._refusal("Invalid login")
            self._remember(user, repr(credentials))
            return user
        if self.session_id is None:
            return None
        user, self._session, is_extended = sessions.resume(self.database, self.session_id)
        if self._session is not None and is_extended:
            self.answer_headers["Set-Cookie"] = self.session_cookie(self._session)
        name = self.database.option("session_cookie_name")
        self._remember(user, f"{name}={self.session_id}")
        return user

    def _remember(self, user: users.User, login: str) -> None:
        if self.address is not None:
            callers.remember(login, f"{user.name} of {self.database.name} in {self.alias}")

    @cached_property
    def caller(self) -> str | None:
        """The sender of the request, as far as it is known before the login is checked.

        None for a caller in this process.
        """
        if self.address is None:
            return None
        if self.port == ADMIN_PORT:
            return f"admin at {self.address}"
        cookies = self.headers.get("cookie", "").split(";", MAX_COOKIES)
        logins = [repr(self.credentials()), *map(str.strip, cookies[:MAX_COOKIES])]
        return callers.of(logins, self.address)

    @property
    def session(self) -> sessions.Session | None:
        """The session by which the user is logged in, unless it ends with this request."""
        return self._session

    def session_cookie(self, session: sessions.Session) -> str:
        """Return the value of the Set-Cookie header for a session."""
        return session.cookie(
            self.database, self.mount, is_secure=self.is_secure,
            crosses_sites=any(cors.of(self.database).values()),
        )  # fmt: skip

    def begin_large(self) -> None:
        if self.trusted is None and not self._has_turn:
            with callers.pausing():
                limits.TURNS.enter(self._turn_of)
            self._has_turn = True

    def end(self) -> None:
        """Release what the request holds. Called once it has been answered."""
        if self._has_turn:
            self._has_turn = False
            limits.TURNS.leave(self._turn_of)

    @property
    def _turn_of(self) -> str | None:
        return self._user.name if self._user is not None else None

    def identify(self) -> users.User | None:
        """Return the user who sends the request; this can be GUEST.

        Returns None for an administrator, and for a trusted user that the gateway does not know.
        Raises a 401 GatewayError if the login fails or the user is disabled.
        """
        return self._user

    def log_in(self) -> Reader:
        """Return the reader who sends the request, with their channels in the collection.

        A request without a login is by GUEST. Raises a 401 GatewayError if the login fails or the
        user is disabled.
        """
        collection = self.database.collection
        if collection not in self._readers:
            self._readers[collection] = self._reader()
        return self._readers[collection]

    def _reader(self) -> Reader:
        if self._user is not None:
            reader = users.reader(self.database, self._user)
            if self.trusted is not None:
                return reader
            _, password = self.credentials() or ("", "")
            return sessions.watched(reader, self.database, self._user, self._session, password)
        return ADMIN if self.port == ADMIN_PORT else Reader(self.trusted, ADMIN.channels)

    @cached_property
    def _user(self) -> users.User | None:
        """The user who sends the request, see :meth:`identify`."""
        if self.port == ADMIN_PORT:
            return None
        if self.trusted is not None:
            user = users.find(self.database, self.trusted)
            if user is None:
                return None
        else:
            user = self.user() or users.get(self.database, users.GUEST)
        if user.disabled:
            is_bearer = self.headers.get("authorization", "").startswith("Bearer ")
            tries = is_bearer or self.credentials() is not None
            raise self._refusal("Invalid login" if tries else "Login required")
        return user

    def _refusal(self, reason: str) -> GatewayError:
        asks = self.database.option("send_www_authenticate_header")
        asks = asks and not self.database.option("disable_password_auth")
        return GatewayError(401, reason, _CHALLENGE if asks else None)


_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Couchbase Sync Gateway"'}


def unescape(segment: str) -> str:
    """Return a path segment without its escapes. Raises a 400 GatewayError if one is malformed."""
    if _ESCAPE.search(segment):
        raise bad_request("Invalid doc ID")
    return unquote_to_bytes(segment).decode("utf-8", "replace")


def header_value(text: str) -> str:
    """Return a text in a form that is safe in a header.

    It is one line, and its UTF-8 bytes are decoded as Latin-1, as WSGI requires.
    """
    return _CONTROL.sub(" ", text).strip().encode("utf-8", "replace").decode("latin-1")


def document_id(segment: str) -> str:
    """Return the document id in a path segment.

    Raises a 400 GatewayError if the segment is malformed or begins with an underscore.
    """
    uid = unescape(segment)
    if uid.startswith("_"):
        raise bad_request("Invalid doc ID")
    return uid
