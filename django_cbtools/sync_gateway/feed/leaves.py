"""The leaves of a document: its current revision, and the revisions in conflict with it."""

from __future__ import annotations

from ..documents.documents import Row, read_rows
from .changes import ChangeFeeds


class Leaves:
    """The part of :class:`SyncGateway` that is about revisions in conflict."""

    @staticmethod
    def get_leaves(uid: str) -> list[Row]:
        """Return the leaf revisions of a document, except for tombstones.

        The current revision comes first, then the revisions in conflict with it, highest first. It
        takes two requests. Returns rows as :meth:`SyncGateway.bulk_get`, with an ``error`` if the
        user may not read the revision. The list is empty if the document does not exist or is
        deleted.
        """
        changes = ChangeFeeds.changes(doc_ids=[uid], style="all_docs", active_only=True)
        # A feed of some documents contains tombstones all the same.
        found = [change for change in changes if change.uid == uid and not change.deleted]
        revs = [rev for change in found for rev in change.revs]
        others = sorted(revs[1:], key=_order, reverse=True)
        rows = read_rows([{"id": uid, "rev": rev} for rev in [*revs[:1], *others]])
        return [_seen(row) for row in rows]


def _seen(row: Row) -> Row:
    """Return the row, or one with an error if the gateway does not show the revision's body."""
    if "_removed" not in row.get("doc", ()):
        return row
    return {"key": row["key"], "error": "forbidden", "reason": "forbidden", "status": 403}


def _order(rev: str) -> tuple[int, str, str]:
    number, _, digest = rev.partition("-")
    return len(number), number, digest
