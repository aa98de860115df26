"""Deletes expired documents: they become tombstones, as if an administrator had deleted them."""

from __future__ import annotations

import contextlib
import json
import logging
import time

from django_cbtools import canonical

from ..access import ADMIN
from ..database import Database
from ..errors import GatewayError
from . import unused, writes
from .documents import NEVER
from .purge import forget_rows, purge
from .writes import Edit

logger = logging.getLogger(__name__)

#: How many documents are deleted in one batch, and how many batches there are in one request.
BATCH = 100
BATCHES = 10
#: Statuses of errors after which a later request tries again: the document was changed in the
#: meantime, or time ran out.
_LATER = (409, 503)


def end_documents(database: Database, *, first: str | None = None) -> None:
    """Delete the expired documents of a keyspace, beginning with the document ``first`` (an id).

    If there are very many of them, later requests delete the rest. A document whose deletion the
    sync function refuses is purged.
    """
    now = int(time.time())
    if first is not None:
        _end(database, now, "keyspace = %s AND expires <= %s AND uid = %s", first)
    # The plus keeps SQLite from using an index that contains all documents of the keyspace.
    condition = "+keyspace = %s AND expires <= %s ORDER BY expires LIMIT %s"
    for _ in range(BATCHES):
        if not _end(database, now, condition, BATCH):
            return


def _end(database: Database, now: int, condition: str, param: str | int) -> bool:
    """Delete the documents for which a condition holds; return whether there may be more."""
    over = database.rows(
        f"SELECT uid, rev FROM cbtools_documents WHERE {condition}",
        [database.keyspace, now, param],
    )
    if not over:
        return False
    # The history names the revision that was read: a write in the meantime sets a new expiry, and
    # makes this edit a conflict.
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
    """Remove the old bodies and attachments of deleted documents, and their rows in views."""
    with database.atomic():
        forget_rows(database, uids)
        database.execute(
            "DELETE FROM cbtools_revisions WHERE keyspace = %s AND superseded < %s "
            "AND uid IN (SELECT value FROM json_each(%s))",
            [database.keyspace, NEVER, json.dumps(uids)],
        )
        unused.collect(database, uids)
