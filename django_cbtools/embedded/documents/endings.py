"""Ending expired documents: they become tombstones, as if an administrator had deleted them."""

from __future__ import annotations

import contextlib
import json
import logging
import time

from django_cbtools import canonical

from ..access import ADMIN
from ..database import Database
from ..errors import GatewayError
from . import attachments, writes
from .documents import NEVER
from .purge import forget_rows, purge
from .writes import Edit

logger = logging.getLogger(__name__)

#: How many documents are ended at once, and how many batches there are in one request.
BATCH = 100
BATCHES = 10
#: Refusals that say nothing of the document: it has been written to, or there was no time.
_LATER = (409, 503)


def end_documents(database: Database, *, first: str | None = None) -> None:
    """End the documents of a keyspace whose time is over, ``first`` (an id) before all others.

    Where there are very many of them, the rest is left to the requests that follow.
    """
    now = int(time.time())
    if first is not None:
        _end(database, now, "keyspace = %s AND expires <= %s AND uid = %s", first)
    # The plus keeps SQLite from taking an index of all of the keyspace's documents.
    condition = "+keyspace = %s AND expires <= %s ORDER BY expires LIMIT %s"
    for _ in range(BATCHES):
        if not _end(database, now, condition, BATCH):
            return


def _end(database: Database, now: int, condition: str, param: str | int) -> bool:
    """End the documents for which a condition holds; whether there may be more."""
    over = database.rows(
        f"SELECT uid, rev FROM cbtools_documents WHERE {condition}",
        [database.keyspace, now, param],
    )
    if not over:
        return False
    # Whoever writes to one of them meanwhile decides anew when it ends.
    edits = [
        Edit(uid, {"_deleted": True}, history=(canonical.revision_id(rev, "{}"), rev))
        for uid, rev in over
    ]
    ended, refused = [], []
    with contextlib.suppress(GatewayError):
        for edit, result in zip(edits, writes.save(database, edits, ADMIN), strict=True):
            if not isinstance(result, GatewayError):
                ended.append(edit.uid)
            elif result.status not in _LATER:
                logger.warning(
                    "Document %r has expired, and is purged, as the sync function refuses its "
                    "deletion: %s", edit.uid, result.reason,
                )  # fmt: skip
                refused.append(edit.uid)
    if refused:
        purge(database, refused, "expires <= %s", [now])
    if ended:
        _forget(database, ended)
    return bool(ended or refused) and len(over) == BATCH


def _forget(database: Database, uids: list[str]) -> None:
    """Forget the bodies and attachments of documents that have ended, and their rows in views."""
    with database.atomic():
        forget_rows(database, uids)
        database.execute(
            "DELETE FROM cbtools_revisions WHERE keyspace = %s AND superseded < %s "
            "AND uid IN (SELECT value FROM json_each(%s))",
            [database.keyspace, NEVER, json.dumps(uids)],
        )
        attachments.collect(database, uids)
