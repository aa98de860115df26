"""Finds and removes attachments that no stored revision uses any more."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..database import Database
from .attachments import VERSION
from .documents import oldest_kept

#: How many documents :func:`collect_all` looks at in one transaction.
BATCH = 100


def _held(table: str, condition: str = "TRUE") -> str:
    """Return an SQL condition: whether a row of a table uses the attachment of a link."""
    return (
        f"EXISTS (SELECT 1 FROM {table} AS kept, json_each(kept.attachments) AS meta "
        "WHERE kept.keyspace = link.keyspace AND kept.uid = link.uid "
        "AND json_extract(meta.value, '$.digest') = link.digest "
        f"AND json_extract(meta.value, '$.ver') = {VERSION} AND {condition})"
    )


_IN_DOCUMENT = _held("cbtools_documents")
_IN_REVISION = _held("cbtools_revisions")


def count(database: Database) -> tuple[int, int]:
    """Return how many attachments stored revisions use, and how many could be removed."""
    ((held, unused),) = database.rows(
        "SELECT coalesce(sum(is_held), 0), coalesce(sum(1 - is_held), 0) FROM (SELECT max("
        f"{_IN_DOCUMENT} OR {_held('cbtools_revisions', 'kept.superseded >= %s')}) AS is_held "
        "FROM cbtools_attachments AS link WHERE link.keyspace = %s GROUP BY link.digest)",
        [oldest_kept(database), database.keyspace],
    )
    return held, unused


def collect_all(database: Database) -> int:
    """Remove attachments that no stored revision uses any more, and return their number.

    This takes a transaction for every BATCH documents.
    """
    total, last = 0, ""
    some = "SELECT DISTINCT uid FROM {} WHERE keyspace = %s AND uid > %s ORDER BY uid LIMIT %s"
    some_of_each = " UNION ".join(
        f"SELECT * FROM ({some.format(table)})"
        for table in ("cbtools_attachments", "cbtools_revisions")
    )
    while rows := database.rows(
        f"{some_of_each} ORDER BY 1 LIMIT %s", [*[database.keyspace, last, BATCH] * 2, BATCH]
    ):
        uids = [uid for (uid,) in rows]
        total += collect(database, uids)
        last = uids[-1]
    return total


def collect(database: Database, uids: Sequence[str]) -> int:
    """Remove attachments of some documents that no stored revision uses any more.

    Returns how many contents were removed, which no other document uses either.
    """
    keyspace, oldest = database.keyspace, oldest_kept(database)
    those = "keyspace = %s AND uid IN (SELECT value FROM json_each(%s))"
    params = [keyspace, json.dumps(uids)]
    with database.atomic():
        # Expired revisions must go first. They would reappear without their attachments if the
        # configured time for which revisions are kept were raised later.
        database.execute(
            f"DELETE FROM cbtools_revisions WHERE {those} AND superseded < %s", [*params, oldest]
        )
        rows = database.rows(
            f"DELETE FROM cbtools_attachments AS link WHERE {those} "
            f"AND NOT {_IN_DOCUMENT} AND NOT {_IN_REVISION} "
            "RETURNING digest",
            params,
        )
        if not rows:
            return 0
        gone = database.rows(
            "DELETE FROM cbtools_attachment_chunks AS chunk WHERE keyspace = %s "
            "AND digest IN (SELECT value FROM json_each(%s)) "
            "AND NOT EXISTS (SELECT 1 FROM cbtools_attachments AS link "
            "WHERE link.keyspace = chunk.keyspace AND link.digest = chunk.digest) "
            "RETURNING position",
            [keyspace, json.dumps([digest for (digest,) in rows])],
        )
    return gone.count((0,))
