"""The prepared statements of the query service."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from . import codes
from .rows import Rows

#: The members of a request that name the statement.
Members = dict[str, Any]

#: The number of statements that are remembered.
_MOST = 1000


class Plans:
    """The latest statements, and the services at which they are prepared.

    Preparing a statement takes more time than running it once, so a statement is prepared when it
    is used for the second time.
    """

    def __init__(self) -> None:
        #: Whether a statement is prepared, by statement and service. False if it cannot be.
        self._known: OrderedDict[str, dict[str, bool]] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, statement: str, url: str, send: Callable[[Members], Rows]) -> Rows:
        """Run a statement at a service, prepared if possible. ``send`` sends the members of a
        request.

        A lost plan is prepared again. A statement that cannot be prepared is run without a plan.
        Raises the exceptions of ``send``, which have a ``code``.
        """
        while True:
            members = self._members(statement, url)
            try:
                rows = send(members)
            except Exception as error:
                if getattr(error, "code", None) not in codes.NO_PLAN or _is_plain(members):
                    raise
                self._refused(statement, url, members)
            else:
                if "auto_execute" in members:
                    with self._lock:
                        self._known.setdefault(statement, {})[url] = True
                return rows

    def _members(self, statement: str, url: str) -> Members:
        with self._lock:
            where = self._known.get(statement)
            if where is None:
                self._known[statement] = {}
                if len(self._known) > _MOST:
                    self._known.popitem(last=False)
                return {"statement": statement}
            self._known.move_to_end(statement)
            is_prepared = where.get(url)
        if is_prepared is False:
            return {"statement": statement}
        name = name_of(statement)
        if is_prepared:
            return {"prepared": name}
        return {"statement": f"PREPARE `{name}` AS {statement}", "auto_execute": True}

    def _refused(self, statement: str, url: str, members: Members) -> None:
        with self._lock:
            where = self._known.setdefault(statement, {})
            if "auto_execute" in members:
                where[url] = False
            else:
                where.pop(url, None)


def _is_plain(members: Members) -> bool:
    return members.keys() == {"statement"}


def name_of(statement: str) -> str:
    """Return the name of a prepared statement. It is the same in all processes."""
    return f"cbtools-{hashlib.sha256(statement.encode()).hexdigest()[:40]}"
