"""Which statements the query service knows by name."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

#: How many statements are remembered.
_MOST = 1000


class Plans:
    """Statements that were asked before, the latest ones, and where they are prepared.

    To prepare one takes more time than to ask it once, so that waits for the second time.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, set[str]] = OrderedDict()
        self._lock = threading.Lock()

    def members(self, statement: str, url: str) -> dict[str, object]:
        """How to ask for a statement at a service, as members of the request."""
        with self._lock:
            where = self._known.get(statement)
            if where is None:
                self._known[statement] = set()
                if len(self._known) > _MOST:
                    self._known.popitem(last=False)
                return {"statement": statement}
            self._known.move_to_end(statement)
        if url in where:
            return {"prepared": name_of(statement)}
        return {"statement": f"PREPARE `{name_of(statement)}` AS {statement}", "auto_execute": True}

    def prepared(self, statement: str, url: str) -> None:
        """A service knows a statement now."""
        with self._lock:
            self._known.setdefault(statement, set()).add(url)

    def forgotten(self, statement: str, url: str) -> None:
        """A service does not know a statement any more."""
        with self._lock:
            self._known.setdefault(statement, set()).discard(url)


def name_of(statement: str) -> str:
    """The name of a prepared statement, the same for each process that asks for it."""
    return f"cbtools-{hashlib.sha256(statement.encode()).hexdigest()[:40]}"
