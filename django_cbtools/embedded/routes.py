"""The gateway's paths: which port knows them, and who answers."""

from __future__ import annotations

import re
from collections.abc import Callable

from . import api_documents as documents
from . import api_server as server
from . import api_views as views
from .http import ADMIN_PORT, PUBLIC_PORT, Answer, Call

Handler = Callable[[Call], Answer]
_BOTH = (PUBLIC_PORT, ADMIN_PORT)
_ADMIN = (ADMIN_PORT,)
_PUBLIC = (PUBLIC_PORT,)

#: Paths, the ports that know them, and who answers each method. ``{x}`` stands for one segment;
#: the last route is any that is left over.
ROUTES: list[tuple[str, tuple[str, ...], dict[str, Handler]]] = [
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


_TABLE = [(_compile(path), ports, methods) for path, ports, methods in ROUTES]


def find_route(port: str, path: str) -> tuple[dict[str, Handler] | None, dict[str, str]]:
    """Who answers the methods of a path (None: there is no such path), and its named segments."""
    for pattern, ports, methods in _TABLE:
        match = pattern.fullmatch(path) if port in ports else None
        if match:
            return methods, match.groupdict()
    return None, {}
