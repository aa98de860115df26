"""Lists documents in the order of their ids, as far as a reader may see them."""

from __future__ import annotations

import json
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import islice

from django_cbtools import canonical

from ..access import STAR, Reader
from ..database import Database
from . import channelindex, documents
from .channelindex import BY_ID, Range
from .documents import Document

#: How many documents are read at once with their bodies.
_BATCH = 50
#: A batch ends early once the bodies in it have this many characters in total.
_MAX_BYTES = 4 * 1024 * 1024
#: A possible ancestor is at most this many generations older than the missing revision.
_NEAR = 100
_NO_BODIES = documents.COLUMNS.replace("document.body", "'{}'")


def listed(
    database: Database,
    reader: Reader,
    start: str | None,
    end: str | None,
    *,
    limit: int = 0,
    bodies: bool = True,
) -> Iterator[Document]:
    """Yield the documents in the reader's channels that are not deleted, in the order of their ids.

    ``start`` and ``end`` are the first and last id, both included (None: no bound). ``limit`` is
    the largest number of documents that the caller will take (0: no limit). Without ``bodies``,
    the documents have empty bodies.
    """
    channels = [STAR] if reader.reads_all else sorted(reader.channels)
    ranges = [Range(name, True, start or "", end) for name in channels if "\0" not in name]
    if not bodies:
        for _, (_, *row) in channelindex.merge(database, BY_ID, ranges, _NO_BODIES, limit):
            yield documents.loaded(row)
        return
    ids = (uid for _, (uid, _) in channelindex.merge(database, BY_ID, ranges, "NULL", limit))
    while batch := list(islice(ids, min(limit or _BATCH, _BATCH))):
        for _, document in named(database, batch):
            # The document may have changed since its id was read.
            if document and not document.deleted and reader.may_list(document.channels):
                yield document


def named(
    database: Database, uids: Sequence[str], *, bodies: bool = True
) -> Iterator[tuple[str, Document | None]]:
    """Yield each of ``uids`` in order, with its document, or None if it does not exist.

    Ids may be repeated. Without ``bodies``, the documents have empty bodies.
    """
    columns = documents.COLUMNS if bodies else _NO_BODIES
    place = 0
    while place < len(uids):
        batch = uids[place : place + _BATCH]
        known = _first(database, list(dict.fromkeys(batch)), columns)
        for uid in batch:
            if uid not in known:
                break
            place += 1
            yield uid, known[uid]


def _first(database: Database, uids: Sequence[str], columns: str) -> dict[str, Document | None]:
    """Return the first documents of ``uids`` by id, with None for those that do not exist.

    The result is cut so that the bodies do not take too much memory, but it has at least one entry.
    """
    known: dict[str, Document | None] = {}
    size = 0
    with database.connection.cursor() as cursor:
        # The join returns the ids in their given order.
        cursor.execute(
            f"SELECT asked.key, {columns} FROM json_each(%s) AS asked "
            "CROSS JOIN cbtools_documents AS document "
            "WHERE document.keyspace = %s AND document.uid = asked.value",
            [json.dumps(uids), database.keyspace],
        )
        while size < _MAX_BYTES and (row := cursor.fetchone()):
            number, *rest = row
            known |= dict.fromkeys(uids[len(known) : number])
            document = documents.loaded(rest)
            # SQLite's JSON functions cut an id at its first NUL, and so find another document.
            known[uids[number]] = document if document.uid == uids[number] else None
            size += len(document.body)
        is_complete = size < _MAX_BYTES
    return {**dict.fromkeys(uids), **known} if is_complete else known


def difference(document: Document | None, revs: Sequence[str]) -> dict[str, list[str]]:
    """Return which of a document's revisions are ``missing``, and ``possible_ancestors`` of them.

    A member that would be empty is left out.
    """
    if document is None:
        return {"missing": list(revs)}
    tree, known = document.tree, set(revs)
    missing = [rev for rev in revs if rev not in tree]
    if not missing:
        return {}
    numbers = sorted({canonical.generation(rev) for rev in missing if documents.REV.match(rev)})
    possible: dict[str, None] = {}
    for leaf in tree.leaves():
        below = canonical.generation(leaf)
        place = bisect(numbers, below)
        if leaf in known:
            continue
        if place and numbers[place - 1] == below and tree.parent(leaf):
            possible[tree.parent(leaf)] = None
        if place < len(numbers) and numbers[place] <= below + _NEAR:
            possible[leaf] = None
    return {"missing": missing, **({"possible_ancestors": list(possible)} if possible else {})}
