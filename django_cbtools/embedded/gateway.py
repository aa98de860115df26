"""The gateway: a request goes in, an answer comes out."""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Callable

from django.db import DatabaseError
from django.utils.encoding import iri_to_uri
from django.utils.html import escape

from django_cbtools import conf

from . import api_documents as documents
from . import api_server as server
from . import api_views as views
from .database import Database
from .errors import GatewayError, missing
from .http import ADMIN_PORT, PUBLIC_PORT, Answer, Call
from .javascript import JavaScriptError

logger = logging.getLogger(__name__)

Handler = Callable[[Call], Answer]
_BOTH = (PUBLIC_PORT, ADMIN_PORT)
_ADMIN = (ADMIN_PORT,)
_PUBLIC = (PUBLIC_PORT,)

#: Paths, the ports that know them, and who answers each method. ``{x}`` stands for one segment;
#: the last route is any that is left over.
_ROUTES: list[tuple[str, tuple[str, ...], dict[str, Handler]]] = [
    ("/", _BOTH, {"GET": server.welcome, "HEAD": server.welcome}),
    ("/_ping", _BOTH, {"GET": server.ping, "HEAD": server.ping}),
    ("/_all_dbs", _ADMIN, {"GET": server.all_databases, "HEAD": server.all_databases}),
    ("/{db}/", _BOTH, {
        "GET": server.database_info, "HEAD": server.database_info,
        "POST": documents.post_document,
    }),
    ("/{db}/_all_docs", _BOTH, {
        "GET": documents.all_docs, "HEAD": documents.all_docs, "POST": documents.all_docs,
    }),
    ("/{db}/_bulk_docs", _BOTH, {"POST": documents.bulk_docs}),
    ("/{db}/_session", _PUBLIC, {
        "GET": server.show_session, "HEAD": server.show_session,
        "POST": server.log_in, "DELETE": server.log_out,
    }),
    ("/{db}/_session", _ADMIN, {"POST": server.make_session}),
    ("/{db}/_session/{session}", _ADMIN, {
        "GET": server.get_session, "DELETE": server.delete_session,
    }),
    ("/{db}/_user/", _ADMIN, {
        "GET": server.list_users, "HEAD": server.list_users, "POST": server.post_user,
    }),
    ("/{db}/_user/{name}", _ADMIN, {
        "GET": server.get_user, "HEAD": server.get_user,
        "PUT": server.put_user, "DELETE": server.delete_user,
    }),
    ("/{db}/_user/{name}/_session", _ADMIN, {"DELETE": server.delete_user_sessions}),
    ("/{db}/_user/{name}/_access_history", _ADMIN, {"GET": server.access_history}),
    ("/{db}/_design/{design}", _BOTH, {
        "GET": views.get_design, "HEAD": views.get_design,
        "PUT": views.put_design, "DELETE": views.delete_design,
    }),
    ("/{db}/_design/{design}/_view/{view}", _BOTH, {"GET": views.query_view}),
    ("/{db}/{doc}", _BOTH, {
        "GET": documents.get_document, "HEAD": documents.get_document,
        "PUT": documents.put_document, "DELETE": documents.delete_document,
    }),
]  # fmt: skip


def _compile(path: str) -> re.Pattern[str]:
    # A database, or a document, has no underscore in front.
    path = path.replace("{db}", "(?P<db>(?!_|%5[Ff])[^/]+)")
    path = path.replace("{doc}", "(?P<doc>(?!_|%5[Ff])[^/]+)")
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


_TABLE = [(_compile(path), ports, methods) for path, ports, methods in _ROUTES]


def respond(call: Call) -> Answer:
    """The gateway's answer to a request; it raises nothing but what is the settings' fault."""
    answer = _answer(call)
    return answer.without_body() if call.method == "HEAD" else answer


def _answer(call: Call) -> Answer:
    try:
        return _respond(call)
    except GatewayError as error:
        return Answer.of_error(error)
    except JavaScriptError as error:
        return Answer.of_error(GatewayError(500, f"Internal error: JavaScript {error}"))
    except DatabaseError as error:
        logger.exception("The embedded gateway's database failed: %s %s", call.method, call.path)
        # The reason names the file, which is no stranger's business.
        is_stranger = call.port == PUBLIC_PORT and call.trusted is None
        reason = "look at the server's log" if is_stranger else str(error)
        return Answer.of_error(
            GatewayError(503, f"The embedded gateway's database failed: {reason}")
        )


def _respond(call: Call) -> Answer:
    if not {".", ".."}.isdisjoint(call.path.split("/")):
        return _moved(call, "/" + posixpath.normpath(call.path).lstrip("/"))
    if call.port == ADMIN_PORT and "origin" in call.headers:
        # It asks for no password: a page in the developer's browser must not reach it.
        raise GatewayError(403, "The admin API is not for web pages")
    methods = _methods(call)
    if methods is None:
        return _moved(call, _other_path(call))
    if call.method == "OPTIONS":
        return Answer(204, headers={"Allow": ", ".join(methods)})
    handler = methods.get(call.method)
    if handler is None:
        raise GatewayError(405, "", {"Allow": ", ".join(methods)})
    if "db" in call.names:
        call.database = _database(call)
    return handler(call)


def _methods(call: Call) -> dict[str, Handler] | None:
    for pattern, ports, methods in _TABLE:
        match = pattern.fullmatch(call.path) if call.port in ports else None
        if match:
            call.names = match.groupdict()
            return methods
    return None


def _other_path(call: Call) -> str:
    """The path with, or without, the slash at its end; a 404 GatewayError where that is none."""
    other = call.path[:-1] if call.path.endswith("/") else call.path + "/"
    if _methods(Call(call.port, call.alias, call.method, other)) is None:
        raise missing("unknown URL")
    return other


def _moved(call: Call, path: str) -> Answer:
    location = iri_to_uri(call.mount + path)
    if call.method not in ("GET", "HEAD"):
        return Answer(301, headers={"Location": location})
    html = f'<a href="{escape(location)}">Moved Permanently</a>.\n\n'.encode()
    return Answer(301, html, {"Location": location, "Content-Type": "text/html; charset=utf-8"})


def _database(call: Call) -> Database:
    name = call.names["db"]
    try:
        return Database.open(call.alias, name, create=name == conf.get("SYNC_GATEWAY_BUCKET"))
    except GatewayError:
        if call.port == ADMIN_PORT:
            raise
        # The public port does not say which databases there are.
        reason = "Invalid login" if call.headers.get("authorization") else "Login required"
        raise GatewayError(401, reason) from None
