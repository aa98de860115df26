"""The gateway's side of HTTP: what is asked, what is answered, and who asks."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from django.http import parse_cookie

from . import gojson, sessions, users
from .access import ADMIN, Reader
from .database import Database
from .errors import GatewayError, bad_request, missing, phrase

#: The most that is read of a request's body, unpacked.
MAX_BODY_BYTES = 256 * 1024 * 1024

ADMIN_PORT = "admin"
PUBLIC_PORT = "public"
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass
class Answer:
    """A response. One that is ``listed`` has the length of its body in the answer to HEAD.

    What is long, or takes its time, comes as a ``stream``, of ``length`` bytes if that is known;
    whoever sends it closes the stream when he is done, or gives up.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    listed: bool = False
    stream: Generator[bytes, None, None] | None = None
    length: int | None = None

    def content_length(self) -> int | None:
        """How many bytes there are to send; None where nobody knows yet."""
        return len(self.body) if self.stream is None else self.length

    def chunks(self) -> Iterable[bytes]:
        """The body, piece by piece."""
        if self.stream is not None:
            return self.stream
        return [self.body] if self.body else []

    @property
    def phrase(self) -> str:
        return phrase(self.status)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        """A value as JSON; a str is JSON already."""
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        return cls(status, text.encode(), {"Content-Type": "application/json", **(headers or {})})

    def without_body(self) -> Answer:
        """The answer to HEAD, as a real gateway gives it: most say nothing of a body."""
        if self.stream is not None:
            self.stream.close()
        if self.listed or self.status >= 400:
            headers = {**self.headers, "Content-Length": str(self.content_length())}
        else:
            headers = {k: v for k, v in self.headers.items() if k != "Content-Type"}
        return Answer(self.status, b"", headers)

    @classmethod
    def of_error(cls, error: GatewayError) -> Answer:
        body = {"error": error.error, "reason": error.reason}
        return cls.json(body, error.status, error.headers)


@dataclass
class Call:
    """A request to a port of the gateway.

    ``path`` is as it was sent, escapes and all, from the gateway's root on; ``mount`` is what
    stood before it. The names of ``headers`` are in lower case. ``read`` gives the body, up to a
    number of bytes; it may raise a GatewayError. ``trusted`` is the user that a caller in this
    process speaks for: he needs no password, and reads all channels unless he is known to the
    gateway.
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
    database: Database = field(init=False)
    names: dict[str, str] = field(default_factory=dict)

    @cached_property
    def query(self) -> dict[str, str]:
        """The query string's parameters; the first of several wins, as in Go."""
        pairs = parse_qsl(self.query_string, keep_blank_values=True)
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
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise bad_request(f"{name} URL param is not a JSON string array")
        return value

    @cached_property
    def text(self) -> str:
        """The body, unpacked; raises a 415 or 413 GatewayError where it cannot be."""
        encoding = self.headers.get("content-encoding", "")
        if encoding not in ("", "gzip"):
            raise GatewayError(415, "Unsupported Content-Encoding; use gzip")
        data = self.read(MAX_BODY_BYTES + 1)
        if encoding == "gzip":
            data = _unpacked(data)
        if len(data) > MAX_BODY_BYTES:
            raise GatewayError(413, "Request body too large")
        return data.decode("utf-8", "replace")

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; raises a 400 GatewayError where it is none."""
        content_type = self.headers.get("content-type", "")
        if content_type and not re.match(r"application/json(;|$)", content_type):
            raise bad_request(
                f"Bad JSON: 415 Invalid content type {content_type} - expected application/json"
            )
        return gojson.decode_object(self.text)

    @property
    def session_id(self) -> str | None:
        """The session's id in the request's cookie."""
        return parse_cookie(self.headers.get("cookie", "")).get(sessions.COOKIE) or None

    def credentials(self) -> tuple[str, str] | None:
        """Name and password of basic authentication, None where there are none.

        Raises a 401 GatewayError for another scheme.
        """
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "basic":
            raise invalid_login()
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
        if credentials is not None:
            user = users.authenticate(self.database, *credentials)
            if user is None:
                raise invalid_login()
            return user
        if self.session_id is not None:
            return sessions.user_of(self.database, self.session_id)
        return None

    def log_in(self) -> Reader:
        """Who asks, GUEST where he may; raises a 401 GatewayError otherwise."""
        return self._reader

    @cached_property
    def _reader(self) -> Reader:
        if self.port == ADMIN_PORT:
            return ADMIN
        if self.trusted is not None:
            user = users.find(self.database, self.trusted)
            if user is None:
                return Reader(self.trusted, ADMIN.channels)
        else:
            user = self.user() or users.get(self.database, users.GUEST)
        if user.disabled:
            raise GatewayError(401, "Login required", _CHALLENGE)
        return user.reader()


_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Couchbase Sync Gateway"'}


def invalid_login(*, challenge: bool = True) -> GatewayError:
    return GatewayError(401, "Invalid login", _CHALLENGE if challenge else None)


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(data, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise bad_request(f"Bad gzip body: {error}") from None
    if not unpacker.eof and len(data) <= MAX_BODY_BYTES:
        raise bad_request("Bad gzip body: unexpected EOF")
    return data


def unescape(segment: str) -> str:
    """A path segment without its escapes; raises a 400 GatewayError for a malformed one."""
    if _ESCAPE.search(segment):
        raise bad_request("Invalid doc ID")
    return unquote_to_bytes(segment).decode("utf-8", "replace")


def document_id(segment: str) -> str:
    """The document id that a path segment stands for.

    As on a real gateway, an id with no slash in it is unescaped twice (04-doc-ids.json).
    """
    uid = unescape(segment)
    uid = uid if "/" in uid else unescape(uid)
    if uid.startswith("_"):
        raise missing("unknown URL")
    return uid
