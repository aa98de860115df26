"""The gateway: a request goes in, an answer comes out."""

from __future__ import annotations

import logging
import posixpath

from django.db import DatabaseError
from django.utils.encoding import iri_to_uri
from django.utils.html import escape

from django_cbtools import conf

from .database import Database
from .errors import GatewayError, missing
from .http import ADMIN_PORT, PUBLIC_PORT, Answer, Call
from .javascript import JavaScriptError
from .routes import Handler, find_route

logger = logging.getLogger(__name__)


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
    methods, call.names = find_route(call.port, call.path)
    return methods


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
