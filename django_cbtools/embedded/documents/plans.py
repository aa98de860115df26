"""Plans writes before the transaction that carries them out.

The sync function may run for seconds, and a transaction keeps all other writers waiting. So the
function runs first, on the document as it was read. The write follows only if the document has not
changed since.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django_cbtools import canonical

from ..access import Reader
from ..database import Database, Ticket
from ..errors import GatewayError
from ..principals.grants import Grants
from . import attachments, bodies, conflicts, documents, expiry, memberships, syncfunction
from .documents import Document
from .revtree import RevisionTree
from .syncfunction import Verdict

#: What the digest of a tombstone without any properties is taken over.
_TOMBSTONE = '{"_deleted":true}'


class Edit(NamedTuple):
    """A requested write: a body, and the revision or version that it is based on ('': none).

    A replicator's write contains its own revision id. Then ``history`` is that id and the ids of
    its ancestors, newest first. If it conflicts with the current revision, ``ends`` is the id of
    that revision: the write also ends its branch, with a tombstone. ``uploads`` are attachments
    sent beside the body, by name.
    """

    uid: str
    body: Mapping[str, Any] = {}
    rev: str = ""
    cv: str = ""
    history: tuple[str, ...] = ()
    ends: str = ""
    uploads: Mapping[str, attachments.Upload] = {}


class Saved(NamedTuple):
    """The result of a write. ``cv`` is '' if the document already had the revision."""

    uid: str
    rev: str
    cv: str
    #: The document's current revision. It differs from ``rev`` if another branch wins.
    winner: str


class Revision(NamedTuple):
    """The part of a document that belongs to one revision."""

    rev: str
    deleted: bool
    body: str
    attachments: str
    expires: int | None


class Plan(NamedTuple):
    """A planned write of a new revision.

    ``old`` is the document as it was read (None: it does not exist). ``current`` is the revision
    that will be current afterwards. It differs from ``new`` if another branch wins.
    """

    uid: str
    old: Document | None
    new: Revision
    current: Revision
    tree: RevisionTree
    #: Leaves of the old tree that are no longer leaves; empty unless the document has branches.
    gone: frozenset[str]
    #: The sync function's results for the new revision, and for the current one.
    new_verdict: Verdict
    verdict: Verdict
    uploads: Sequence[attachments.Upload]
    #: The tombstone with which the write ends another branch ('': none).
    tombstone: str = ""

    @property
    def is_current(self) -> bool:
        """True if the new revision becomes the current one."""
        return self.current.rev == self.new.rev

    @property
    def _changes_channels(self) -> bool:
        return self.is_current or self.old is None or self.current.rev != self.old.rev

    @property
    def grants(self) -> Grants | None:
        """The grants that the document will make, or None if they do not change."""
        # A new document has no earlier grants to revoke.
        if self._changes_channels and (self.old or any(self.verdict.grants)):
            return self.verdict.grants
        return None

    def check_metadata(self) -> None:
        """Raise a 413 GatewayError if the document's metadata would be too large.

        The record of the channels that a document has left does not keep it from being deleted.
        """
        length = len(self.new.attachments)
        if self.old and (self.old.deleted or not self.new.deleted):
            length += len(self.old.removals_text) + len(self.old.past_text)
        granted = (
            itertools.chain([name], names)
            for verdict in (self.new_verdict, self.verdict)
            for opened in verdict.grants
            for name, names in opened.items()
        )
        names = itertools.chain(
            self.tree.nodes, self.new_verdict.channels, self.verdict.channels, *granted
        )
        documents.check_metadata(names, length)

    def document(self, ticket: Ticket) -> Document:
        """Return the document to store."""
        old, current = self.old, self.current
        expires = self.new.expires
        if self.verdict.expiry is not None:
            expires = expiry.parse(self.verdict.expiry)
        held = memberships.Memberships.of(old)
        if self._changes_channels:
            held = memberships.changed(
                old, self.verdict.channels, ticket.sequence, current.rev, ticket.cv,
                deleted=current.deleted,
            )  # fmt: skip
        return Document(
            self.uid, current.rev, ticket.cv, ticket.sequence, current.deleted, current.body,
            self.tree.dumps(), held.channels_text, held.removals_text, current.attachments,
            # A tombstone must not expire: replicators still have to learn of the deletion.
            None if current.deleted else expires,
            held.past_text,
        )  # fmt: skip


def make(database: Database, edit: Edit, old: Document | None, author: Reader) -> Plan | Saved:
    """Return the plan of an edit, or a Saved if the document already has its revision.

    ``old`` is the document as it was read (None: it does not exist). Raises a GatewayError if the
    edit is refused.
    """
    expires = _expires(edit)
    bodies.check_reserved(edit.body)
    digested = canonical.digest_body(edit.body)
    deleted = edit.body.get("_deleted") is True
    if edit.history:
        chain = edit.history
        if old is not None and chain[0] in old.tree:
            return Saved(edit.uid, chain[0], "", chain[0])
        if edit.ends:
            conflicts.check_ended(old, edit.ends)
        else:
            conflicts.check_pushed(old, chain, deleted=deleted)
    else:
        start = _start(database, edit, old, digested, author)
        chain = (canonical.revision_id(start, digested), *([start] if start else []))
        if old is not None and chain[0] in old.tree:
            raise GatewayError(500, "Internal error: Failure adding Rev to RevTree")
    tree = RevisionTree(dict(old.tree.nodes)) if old else RevisionTree()
    tombstone = ""
    if edit.ends and not tree.is_deleted(edit.ends):
        tombstone = canonical.revision_id(edit.ends, _TOMBSTONE)
        tree.add((tombstone, edit.ends), deleted=True)
    tree.add(chain, deleted=deleted)
    rev = chain[0]
    base = ancestor(database, old, tree, rev)
    held = attachments.resolve(edit.body.get("_attachments"), edit.uploads, rev, base)
    bodies.check(edit.body)
    verdict = syncfunction.decide(database, edit.uid, rev, edit.body, base, author)
    new = Revision(rev, deleted, bodies.stored(edit.body, digested), held.text, expires)
    plan = Plan(
        edit.uid, old, new, new, tree, frozenset(), verdict, verdict, held.uploads, tombstone
    )  # fmt: skip
    leaves = tree.leaves()
    if old is not None and leaves[0] != rev:
        plan = _beside(database, plan, old, leaves[0], author)
    tree.prune(int(database.option("revs_limit")))
    if old is not None and len(leaves) > 1:
        plan = plan._replace(gone=frozenset(old.tree.leaves()).difference(tree.leaves()))
    plan.check_metadata()
    return plan


def _start(
    database: Database, edit: Edit, old: Document | None, digested: str, author: Reader
) -> str:
    """Return the id of the revision that an edit follows ('': none).

    Raises a GatewayError if it may not follow that revision.
    """
    try:
        deleted = edit.body.get("_deleted") is True
        return conflicts.start(old, edit.rev, edit.cv, deleted=deleted)
    except GatewayError:
        if database.option("unsupported.force_api_forbidden_errors"):
            # An author who may not change a document must not learn that it exists. The sync
            # function rejects the edit before the conflict is reported.
            rev = canonical.revision_id(edit.rev, digested)
            syncfunction.decide(database, edit.uid, rev, edit.body, old, author)
        raise


def _beside(database: Database, plan: Plan, old: Document, winner: str, author: Reader) -> Plan:
    """Return the plan for a new revision that is on a branch other than the winning one."""
    other = documents.revision_of(database, old, winner)
    verdict = plan.new_verdict
    if winner != old.rev:
        base = ancestor(database, old, plan.tree, winner)
        sent = other.members_sent()
        verdict = syncfunction.decide(database, plan.uid, winner, sent, base, author)
    current = plan.new._replace(
        rev=other.rev, deleted=other.deleted, body=other.body,
        attachments=other.attachments_text,
    )  # fmt: skip
    return plan._replace(current=current, verdict=verdict)


def _expires(edit: Edit) -> int | None:
    """Return when the document expires; raise a 400 GatewayError if its `_exp` is invalid."""
    try:
        return expiry.parse(edit.body.get("_exp"))
    except GatewayError:
        # As on a real gateway, an invalid `_exp` from a replicator is ignored.
        if edit.history:
            return None
        raise


def ancestor(
    database: Database, old: Document | None, tree: RevisionTree, rev: str
) -> Document | None:
    """Return the nearest ancestor of a revision whose body is still stored, or None."""
    if old is None:
        return None
    for ancestor in tree.history(rev)[1:]:
        with contextlib.suppress(GatewayError):
            return documents.revision_of(database, old, ancestor)
    return None
