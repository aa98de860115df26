"""Another client of the same documents, on a line that does not break."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

DATABASE = "/test_documents"


class Stale(AssertionError):
    """Somebody has come before the rival."""


class Rival:
    """Asks a gateway's admin port."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status, and the JSON that came."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        with closing(http.client.HTTPConnection(*self._address)) as connection:  # type: ignore[arg-type]
            connection.request(method, DATABASE + path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
        return answer.status, json.loads(text) if text else None

    def save(self, uid: str, rev: str | None, **members: Any) -> str:
        """Write a document; its revision. Raises Stale."""
        body = {"channels": ["a"], **members} | ({"_rev": rev} if rev else {})
        return self._written(*self.ask("PUT", f"/{uid}", body))

    def delete(self, uid: str, rev: str) -> str:
        """Delete a document; the tombstone's revision. Raises Stale."""
        return self._written(*self.ask("DELETE", f"/{uid}?rev={rev}"))

    def _written(self, status: int, answer: Any) -> str:
        if status == 409:
            raise Stale(answer)
        assert status in (200, 201), answer
        return str(answer["rev"])

    def rev(self, uid: str) -> str | None:
        """A document's revision; None where there is none, or it is deleted."""
        leaves = self.leaves(uid)
        return leaves[0]["_rev"] if leaves and "_deleted" not in leaves[0] else None

    def leaves(self, uid: str) -> list[dict[str, Any]]:
        """A document's current revisions, with their ``history``, the oldest first: there is one
        but for conflicts that somebody has pushed."""
        status, answer = self.ask("GET", f"/{uid}?open_revs=all&revs=true")
        if status == 404:
            return []
        assert status == 200, (uid, answer)
        found = []
        for row in answer:
            leaf = row["ok"]
            revisions = leaf.pop("_revisions")
            start, ids = revisions["start"], revisions["ids"]
            leaf["history"] = [f"{start - n}-{digest}" for n, digest in enumerate(ids)][::-1]
            found.append(leaf)
        return found
