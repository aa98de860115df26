"""Methods about earlier revisions of documents."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..calls.client import PUBLIC, loads, quote_uid, request
from ..calls.matching import check_document
from .documents import Row, read_rows


class Revision(NamedTuple):
    """A revision of a document. ``body`` is None if the gateway no longer keeps it."""

    rev: str
    body: dict[str, Any] | None


class Revisions:
    """The part of :class:`SyncGateway` that is about revisions of documents."""

    @staticmethod
    def get_revisions(uid: str, limit: int = 20) -> list[Revision]:
        """Return the current revision of a document and its ancestors, newest first.

        It takes two requests. A gateway keeps the ids of all of them, but the bodies of old ones
        only for a few minutes (``old_rev_expiry_seconds``).

        Raises SyncGatewayNotFound if the document does not exist.
        """
        path = quote_uid(uid)
        query = {"revs": "true", "revs_limit": str(limit)}
        response = request(PUBLIC, "GET", path, query=query, uid=uid)
        newest = loads(response)
        check_document(response, uid, newest)
        history = newest.pop("_revisions", {"start": 0, "ids": []})
        names = [f"{history['start'] - age}-{digest}" for age, digest in enumerate(history["ids"])]
        rows = read_rows([{"id": uid, "rev": rev} for rev in names[1:]])
        older = [Revision(rev, _kept(row)) for rev, row in zip(names[1:], rows, strict=True)]
        return [Revision(newest["_rev"], newest), *older]


def _kept(row: Row) -> dict[str, Any] | None:
    """Return the body of a revision's row, or None if the gateway does not show it."""
    body: dict[str, Any] | None = row.get("doc")
    # The reader may have had no access to any of the revision's channels.
    return None if body is None or "_removed" in body else body
