"""Conflict checks: a document refuses revisions that would create a conflict.

Since version 4.0, a real gateway refuses them whatever the value of ``allow_conflicts``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import bad_request, conflict
from .documents import Document


def start(old: Document | None, rev: str, cv: str, *, deleted: bool) -> str:
    """Return the id of the revision that an edit is based on ('': none).

    The edit names it by its id (``rev``) or its version (``cv``). If it names both, the version
    counts. Raises a 409 GatewayError if no new revision may follow that revision, and a 400
    GatewayError if the version is not the current one of a document with conflicting branches.
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
    """Raise a 409 GatewayError if a document does not accept a replicator's revision.

    ``history`` is the revision's id and those of its ancestors, newest first.
    """
    if old is not None:
        parent = next((rev for rev in history if rev in old.tree), "")
        _check(old, parent, deleted=deleted, may_branch=not parent)


def check_ended(old: Document | None, ends: str) -> None:
    """Raise a 409 GatewayError unless a revision whose branch a write ends is the current one."""
    if old is None or old.rev != ends:
        raise conflict()


def _check(old: Document, parent: str, *, deleted: bool, may_branch: bool) -> None:
    """Raise a 409 GatewayError unless a revision follows the current one or ends another branch.

    With ``may_branch``, it may also start a new branch if the document is deleted.
    """
    if parent == old.rev:
        return
    if deleted:
        allowed = old.tree.is_leaf(parent) and not old.tree.is_deleted(parent)
    else:
        allowed = old.deleted and may_branch
    if not allowed:
        raise conflict()


#: What becomes of a proposed revision: it is wanted, or why not.
WANTED, KNOWN, CONFLICT = 0, 304, 409


def proposed(old: Document | None, rev: str, parent: str) -> int:
    """Return whether a replicator may push a revision with a parent ('': none) to a document."""
    if old is None:
        return WANTED
    if rev == old.rev:
        return KNOWN
    return WANTED if parent == old.rev or (not parent and old.deleted) else CONFLICT
