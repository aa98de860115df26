"""Which revisions a document accepts: none that would make a conflict.

Since 4.0 a real gateway refuses those whatever ``allow_conflicts`` says.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import bad_request, conflict
from .documents import Document


def start(old: Document | None, rev: str, cv: str, *, deleted: bool) -> str:
    """The revision that an edit follows ('': none), by its id or its version.

    If the edit names both, the version counts. Raises a 409 GatewayError if that is not a revision
    that can be followed.
    """
    if cv:
        if old is None or cv != old.cv:
            if old is not None and old.tree.newest != old.rev:
                raise bad_request(
                    "Cannot use CV to modify a document in conflict - resolve first with RevTree ID"
                )
            raise conflict()
    elif rev:
        if old is None or not old.tree.is_leaf(rev):
            raise conflict()
        _check(old, rev, deleted=deleted, may_branch=True)
        return rev
    elif old is not None and not old.deleted:
        raise conflict("Document exists")
    return old.rev if old else ""


def check_pushed(old: Document | None, history: Sequence[str], *, deleted: bool) -> None:
    """Raise a 409 GatewayError if a document does not accept a revision that a replicator sends
    with its history."""
    if old is not None:
        parent = next((rev for rev in history if rev in old.tree), "")
        _check(old, parent, deleted=deleted, may_branch=not parent)


def _check(old: Document, parent: str, *, deleted: bool, may_branch: bool) -> None:
    """Raise a 409 GatewayError unless a revision follows the current one or ends another branch.

    If the document is deleted, the revision ``may_branch`` off.
    """
    if parent == old.rev:
        return
    if deleted:
        allowed = old.tree.is_leaf(parent) and not old.tree.is_deleted(parent)
    else:
        allowed = old.deleted and may_branch
    if not allowed:
        raise conflict()
