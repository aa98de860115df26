"""Records the channels that a document is in, and those that it has left."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from ..database import Database
from . import documents
from .documents import Document, Removal, Stay

#: How many earlier stays in one channel are kept. Older ones are merged.
MAX_STAYS = 5

_encode = json.JSONEncoder(ensure_ascii=False).encode


class Memberships(NamedTuple):
    """A document's channels as they are stored, in JSON: its current channels, the removals from
    channels, and earlier stays in channels to which it returned."""

    channels_text: str = "{}"
    removals_text: str = "{}"
    past_text: str = "[]"

    @classmethod
    def of(cls, document: Document | None) -> Memberships:
        if document is None:
            return cls()
        return cls(document.channels_text, document.removals_text, document.past_text)


def changed(
    old: Document | None, names: Iterable[str], sequence: int, rev: str, cv: str, *, deleted: bool
) -> Memberships:
    """Return the memberships of a document after a write, in the channels that the sync function
    assigned to it. ``old`` is the document before it (None: it did not exist)."""
    before = old.channels if old else {}
    now = {name: before.get(name, sequence) for name in names}
    removals = dict(old.removals) if old else {}
    back = {name: removals.pop(name) for name in now if name in removals}
    for name, start in before.items():
        if name not in now:
            removals[name] = Removal(start, sequence, rev, cv, deleted)
    past_text = old.past_text if old else "[]"
    if back and old:
        past = old.past
        for name, removal in back.items():
            past = _remember(past, Stay(name, removal.start, removal.end))
        past_text = json.dumps(past, ensure_ascii=False)
    return Memberships(
        _encode(now) if now else "{}", _encode(removals) if removals else "{}", past_text
    )


def _remember(past: list[Stay], stay: Stay) -> list[Stay]:
    stays = sorted(known for known in past if known.name == stay.name)
    if len(stays) >= MAX_STAYS:
        oldest, second, *_ = stays
        merged = second._replace(start=oldest.start, compacted=True)
        past = [merged if known == second else known for known in past if known != oldest]
    return [*past, stay]


def left(document: Document) -> dict[str, list[int]]:
    """Return the channels that a document has left, with the sequences, latest first."""
    ends: dict[str, set[int]] = {}
    for name, removal in document.removals.items():
        ends.setdefault(name, set()).add(removal.end)
    for stay in document.past:
        ends.setdefault(stay.name, set()).add(stay.end)
    return {name: sorted(ends[name], reverse=True) for name in ends}


def forget(database: Database, uid: str, upto: int) -> list[str]:
    """Forget the channels that a document left up to sequence ``upto``, and return their names.

    Raises a 404 GatewayError if there is no such document.
    """
    with database.atomic():
        document = documents.current(database, uid)
        removals = {name: left for name, left in document.removals.items() if left.end > upto}
        past = [stay for stay in document.past if stay.end > upto]
        gone = document.removals.keys() - removals.keys()
        gone |= {stay.name for stay in document.past if stay.end <= upto}
        if gone:
            database.execute(
                "UPDATE cbtools_documents SET removals = %s, past = %s "
                "WHERE keyspace = %s AND uid = %s",
                [json.dumps(removals), json.dumps(past), database.keyspace, uid],
            )
    return sorted(gone)
