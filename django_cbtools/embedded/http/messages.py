"""Requests to the gateway: their parameters and bodies, and the user who sends them."""

from __future__ import annotations

import base64
import json
import math
import re
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from django.utils.functional import cached_property

from .. import gojson, gostructs
from ..access import ADMIN, Reader
from ..database import Collection, Database
from ..errors import GatewayError, bad_request
from ..principals import sessions, users
from . import cors, limits
from .answers import Answer

#: The most that is read of a request's body, unpacked.
MAX_BODY_BYTES = limits.STREAM
#: How much of it is read at once.
PIECE = 64 * 1024
#: The most parameters that a query may have, as in Go.
MAX_PARAMETERS = 10_000

ADMIN_PORT = "admin"
PUBLIC_PORT = "public"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Message:
    """Headers (their names in lower case) and a body: a request, or a part of one.

    ``read`` gives the body, up to a number of bytes, and from where it stopped when it is called
    again; it may raise a GatewayError.
    """

    headers: Mapping[str, str]
    read: Callable[[int], bytes]
    #: The most that is read of a body that is to be a text.
    max_text: int = limits.SMALL

    def check_encoding(self) -> str:
        """How the body is packed ("": it is not); raises a 415 GatewayError for another way."""
        encoding = self.headers.get("content-encoding", "")
        if encoding not in ("", "gzip"):
            raise GatewayError(415, "Unsupported Content-Encoding; use gzip")
        return encoding

    def pieces(self, limit: int) -> Iterator[bytes]:
        """The body, unpacked; raises a 415, 413 or 400 GatewayError where it cannot be."""
        encoding = self.check_encoding()
        packed = iter(lambda: self.read(PIECE), b"")
        length = 0
        for piece in _unpacked(packed) if encoding else packed:
            length += len(piece)
            if length > limit:
                raise GatewayError(413, f"Request body too large: the limit is {limit} bytes")
            yield piece

    @cached_property
    def text(self) -> str:
        """The body; raises a GatewayError as :meth:`pieces` does."""
        return self._read_text()

    def _read_text(self) -> str:
        with tempfile.SpooledTemporaryFile(limits.LARGE) as file:
            for piece in self.pieces(self.max_text):
                file.write(piece)
            if file.tell() > limits.LARGE:
                self.begin_large()
            file.seek(0)
            body = file.read()
        if limits.is_too_wide(body):
            raise GatewayError(413, "Request body too large: send less at once")
        return body.decode("utf-8", "replace")

    def begin_large(self) -> None:
        """Called before a large body is held in memory."""

    def object(self, go_type: str = "db.Body") -> dict[str, Any]:
        """The body as a JSON object; raises a 400 GatewayError where it is none.

        It can be read once: the text is not kept beside what is made of it.
        """
        self._check_json()
        return gojson.decode_object(self._read_text(), go_type)

    def struct(self, wanted: gostructs.Type) -> Any:
        """The body as JSON of a type; raises a 400 GatewayError where it is of another."""
        self._check_json()
        return gostructs.read(self._read_text(), wanted)

    def _check_json(self) -> None:
        content_type = self.headers.get("content-type", "")
        if content_type and not re.match(r"application/json(;|$)", content_type):
            raise bad_request(
                f"Bad JSON: 415 Invalid content type {content_type} - expected application/json"
            )


