"""Documents of the embedded gateway, put into a bucket before each query of them."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from django.db import connections

from django_cbtools import conf
from django_cbtools.backends.couchbase import base, cursor

from . import recorder

_UPSERT = (
    "UPSERT INTO {keyspace} (KEY k, VALUE v) "
    "SELECT p[0] AS k, IFMISSINGORNULL(p[1], DECODE_JSON(p[2])) AS v FROM $1 AS p"
)
_DELETE = "DELETE FROM {keyspace} AS d USE KEYS $1"
_EXISTING = "SELECT RAW META(d).id FROM {keyspace} AS d"
#: What is in each keyspace, whichever thread has put it there.
_there: dict[str, dict[str, Any]] = {}
_lock = threading.Lock()


class _Recording(cursor.Cursor):
    """A cursor that notes what it executes, over which documents, and the rows that come."""

    def __init__(self, service: Any, wrapper: MirrorWrapper) -> None:
        super().__init__(service, wrapper.scan_consistency)
        self._wrapper = wrapper

    def execute(self, sql: str, params: Any = None) -> Any:
        super().execute(sql, params)
        statement, arguments = (sql, []) if params is None else cursor.positional(sql, params)
        rows = list(self._rows)
        self._rows = iter(rows)
        self._wrapper.recorded.append((statement, arguments, self._wrapper.documents(), rows))
        return self


class MirrorWrapper(base.DatabaseWrapper):
    """The backend as it is, whose cursors bring the bucket up to date first."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        #: What has been asked since somebody last emptied it.
        self.recorded: list[tuple[str, Any, dict[str, tuple[str, str]], list[Any]]] = []

    def create_cursor(self, name: str | None = None) -> Any:
        self.bring_up_to_date()
        return _Recording(self.connection, self)

    @property
    def queries_log(self) -> Any:
        return connections["default"].queries_log

    @queries_log.setter
    def queries_log(self, log: Any) -> None:
        """It is the other connection's."""

    @property
    def force_debug_cursor(self) -> Any:
        return connections["default"].force_debug_cursor

    @force_debug_cursor.setter
    def force_debug_cursor(self, value: bool) -> None:
        """It is the other connection's."""

    def documents(self) -> dict[str, tuple[str, str]]:
        """The revisions and bodies of the documents that the gateway has now, by uid."""
        with connections["default"].cursor() as own:
            own.cursor.execute(
                "SELECT uid, rev, body FROM cbtools_documents WHERE keyspace = ? AND deleted = 0 "
                "AND (expires IS NULL OR expires > unixepoch())",
                [conf.get("SYNC_GATEWAY_BUCKET")],
            )
            return {uid: (rev, body) for uid, rev, body in own.cursor.fetchall()}

    def bring_up_to_date(self) -> None:
        with _lock:
            self._bring_up_to_date(self.ops.keyspace(self))

    def _bring_up_to_date(self, keyspace: str) -> None:
        wanted = recorder.stored(self.documents())
        there = _there.get(keyspace)
        if there is None:
            there = dict.fromkeys(self._ask(_EXISTING, keyspace))
        changed = [
            [uid, *_sent(found[1])] for uid, found in wanted.items() if there.get(uid) != found
        ]
        gone = [uid for uid in there if uid not in wanted]
        if changed:
            self._ask(_UPSERT, keyspace, changed)
        if gone:
            self._ask(_DELETE, keyspace, gone)
        _there[keyspace] = wanted

    def _ask(self, statement: str, keyspace: str, *args: Any) -> list[Any]:
        sql = statement.format(keyspace=keyspace)
        return list(self.connection.query(sql, args, readonly=False))


def _sent(body: str) -> list[Any]:
    """A document as JSON; as its text, where Python's JSON has none of its numbers."""
    document = json.loads(body)
    try:
        json.dumps(json.loads(body, parse_int=_double), allow_nan=False)
    except ValueError:
        return [None, body]
    return [document]


def _double(text: str) -> int:
    """An integer; ValueError where no double is as large."""
    number = int(text)
    if abs(number) > sys.float_info.max:
        raise ValueError(number)
    return number
