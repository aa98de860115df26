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
        #: By statement, and by service: whether it is prepared there; False where it cannot be.
        self._known: OrderedDict[str, dict[str, bool]] = OrderedDict()
        self._lock = threading.Lock()

    def members(self, statement: str, url: str) -> dict[str, object]:
        """How to ask for a statement at a service, as members of the request."""
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

    def answered(self, statement: str, url: str, members: dict[str, object]) -> None:
        """A service has done what :meth:`members` said."""
        if "auto_execute" in members:
            with self._lock:
                self._known.setdefault(statement, {})[url] = True

    def refused(self, statement: str, url: str, members: dict[str, object]) -> bool:
        """A service has no plan, or makes none; False where it was not asked for one."""
        if members.keys() == {"statement"}:
            return False
        with self._lock:
            where = self._known.setdefault(statement, {})
            if "auto_execute" in members:
                where[url] = False
            else:
                where.pop(url, None)
        return True


def name_of(statement: str) -> str:
    """The name of a prepared statement, the same for each process that asks for it."""
    return f"cbtools-{hashlib.sha256(statement.encode()).hexdigest()[:40]}"
