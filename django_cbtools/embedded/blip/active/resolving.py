"""Conflicts between a revision that was pulled and the current one. They are resolved at once.

The rules are those of Sync Gateway's own replications. The branch that loses gets a tombstone, in
the same write.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeAlias

from django_cbtools import canonical

from ...database import Database
from ...documents import attachments, documents, revtree
from ...documents.attachments import Upload
from ...documents.documents import Document
from ...documents.plans import Edit
from ...errors import GatewayError
from ..session import Place
from ..steps import Save, Steps

#: How often a write is tried whose document changes meanwhile.
_TRIES = 10

#: Returns whether our document wins over a revision.
Resolver: TypeAlias = Callable[[Document, Edit], bool]


def default(document: Document, pulled: Edit) -> bool:
    """Return whether the pulled revision wins: a tombstone does, otherwise the later revision."""
    is_deleted = pulled.body.get("_deleted") is True
    if document.deleted != is_deleted:
        return document.deleted
    return revtree.order(document.rev) >= revtree.order(pulled.history[0])


#: The resolvers, by their names.
RESOLVERS: dict[str, Resolver] = {
    "default": default,
    "localWins": lambda document, pulled: True,
    "remoteWins": lambda document, pulled: False,
}


def save(place: Place, pulled: Edit, resolve: Resolver) -> Steps[bool]:
    """Write a revision that was pulled. Return whether it was in conflict with ours.

    Raises a GatewayError if it is refused.
    """
    edit, is_resolved = pulled, False
    for _ in range(_TRIES):
        saved = yield Save(place, edit)
        if not isinstance(saved, GatewayError):
            return is_resolved
        if saved.status != 409:
            break
        edit = _resolved(place.database, pulled, resolve)
        is_resolved = edit is not pulled
    raise saved


def _resolved(database: Database, pulled: Edit, resolve: Resolver) -> Edit:
    """Return the write that resolves the conflict of a revision with the document as it is."""
    document = documents.find(database, [pulled.uid]).get(pulled.uid)
    if document is None or document.rev in pulled.history:
        return pulled
    history = pulled.history
    wins = resolve(document, pulled)
    is_deleted = document.deleted if wins else pulled.body.get("_deleted") is True
    if is_deleted:
        # Of two tombstones, the later one is current: it must be the one that the other side has.
        last = canonical.generation(document.rev) + (not document.deleted) + (not wins)
        while canonical.generation(history[0]) < last:
            history = (canonical.revision_id(history[0], "{}"), *history)
    if not wins:
        return pulled._replace(history=history, ends=document.rev)
    body = document.members_sent()
    # As on a real gateway, this digest does not tell a tombstone from an empty document.
    rev = canonical.revision_id(history[0], document.body)
    return Edit(
        document.uid, body, history=(rev, *history), ends=document.rev,
        uploads=_uploads(database, document),
    )  # fmt: skip


def _uploads(database: Database, document: Document) -> dict[str, Upload]:
    """Return the attachments of a document, so that they become those of another branch."""
    file = io.BytesIO()
    return {
        name: Upload.receive(attachments.content(database, meta).chunks(), file)
        for name, meta in document.attachments.items()
        if meta.get("ver") == attachments.VERSION
    }
