"""The documents that a reader may list, in the order of their ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ..access import STAR, Reader
from ..database import Database
from . import channelindex, documents
from .channelindex import BY_ID, Range
from .documents import Document

#: How many documents are read at once with their bodies.
_BATCH = 50
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
    """Live documents of the reader's channels from one id to another, both included.

    ``limit`` (0: none) is how many the caller takes at most. Without ``bodies`` the documents
    come with empty ones.
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
            # It may have been written to in between.
            if document and not document.deleted and reader.may_list(document.channels):
                yield document


def named(database: Database, uids: Sequence[str]) -> Iterator[tuple[str, Document | None]]:
    """Each id with its document, None where there is none; as often as it is named."""
    for place in range(0, len(uids), _BATCH):
        batch = uids[place : place + _BATCH]
        found = documents.find(database, list(dict.fromkeys(batch)))
        yield from ((uid, found.get(uid)) for uid in batch)
