"""The gateway's URL routes: the path, the ports that serve it, and a handler for each method."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from ..http import limits
from ..http.answers import Answer
from ..http.messages import ADMIN_PORT, PUBLIC_PORT, Call
from . import (
    attachments,
    blipsync,
    bulk,
    channels,
    databases,
    documents,
    inspect,
    jobs,
    local,
    replications,
    revisions,
    server,
    users,
    views,
)
from . import changes as api_changes
from .left_out import LEFT_OUT, refusal

Handler = Callable[[Call], Answer]
_BOTH = (PUBLIC_PORT, ADMIN_PORT)
_ADMIN = (ADMIN_PORT,)
_PUBLIC = (PUBLIC_PORT,)

#: Paths, the ports that serve them, and the handler of each method. ``{db}``, ``{keyspace}`` and
#: ``{doc}`` match a segment that does not begin with an underscore; any other name matches any
#: segment.
ROUTES: list[tuple[str, tuple[str, ...], dict[str, Handler]]] = [
    ("/", _BOTH, {"GET": server.welcome, "HEAD": server.welcome}),
    ("/_ping", _BOTH, {"GET": server.ping, "HEAD": server.ping}),
    ("/_status", _ADMIN, {"GET": server.status}),
    ("/_all_dbs", _ADMIN, {"GET": server.all_databases, "HEAD": server.all_databases}),
    ("/{db}/", _BOTH, {"GET": databases.info, "HEAD": databases.info}),
    ("/{keyspace}/", _BOTH, {"POST": documents.post_document}),
    ("/{newdb}/", _ADMIN, {"PUT": databases.create}),
    ("/{newdb}/", _PUBLIC, {"PUT": databases.create_target}),
    ("/{db}/", _ADMIN, {"DELETE": databases.delete}),
    ("/{db}/_config", _ADMIN, {
        "GET": databases.get_config, "POST": databases.put_config, "PUT": databases.put_config,
    }),
    ("/{keyspace}/_config/sync", _ADMIN, {
        "GET": databases.get_code, "PUT": databases.put_code, "DELETE": databases.delete_code,
    }),
    ("/{keyspace}/_config/import_filter", _ADMIN, {
        "GET": databases.get_code, "PUT": databases.put_code, "DELETE": databases.delete_code,
    }),
    ("/{db}/_offline", _ADMIN, {"POST": jobs.take_offline}),
    ("/{db}/_online", _ADMIN, {"POST": jobs.bring_online}),
    ("/{db}/_resync", _ADMIN, {"GET": jobs.get_resync, "POST": jobs.post_resync}),
    ("/{db}/_compact", _ADMIN, {"GET": jobs.get_compact, "POST": jobs.post_compact}),
    ("/{db}/_flush", _ADMIN, {"POST": jobs.flush}),
    ("/{db}/_replication/", _ADMIN, {
        "GET": replications.get_all, "HEAD": replications.get_all, "POST": replications.post,
    }),
    ("/{db}/_replication/{id}", _ADMIN, {
        "GET": replications.get, "HEAD": replications.get, "PUT": replications.put,
        "DELETE": replications.delete,
    }),
    ("/{db}/_replicationStatus/", _ADMIN, {
        "GET": replications.get_statuses, "HEAD": replications.get_statuses,
    }),
    ("/{db}/_replicationStatus/{id}", _ADMIN, {
        "GET": replications.get_status, "HEAD": replications.get_status,
        "PUT": replications.put_status,
    }),
    ("/{db}/_ensure_full_commit", _BOTH, {"POST": databases.ensure_full_commit}),
    ("/{keyspace}/_all_docs", _BOTH, {
        "GET": bulk.all_docs, "HEAD": bulk.all_docs, "POST": bulk.all_docs,
    }),
    ("/{keyspace}/_bulk_docs", _BOTH, {"POST": bulk.bulk_docs}),
    ("/{keyspace}/_bulk_get", _BOTH, {"POST": bulk.bulk_get}),
    ("/{keyspace}/_revs_diff", _BOTH, {"POST": revisions.revs_diff}),
    ("/{db}/_blipsync", _BOTH, {"GET": blipsync.blipsync}),
    ("/{keyspace}/_local/{name}", _BOTH, {
        "GET": local.get_local, "HEAD": local.get_local,
        "PUT": local.put_local, "DELETE": local.delete_local,
    }),
    ("/{keyspace}/_revtree/{doc}", _ADMIN, {"GET": revisions.revision_tree}),
    ("/{keyspace}/_raw/{doc}", _ADMIN, {"GET": inspect.raw, "HEAD": inspect.raw}),
    ("/{keyspace}/_channel_history/{doc}", _ADMIN, {"GET": channels.channel_history}),
    ("/{keyspace}/_channel_history/{doc}/compact", _ADMIN, {
        "POST": channels.compact_channel_history,
    }),
    ("/{keyspace}/_dumpchannel/{channel}", _ADMIN, {"GET": channels.dump_channel}),
    ("/{keyspace}/_purge", _ADMIN, {"POST": inspect.purge_documents}),
    ("/{db}/_dump/{view}", _ADMIN, {"GET": inspect.dump_view}),
    ("/{db}/_view/{view}", _ADMIN, {"GET": inspect.query_own_view}),
    ("/{db}/_repair", _ADMIN, {"POST": inspect.repair}),
    ("/{keyspace}/_changes", _BOTH, {
        "GET": api_changes.changes, "HEAD": api_changes.changes, "POST": api_changes.changes,
    }),
    ("/{db}/_session", _BOTH, {"GET": users.show_session, "HEAD": users.show_session}),
    ("/{db}/_session", _PUBLIC, {"POST": users.log_in, "DELETE": users.log_out}),
    ("/{db}/_session", _ADMIN, {"POST": users.make_session}),
    ("/{db}/_session/{session}", _ADMIN, {
        "GET": users.get_session, "DELETE": users.delete_session,
    }),
    ("/{db}/_user/", _ADMIN, {
        "GET": users.list_users, "HEAD": users.list_users, "POST": users.post_user,
    }),
    ("/{db}/_user/{name}", _ADMIN, {
        "GET": users.get_user, "HEAD": users.get_user,
        "PUT": users.put_user, "DELETE": users.delete_user,
    }),
    ("/{db}/_user/{name}/_session", _ADMIN, {"DELETE": users.delete_user_sessions}),
    ("/{db}/_user/{name}/_session/{session}", _ADMIN, {"DELETE": users.delete_session}),
    ("/{db}/_user/{name}/_access_history", _ADMIN, {"GET": users.access_history}),
    ("/{db}/_user/{name}/_access_history/compact", _ADMIN, {
        "POST": users.compact_access_history,
    }),
    ("/{db}/_role/", _ADMIN, {
        "GET": users.list_roles, "HEAD": users.list_roles, "POST": users.post_role,
    }),
    ("/{db}/_role/{name}", _ADMIN, {
        "GET": users.get_role, "HEAD": users.get_role,
        "PUT": users.put_role, "DELETE": users.delete_role,
    }),
    ("/{db}/_design/{design}", _BOTH, {
        "GET": views.get_design, "HEAD": views.get_design,
        "PUT": views.put_design, "DELETE": views.delete_design,
    }),
    ("/{db}/_design/{design}/_view/{view}", _BOTH, {"GET": views.query_view}),
    ("/{keyspace}/{doc}", _BOTH, {
        "GET": documents.get_document, "HEAD": documents.get_document,
        "PUT": documents.put_document, "DELETE": documents.delete_document,
    }),
    ("/{keyspace}/{doc}/{attachment}", _BOTH, {
        "GET": attachments.get_attachment, "HEAD": attachments.get_attachment,
        "PUT": attachments.put_attachment, "DELETE": attachments.delete_attachment,
    }),
]  # fmt: skip


#: The handlers that also work while a database is not online.
OFFLINE: frozenset[Handler] = frozenset((
    databases.info, databases.delete, databases.get_config, databases.put_config,
    databases.get_code, databases.put_code, databases.delete_code, jobs.take_offline,
    jobs.bring_online, jobs.get_resync, jobs.post_resync,
))  # fmt: skip

#: The handlers that need no login on the public port.
OPEN: frozenset[Handler] = frozenset((users.show_session, users.log_in))

#: The handlers that check the Origin of a request themselves.
LOGINS: frozenset[Handler] = frozenset((users.log_in, users.log_out))

#: The handlers that accept larger bodies than the default (see ``http/limits.py``).
BODY_LIMITS: dict[Handler, int] = {
    **dict.fromkeys((
        documents.post_document, documents.put_document, bulk.bulk_docs, local.put_local,
    ), limits.DOCUMENTS),
    **dict.fromkeys((
        bulk.bulk_get, bulk.all_docs, revisions.revs_diff, api_changes.changes,
        inspect.purge_documents, databases.create, databases.put_config, databases.put_code,
        users.post_user, users.put_user, users.post_role, users.put_role,
        users.compact_access_history, views.put_design,
    ), limits.LISTS),
}  # fmt: skip

#: The handlers that need write access to documents. A read-only guest is refused before the
#: request's body is read.
WRITERS: frozenset[Handler] = frozenset((
    documents.post_document, documents.put_document, documents.delete_document,
    attachments.put_attachment, attachments.delete_attachment, local.put_local,
    local.delete_local, bulk.bulk_docs, revisions.revs_diff, views.put_design, views.delete_design,
))  # fmt: skip

#: Matches the beginning of a path, to the first character of a document's id or a user's name.
_BEFORE_NAME = re.compile(r"/[^_/][^/]*/(?:[^_]|_user/)")
_ESCAPED_SLASH = re.compile("%2[fF]")
#: The methods, in the order of the Allow header.
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")


class Route(NamedTuple):
    """The handler of a request, and the named segments of its path (still escaped)."""

    handler: Handler
    names: dict[str, str]


def _compile(path: str) -> re.Pattern[str]:
    path = re.sub(r"\{(db|newdb|keyspace|doc)\}", r"(?P<\1>[^_/][^/]*)", path)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


def _kind(port: str, path: str) -> tuple[str, int, str]:
    """Return the key of a path in the table. A pattern has the same key as all paths it matches."""
    segments = path.split("/")
    special = segments[2] if len(segments) > 2 and segments[2].startswith("_") else ""
    return port, len(segments), special


#: Patterns by kind of path, so that only a few are tried for each path.
_TABLE: dict[tuple[str, int, str], list[tuple[re.Pattern[str], dict[str, Handler]]]] = {}
_REFUSALS = [
    (path, ports, dict.fromkeys(methods.split(), refusal(what)))
    for path, ports, methods, what in LEFT_OUT
]
for _path, _ports, _methods in [*ROUTES, *_REFUSALS]:
    for _port in _ports:
        _TABLE.setdefault(_kind(_port, _path), []).append((_compile(_path), _methods))


def routed_path(path: str, query_string: str) -> str:
    """Return the path to look up in the table of routes: the path without escapes.

    As on a real gateway, a path with an escaped slash in a document's id or a user's name keeps all
    of its escapes. Handlers unescape the named segments once more.
    """
    target = f"{path}?{query_string}" if query_string else path
    # Two patterns, since one for both would take quadratic time for a path of many slashes.
    start = _BEFORE_NAME.search(target)
    keeps_escapes = start is not None and _ESCAPED_SLASH.search(target, start.end())
    return path if keeps_escapes else unquote(path)


def find_routes(port: str, path: str) -> dict[str, Route]:
    """Return the route of each method that a path supports; empty if the path is unknown."""
    found: dict[str, Route] = {}
    for pattern, methods in _TABLE.get(_kind(port, path), ()):
        match = pattern.fullmatch(path)
        if match:
            for method, handler in methods.items():
                found.setdefault(method, Route(handler, match.groupdict()))
    return {method: found[method] for method in _METHODS if method in found}
