"""Compaction: removes old tombstones and unused attachments."""

from __future__ import annotations

import time
import uuid
from typing import Any

from ..database import Database
from ..documents import unused
from ..documents.purge import purge
from ..errors import bad_request
from .jobs import COMPLETED, Job

#: How long (seconds) a tombstone is kept. This is a real gateway's default.
TOMBSTONES_KEPT = 30 * 24 * 60 * 60
#: How many documents are removed in one transaction.
BATCH = 1000
#: The counts that each type of compaction reports, with their initial values.
_COUNTS: dict[str, dict[str, Any]] = {
    "tombstone": {"docs_purged": 0},
    "attachment": {"marked_attachments": 0, "purged_attachments": 0, "compact_id": ""},
}


def job(database: Database, kind: str) -> Job:
    """Return the job for a type of compaction, ``tombstone`` or ``attachment``.

    Raises a 400 GatewayError for any other type.
    """
    if kind not in _COUNTS:
        raise bad_request("Unknown parameter for 'type'. Must be 'tombstone' or 'attachment'")
    return Job(database, f"compact_{kind}", _COUNTS[kind])


def run(database: Database, kind: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Compact a database, and return the job's state from its start, as answers show it.

    With ``dry_run``, attachments are counted but not removed. Raises a 503 GatewayError if the job
    is already running, and a 400 GatewayError for an unknown type.
    """
    with database.atomic():
        this = job(database, kind)
        this.begin(**_COUNTS[kind])
        if kind == "attachment":
            this.keep(compact_id=str(uuid.uuid4()), **({"dry_run": True} if dry_run else {}))
    if kind == "tombstone":
        counts = {"docs_purged": sum(map(_purge_tombstones, database.all()))}
    else:
        counts = _purge_attachments(database, dry_run=dry_run)
    with database.atomic():
        job(database, kind).keep(status=COMPLETED, **counts)
    return this.shown()


def _purge_tombstones(database: Database) -> int:
    # A version begins with the time of the write, in nanoseconds.
    oldest = f"{(int(time.time()) - TOMBSTONES_KEPT) * 10**9:016x}"
    old = "deleted = 1 AND cv < %s"
    count = 0
    while True:
        rows = database.rows(
            f"SELECT uid FROM cbtools_documents WHERE keyspace = %s AND {old} LIMIT %s",
            [database.keyspace, oldest, BATCH],
        )
        count += len(purge(database, [uid for (uid,) in rows], old, [oldest]))
        if len(rows) < BATCH:
            return count


def _purge_attachments(database: Database, *, dry_run: bool) -> dict[str, int]:
    counts = [unused.count(place) for place in database.all()]
    purged = sum(free for _, free in counts)
    if not dry_run:
        purged = sum(map(unused.collect_all, database.all()))
        counts = [unused.count(place) for place in database.all()]
    return {"marked_attachments": sum(held for held, _ in counts), "purged_attachments": purged}
