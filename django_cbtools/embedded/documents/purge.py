"""Purges documents: removes them and everything that belongs to them, without a tombstone."""

from __future__ import annotations

import json
from typing import Any

from ..database import Database
from . import unused

#: How many documents are removed in one transaction.
BATCH = 1000


def purge(
    database: Database, uids: list[str], condition: str = "TRUE", params: Any = ()
) -> list[str]:
    """Purge the documents of ``uids`` for which an SQL condition still holds; return their ids."""
    gone = []
    for start in range(0, len(uids), BATCH):
        gone += _purge(database, uids[start : start + BATCH], condition, params)
    return gone


def _purge(database: Database, uids: list[str], condition: str, params: Any) -> list[str]:
    keyspace = database.keyspace
    with database.atomic():
        rows = database.rows(
            "DELETE FROM cbtools_documents WHERE keyspace = %s "
            f"AND uid IN (SELECT value FROM json_each(%s)) AND {condition} RETURNING uid",
            [keyspace, json.dumps(uids), *params],
        )
        gone = [uid for (uid,) in rows]
        if not gone:
            return gone
        those = [keyspace, json.dumps(gone)]
        for table in ("cbtools_revisions", "cbtools_grants"):
            database.execute(
                f"DELETE FROM {table} WHERE keyspace = %s "
                "AND uid IN (SELECT value FROM json_each(%s))",
                those,
            )
        forget_rows(database, gone)
        # A view index that is being updated may have read the documents, and must not write their
        # rows again.
        database.execute(
            "UPDATE cbtools_views SET epoch = epoch + 1 WHERE keyspace = %s", [keyspace]
        )
        unused.collect(database, gone)
    return gone


def forget_rows(database: Database, uids: list[str]) -> None:
    """Remove the rows that views have emitted for documents."""
    database.execute(
        "DELETE FROM cbtools_view_rows WHERE view IN "
        "(SELECT id FROM cbtools_views WHERE keyspace = %s) "
        "AND uid IN (SELECT value FROM json_each(%s))",
        [database.keyspace, json.dumps(uids)],
    )
