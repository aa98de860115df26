"""Answers requests to the gateway: finds the route and the database, checks access, and
responds."""

from __future__ import annotations

import posixpath
import re
import traceback
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from django.utils.encoding import iri_to_uri
from django.utils.html import escape

from django_cbtools import conf

from .. import callers
from ..database import ONLINE, Collection, Database, under_maintenance
from ..databases import administration
from ..databases.config_checks import is_name
from ..documents import endings
from ..errors import GatewayError, bad_request, missing
from ..http import browsers, cors, origins
from ..http.answers import Answer
from ..http.compression import compress
from ..http.failures import reported
from ..http.messages import ADMIN_PORT, PUBLIC_PORT, Call, document_id, header_value, unescape
from ..http.streams import in_turns
from ..options import RUNTIME
from ..principals import users
from .routes import BODY_LIMITS, LOGINS, OFFLINE, OPEN, WRITERS, Route, find_routes, routed_path

#: The default name of the session cookie.
_COOKIE = RUNTIME["session_cookie_name"]

_READ_ONLY = "unsupported.guest_read_only"

#: The characters that a header value may have.
_SENDABLE = re.compile(r"[\x20-\x7e\x80-\xff]*")


def respond(call: Call) -> Answer:
    """Return the gateway's answer to a request.

    Gateway, JavaScript and database errors become answers. Other exceptions, such as
    ImproperlyConfigured for invalid settings, are raised. So is TransactionManagementError: the
    transaction of the program that calls in process is broken, and only the program can end it.
    """
    with callers.computing(call.caller):
        answer = _answered(call)
    if answer.stream is not None:
        answer.stream = in_turns(answer.stream, call.caller)
    return answer


def _answered(call: Call) -> Answer:
    try:
        answer = _answer(call)
    finally:
        call.end()
    answer.headers.update(call.answer_headers)
    if call.port == PUBLIC_PORT and "origin" in call.headers:
        answer.headers.update(cors.headers(cors.of(call.known), call.headers["origin"]))
    browsers.adapt(answer.headers, call.headers)
    # Headers can contain text that a client sent, such as a revision or a content type.
    for name, value in answer.headers.items():
        if not _SENDABLE.fullmatch(value):
            answer.headers[name] = header_value(value)
    if call.method == "HEAD":
        return answer.without_body()
    compress(answer, call.method, call.path, call.headers)
    return answer


def _answer(call: Call) -> Answer:
    try:
        with reported(call):
            return _respond(call)
    except GatewayError as error:
        _let_go(error)
        return Answer.of_error(error)