@dataclass
class Call(Message):
    """A request to a port of the gateway.

    ``path`` is as it was sent, escapes and all, from the gateway's root on; ``mount`` is what
    stood before it; where the server has unescaped it, ``is_raw`` is false, and a slash may have
    been escaped or not. ``is_secure`` says whether it came by HTTPS, and ``host`` is the host that
    it was sent to, where the server has checked it. ``trusted`` is the user that a caller in this
    process speaks for: he needs no password, and reads all channels unless he is known to the
    gateway.

    ``longest_wait`` is how long (seconds) the server can let a feed wait. ``can_follow`` says
    whether it can serve others while it sends a feed that has no end.
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
    database: Database = field(init=False)
    #: The same, once the client may know of it.
    known: Database | None = None
    names: dict[str, str] = field(default_factory=dict)
    #: What goes with the answer, whatever it is.
    answer_headers: dict[str, str] = field(default_factory=dict)
    _readers: dict[Collection, Reader] = field(default_factory=dict)
    #: The session that the user has logged in by, if it lasts longer than this request.
    _session: sessions.Session | None = None
    #: Whether it has one of the turns for large bodies.
    _has_turn: bool = False

    @cached_property
    def query(self) -> dict[str, str]:
        """The query string's parameters; the first of several wins, as in Go."""
        try:
            pairs = parse_qsl(
                self.query_string, keep_blank_values=True, max_num_fields=MAX_PARAMETERS
            )
        except ValueError:
            raise bad_request(f"The query has more than {MAX_PARAMETERS} parameters") from None
        return dict(reversed(pairs))

    def flag(self, name: str) -> bool:
        """A parameter that says yes or no; no where it is absent."""
        return self.query.get(name) == "true"

    def integer(self, name: str) -> int | None:
        """A parameter that is a natural number; None where it is absent, or none."""
        found = re.fullmatch(r"[0-9]{1,18}", self.query.get(name, ""))
        return int(found[0]) if found else None

    def strings(self, name: str) -> list[str] | None:
        """A parameter that is a JSON array of strings; raises a 400 GatewayError for another."""
        if not self.query.get(name):
            return None
        try:
            value = json.loads(self.query[name])
        except (ValueError, RecursionError):
            value = None
        if value is None and self.query[name].strip() == "null":
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise bad_request(f"{name} URL param is not a JSON string array")
        return value

    def accepts(self, media_type: str) -> bool:
        """Whether the client takes an answer of a type (``multipart/``: of any that begins so)."""
        accept = self.headers.get("accept", "")
        return not accept or media_type in accept or "*/*" in accept

    def json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        """An answer as JSON; raises a 406 GatewayError for a client that does not take it.

        As on a real gateway, what he has asked for is done all the same.
        """
        if not self.accepts("application/json"):
            raise GatewayError(406, "only application/json available", headers)
        return Answer.json(value, status, headers)

    def body_of(self, media_type: str) -> str:
        """The body, which is of a type; raises a 415 GatewayError where it is of another."""
        given = self.headers.get("content-type", "")
        if given and not given.startswith(media_type):
            raise GatewayError(415, f"Invalid content type {given} - expected {media_type}")
        return self.text

    @property
    def session_id(self) -> str | None:
        """The session's id in the request's cookie."""
        return self.cookie(self.database.option("session_cookie_name"))

    def cookie(self, name: str) -> str | None:
        """A cookie's value; the first of several of a name wins, as in Go."""
        # Not Django's parse_cookie(): before Python 3.12.6, it takes time by the square of a
        # quoted value's length.
        for pair in self.headers.get("cookie", "").split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                return value.strip('"') or None
        return None

    def credentials(self) -> tuple[str, str] | None:
        """Name and password of basic authentication, None where there are none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme != "Basic":
            return None
        try:
            name, colon, password = base64.b64decode(token, validate=True).decode().partition(":")
        except ValueError:
            return None
        return (name, password) if name and colon else None

    def user(self) -> users.User | None:
        """Who has logged in with this request; None: nobody tries to.

        Raises a 401 GatewayError where the password is wrong or the session over.
        """
        credentials = self.credentials()
        if credentials is not None and not self.database.option("disable_password_auth"):
            user = users.authenticate(self.database, *credentials)
            if user is None:
                raise self._refusal("Invalid login")
            return user
        if self.session_id is None:
            return None
        user, self._session, is_extended = sessions.resume(self.database, self.session_id)
        if self._session is not None and is_extended:
            self.answer_headers["Set-Cookie"] = self.session_cookie(self._session)
        return user

    @property
    def session(self) -> sessions.Session | None:
        """The session that the client has logged in by, if it lasts longer than this request."""
        return self._session

    def session_cookie(self, session: sessions.Session) -> str:
        """The Set-Cookie header for a session."""
        return session.cookie(
            self.database, self.mount, is_secure=self.is_secure,
            crosses_sites=any(cors.of(self.database).values()),
        )  # fmt: skip

    def begin_large(self) -> None:
        if self.trusted is None and not self._has_turn:
            limits.TURNS.enter(self._turn_of)
            self._has_turn = True

    def end(self) -> None:
        """The request has been answered."""
        if self._has_turn:
            self._has_turn = False
            limits.TURNS.leave(self._turn_of)

    @property
    def _turn_of(self) -> str | None:
        return self._user.name if self._user is not None else None

    def identify(self) -> users.User | None:
        """Who asks, None: an administrator, or somebody whom only the caller knows.

        Raises a 401 GatewayError where he may not.
        """
        return self._user

    def log_in(self) -> Reader:
        """Who asks, GUEST where he may, and what is open to him in the database's collection.

        Raises a 401 GatewayError where he may not.
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
        """Who asks; None: an administrator, or somebody whom only the caller knows."""
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


def _unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        for piece in pieces:
            while piece and not unpacker.eof:
                yield unpacker.decompress(piece, PIECE)
                piece = unpacker.unconsumed_tail
    except zlib.error as error:
        raise bad_request(f"Bad gzip body: {error}") from None
    if not unpacker.eof:
        raise bad_request("Bad gzip body: unexpected EOF")


def unescape(segment: str) -> str:
    """A path segment without its escapes; raises a 400 GatewayError for a malformed one."""
    if _ESCAPE.search(segment):
        raise bad_request("Invalid doc ID")
    return unquote_to_bytes(segment).decode("utf-8", "replace")


def header_value(text: str) -> str:
    """A text as a header can carry it: UTF-8 in the form that WSGI has for it, all in one line."""
    return _CONTROL.sub(" ", text).strip().encode("utf-8", "replace").decode("latin-1")


def document_id(segment: str) -> str:
    """The document id that a path segment stands for; raises a 400 GatewayError for no id."""
    uid = unescape(segment)
    if uid.startswith("_"):
        raise bad_request("Invalid doc ID")
    return uid
