"""Resync: runs the current sync function on all existing documents."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any, NamedTuple

from ..access import ADMIN
from ..database import Collection, Database
from ..documents import documents, expiry, memberships, syncfunction, writes
from ..documents.documents import Document
from ..errors import GatewayError, bad_request
from ..javascript import JavaScriptError
from ..principals.grants import Grants
from .jobs import COMPLETED, RUNNING, STOPPED, Job

logger = logging.getLogger(__name__)

#: How many documents are processed for one transaction, and for how long (seconds) at most.
BATCH = 100
BATCH_TIME = 1.0
_COUNTS: Mapping[str, Any] = {
    "resync_id": "", "docs_changed": 0, "docs_processed": 0, "docs_errored": 0, "docs_targeted": 0,
}  # fmt: skip


def job(database: Database) -> Job:
    return Job(database, "resync", _COUNTS)


def run(
    database: Database, scopes: Mapping[str, Sequence[str]], *, regenerate_sequences: bool
) -> dict[str, Any]:
    """Run the sync function on the documents of a database.

    ``scopes`` names the collections to process, by scope (empty: all). Documents keep their
    sequences unless ``regenerate_sequences`` is true. Returns the job's state from its start, as
    answers show it.

    Raises a 400 GatewayError if a collection is unknown, and a 503 GatewayError if a resync is
    already running. Errors after the start are stored in the job.
    """
    try:
        places = _places(database, scopes)
    except GatewayError as error:
        with database.atomic():
            job(database).keep(**_COUNTS, status="error", last_error=str(error))
        raise
    with database.atomic():
        this = job(database)
        if this.is_running:
            raise GatewayError(503, "Database _resync already in progress")
        this.begin(
            **{
                **_COUNTS,
                "resync_id": str(uuid.uuid4()),
                "collections_processing": _by_scope(place.collection for place in places),
                "docs_targeted": sum(map(_count, places)),
            }
        )
    try:
        for place in places:
            last: str | None = ""
            while last is not None:
                last = _batch(place, last, regenerate_sequences=regenerate_sequences)
        if regenerate_sequences and not scopes:
            _renumber_principals(database)
    except (GatewayError, JavaScriptError) as error:
        with database.atomic():
            job(database).keep(status="error", last_error=str(error))
    else:
        with database.atomic():
            end = job(database)
            end.keep(status=COMPLETED if end.status == RUNNING else STOPPED)
    return this.shown()


def _places(database: Database, scopes: Mapping[str, Sequence[str]]) -> list[Database]:
    wanted = [Collection(scope, name) for scope, names in scopes.items() for name in names]
    for collection in wanted:
        if collection not in database.collections():
            raise bad_request(f"failed to find ID for collection {'.'.join(collection)}")
    return [place for place in database.all() if not wanted or place.collection in wanted]


def _by_scope(collections: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for collection in collections:
        found.setdefault(collection.scope, []).append(collection.name)
    return found


def _count(database: Database) -> int:
    return int(
        database.value(
            "SELECT count(*) FROM cbtools_documents WHERE keyspace = %s AND deleted = 0",
            [database.keyspace],
        )
    )


class _Seen(NamedTuple):
    """A document as it was read, with the sync function's results.

    ``verdict`` is the result for the current revision, ``leaves`` are the channels of other leaves.
    """

    document: Document
    verdict: syncfunction.Verdict
    leaves: dict[str, list[str]]


def _batch(database: Database, after: str, *, regenerate_sequences: bool) -> str | None:
    """Process the documents that follow the id ``after``.

    Returns the last id that was processed, or None if the job is finished or has to stop. The sync
    function runs before the transaction, for the reason given in plans.py.
    """
    found = documents.read(
        database, "deleted = 0 AND uid > %s ORDER BY uid LIMIT %s", [after, BATCH]
    )
    seen = list(_look(database, found))
    with database.atomic():
        this = job(database)
        if this.status != RUNNING:
            return None
        now = documents.find(database, [document.uid for document, _, _ in seen])
        done = list(takewhile(lambda one: now.get(one.document.uid) == one.document, seen))
        tickets = database.tickets(len(done)) if regenerate_sequences and done else []
        changed = 0
        for place, one in enumerate(done):
            sequence = tickets[place].sequence if tickets else one.document.sequence
            changed += _resync(database, one, sequence)
        counted = this.members
        this.keep(
            docs_changed=counted["docs_changed"] + changed,
            docs_processed=counted["docs_processed"] + len(done),
        )
    if len(done) == len(found) < BATCH:
        return None
    return done[-1].document.uid if done else after


def _look(database: Database, found: Sequence[Document]) -> Iterator[_Seen]:
    until = time.monotonic() + BATCH_TIME
    for document in found:
        leaves = {
            rev: _verdict(database, document, leaf).channels
            for rev, leaf in _other_leaves(database, document)
        }
        yield _Seen(document, _verdict(database, document, document), leaves)
        if time.monotonic() > until:
            return


def _other_leaves(database: Database, document: Document) -> Iterator[tuple[str, Document]]:
    for rev in document.tree.leaves()[1:]:
        try:
            yield rev, documents.revision_of(database, document, rev)
        except GatewayError:
            logger.warning("Document %r has no body at %r any more", document.uid, rev)


def _renumber_principals(database: Database) -> None:
    """Give roles and users new sequences, after those of the documents.

    The sequences of their channels do not change. As on a real gateway, GUEST keeps its sequence.
    """
    with database.atomic():
        if job(database).status != RUNNING:
            return
        for table, condition in (("roles", "deleted = 0"), ("users", "name <> 'GUEST'")):
            names = database.rows(
                f"SELECT name FROM cbtools_{table} WHERE database = %s AND {condition} ORDER BY 1",
                [database.name],
            )
            tickets = database.tickets(len(names)) if names else []
            database.execute_many(
                f"UPDATE cbtools_{table} SET sequence = %s WHERE database = %s AND name = %s",
                [
                    (ticket.sequence, database.name, name)
                    for ticket, (name,) in zip(tickets, names, strict=True)
                ],
            )


def _resync(database: Database, seen: _Seen, sequence: int) -> bool:
    """Apply the sync function's result to a document; return whether anything changed."""
    document, (channels, grants, expires), leaves = seen
    for rev, names in leaves.items():
        database.execute(
            "UPDATE cbtools_revisions SET channels = %s "
            "WHERE keyspace = %s AND uid = %s AND rev = %s",
            [json.dumps(names, ensure_ascii=False), database.keyspace, document.uid, rev],
        )
    held = memberships.changed(
        document, channels, sequence, document.rev, document.cv, deleted=document.deleted
    )
    new = replace(document, sequence=sequence, **held._asdict())
    if expires is not None:
        new = replace(new, expires=expiry.parse(expires))
    changed = documents.row_of(new) != documents.row_of(document)
    if changed:
        database.execute(
            "UPDATE cbtools_documents SET sequence = %s, channels = %s, removals = %s, "
            "expires = %s, past = %s WHERE keyspace = %s AND uid = %s",
            [sequence, new.channels_text, new.removals_text, new.expires, new.past_text,
             database.keyspace, document.uid],
        )  # fmt: skip
    return syncfunction.store(database, document.uid, grants, sequence) or changed


def _verdict(database: Database, document: Document, revision: Document) -> syncfunction.Verdict:
    """Return the sync function's result for a revision; it is empty if the revision is refused."""
    body = revision.members_sent()
    base = writes.ancestor(database, document, document.tree, revision.rev)
    try:
        return syncfunction.decide(database, document.uid, revision.rev, body, base, ADMIN)
    except GatewayError as error:
        logger.warning(
            "The sync function refused document %r in a resync: %r", document.uid, error.reason
        )
        return syncfunction.Verdict([], Grants())