def _let_go(error: BaseException | None) -> None:
    """Clear the frames that an error passed.

    A frame that raises an error it has a name for is in a cycle with it. Bodies of requests, to
    which frames refer, would be kept until the garbage collector finds the cycle.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _respond(call: Call) -> Answer:
    if call.port == ADMIN_PORT:
        origins.check_admin(call)
    unescape(call.path)
    path = routed_path(call.path, call.query_string)
    routes = find_routes(call.port, path)
    route = routes.get(call.method)
    if route is None:
        return _without_route(call, path, routes)
    if not {".", ".."}.isdisjoint(path.split("/")):
        clean = "/" + posixpath.normpath(path).lstrip("/")
        return Answer(301, headers={"Location": _location(call, clean)})
    call.check_encoding()
    call.names = route.names
    call.max_text = BODY_LIMITS.get(route.handler, call.max_text)
    keyspace = call.names.get("keyspace")
    name = call.names.get("db") or keyspace
    if name is not None:
        name = unescape(name)
        call.database, collection = _find(call, name, is_keyspace=keyspace is not None)
        if route.handler not in OPEN:
            _admit(call, route)
        if route.handler not in LOGINS:
            origins.check_write(call, call.database)
        call.known = call.database
        if call.database.state != ONLINE and route.handler not in OFFLINE:
            raise under_maintenance(call.database.state)
        if keyspace is not None:
            call.database = _at(call.database, collection, name)
        if call.database.has_expired:
            uid = document_id(call.names["doc"]) if "doc" in call.names else None
            endings.end_documents(call.database, first=uid)
    return route.handler(call)


def _admit(call: Call, route: Route) -> None:
    """Authenticate the client.

    Raises a 401 GatewayError if the login fails, and a 403 GatewayError if a guest may only read.
    """
    user = call.identify()
    is_guest = user is not None and user.name == users.GUEST
    if is_guest and route.handler in WRITERS and call.database.option(_READ_ONLY):
        raise GatewayError(403, "Anonymous access is read-only")


def _without_route(call: Call, path: str, routes: Mapping[str, Route]) -> Answer:
    """Answer a request that has no route: with a redirect, or with the allowed methods.

    Raises a 404 GatewayError for an unknown path, and a 405 GatewayError for an unsupported method.
    """
    other = path[:-1] if path.endswith("/") else path + "/"
    redirected = {} if path.endswith("//") else find_routes(call.port, other)
    if call.method in redirected:
        return _moved(call, other)
    routes = routes or redirected
    if not routes:
        raise missing("unknown URL")
    methods = ", ".join(routes)
    headers = {"Allow": methods}
    if "origin" in call.headers:
        call.known = _configured(call, next(iter(routes.values())))
        headers |= cors.preflight(cors.of(call.known), methods)
    if call.method != "OPTIONS":
        raise GatewayError(405, "", headers)
    return Answer(204, headers=headers)


def _configured(call: Call, route: Route) -> Database | None:
    """Return the database in the path of a route, None if it does not exist."""
    names = [route.names[key] for key in ("db", "keyspace", "newdb") if key in route.names]
    return Database.find(call.alias, names[0].partition(".")[0]) if names else None


def _moved(call: Call, path: str) -> Answer:
    location = _location(call, path)
    if call.method not in ("GET", "HEAD"):
        return Answer(301, headers={"Location": location})
    html = f'<a href="{escape(location)}">Moved Permanently</a>.\n\n'.encode()
    return Answer(301, html, {"Location": location, "Content-Type": "text/html; charset=utf-8"})


def _location(call: Call, path: str) -> str:
    query = f"?{call.query_string}" if call.query_string else ""
    return iri_to_uri(call.mount) + quote(path, safe="/$&+,:;=@~") + iri_to_uri(query)


def _find(call: Call, name: str, *, is_keyspace: bool) -> tuple[Database, list[str]]:
    """Return the database with a name, and the parts of the collection's name in a keyspace.

    If there is no such database, raises a 404 GatewayError on the admin port and a 401 GatewayError
    on the public port. Raises a 400 GatewayError if the name is invalid.
    """
    collection: list[str] = []
    ours = conf.get("SYNC_GATEWAY_BUCKET")
    if is_keyspace and name != ours:
        name, collection = _parsed(name)
    database = administration.open_database(call.alias, name)
    if database is None and name == ours:
        administration.ensure(call.alias)
        database = administration.open_database(call.alias, name)
    if database is not None:
        return database, collection
    if not is_name(name):
        raise bad_request(f'invalid database name "{name}"')
    if call.port == ADMIN_PORT:
        raise missing(f'no such database "{name}"')
    # The public port does not reveal which databases exist.
    authorization = call.headers.get("authorization", "")
    tries = call.credentials() or authorization.startswith("Bearer ") or call.cookie(_COOKIE)
    raise GatewayError(401, "Invalid login" if tries else "Login required")


def _parsed(keyspace: str) -> tuple[str, list[str]]:
    parts = keyspace.split(".")
    if len(parts) > 3:
        problem = f'unknown keyspace format: "{keyspace}" - expected 1-3 fields'
    elif not all(parts):
        problem = f'keyspace fields cannot be empty: "{keyspace}"'
    else:
        return parts[0], parts[1:]
    raise GatewayError(500, f"Internal error: {problem}")


def _at(database: Database, collection: list[str], keyspace: str) -> Database:
    """Return the database at a collection, given as ``[]``, ``[name]`` or ``[scope, name]``.

    Without a scope, the collection is in the database's only scope. Raises a 404 GatewayError if
    the database has no such collection.
    """
    known = database.collections()
    if not collection:
        wanted = Collection()
    elif len(collection) == 1:
        wanted = Collection(known[0].scope, collection[0])
    else:
        wanted = Collection(*collection)
    if wanted not in known:
        raise missing(f"keyspace {keyspace} not found")
    return replace(database, collection=wanted)
