"""Writing documents: conflicts, revisions, channels, and what is kept of the old."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from django_cbtools import canonical

from ..access import Reader
from ..database import Database, Ticket
from ..errors import GatewayError
from ..principals.grants import Grants
from . import attachments, bodies, conflicts, documents, expiry, memberships, syncfunction
from .documents import NEVER, Document
from .revtree import RevisionTree
from .syncfunction import Verdict


@dataclass(frozen=True)
class Edit:
    """A write that is asked for: a body, and the revision or version it starts from ('': none).

    A replicator's write names the revision itself: ``history`` is its id and those of the
    revisions that it came from, newest first. ``uploads`` are attachments that came beside the
    body, by name.
    """

    uid: str
    body: Mapping[str, Any] = field(default_factory=dict)
    rev: str = ""
    cv: str = ""
    history: tuple[str, ...] = ()
    uploads: Mapping[str, attachments.Upload] = field(default_factory=dict)


class Saved(NamedTuple):
    """What a write made; ``cv`` is '' where the revision had been known."""

    uid: str
    rev: str
    cv: str
    #: The document's current revision, which may be another.
    winner: str


@dataclass(frozen=True)
class _Revision:
    """A revision's own part of a document."""

    rev: str
    deleted: bool
    body: str
    attachments: str
    expires: int | None


@dataclass(frozen=True)
class _Change:
    """What a write leaves to store: the document as it is now, what it gives away, the bodies of
    other revisions with the time until when they are kept, and attachments that are new."""

    document: Document
    saved: Saved
    grants: Grants | None
    kept: tuple[tuple[Any, ...], ...]
    uploads: Sequence[attachments.Upload] = ()


def save(database: Database, edits: Sequence[Edit], author: Reader) -> list[Saved | GatewayError]:
    """Write documents in order, each by itself: for each, what was made or why it was refused.

    All of them are in one transaction, so that an answer stands for what is on disk.
    """
    if not edits:
        return []
    results: list[Saved | GatewayError] = []
    written: dict[str, Document] = {}
    bereft: list[str] = []
    with database.atomic():
        known = documents.find(database, list({edit.uid for edit in edits}))
        for edit, ticket in zip(edits, database.tickets(len(edits)), strict=True):
            try:
                change = _change(database, edit, known.get(edit.uid), ticket, author)
            except GatewayError as error:
                results.append(error)
                continue
            if isinstance(change, Saved):
                results.append(change)
                continue
            if change.grants is not None and syncfunction.store(
                database, edit.uid, change.grants, ticket.sequence
            ):
                # What he may do in the rest of the batch can depend on it.
                author = author.again()
            attachments.store(database, edit.uid, change.uploads)
            if _keep(database, change.kept):
                bereft.append(edit.uid)
            known[edit.uid] = written[edit.uid] = change.document
            results.append(change.saved)
        _store(database, written.values())
        if bereft:
            attachments.collect(database, bereft)
    return results


def _change(
    database: Database, edit: Edit, old: Document | None, ticket: Ticket, author: Reader
) -> _Change | Saved:
    expires = _expires(edit)
    bodies.check_reserved(edit.body)
    digested = canonical.digest_body(edit.body)
    deleted = edit.body.get("_deleted") is True
    if edit.history:
        chain = edit.history
        if old is not None and chain[0] in old.tree:
            return Saved(edit.uid, chain[0], "", chain[0])
        conflicts.check_pushed(old, chain, deleted=deleted)
    else:
        start = conflicts.start(old, edit.rev, edit.cv, deleted=deleted)
        chain = (canonical.revision_id(start, digested), *([start] if start else []))
        if old is not None and chain[0] in old.tree:
            raise GatewayError(500, "Internal error: Failure adding Rev to RevTree")
    tree = RevisionTree(dict(old.tree.nodes)) if old else RevisionTree()
    tree.add(chain, deleted=deleted)
    rev = chain[0]
    base = ancestor(database, old, tree, rev)
    held = attachments.resolve(edit.body.get("_attachments"), edit.uploads, rev, base)
    bodies.check(edit.body)
    verdict = syncfunction.decide(database, edit.uid, rev, edit.body, base, author)
    new = _Revision(rev, deleted, bodies.stored(edit.body, digested), held.text, expires)
    change = _placed(database, edit.uid, old, tree, new, verdict, ticket, author)
    return replace(change, uploads=held.uploads)


def _expires(edit: Edit) -> int | None:
    """When the document ends, as the body says; raises a 400 GatewayError."""
    try:
        return expiry.parse(edit.body.get("_exp"))
    except GatewayError:
        # As on a real gateway, what a replicator brings is passed over.
        if edit.history:
            return None
        raise


def ancestor(
    database: Database, old: Document | None, tree: RevisionTree, rev: str
) -> Document | None:
    """The nearest revision above one whose body is still there."""
    if old is None:
        return None
    for ancestor in tree.history(rev)[1:]:
        with contextlib.suppress(GatewayError):
            return documents.revision_of(database, old, ancestor)
    return None


def _placed(
    database: Database,
    uid: str,
    old: Document | None,
    tree: RevisionTree,
    new: _Revision,
    verdict: Verdict,
    ticket: Ticket,
    author: Reader,
) -> _Change:
    """The document with a revision more: whichever wins is the current one."""
    leaves = tree.leaves()
    winner = leaves[0]
    kept = []
    current = new
    if winner != new.rev and old is not None:
        # The revision ends a branch, or adds to one, beside one that wins.
        kept.append(
            (database.keyspace, uid, new.rev, new.deleted, new.body,
             json.dumps(verdict.channels, ensure_ascii=False), NEVER, ticket.sequence,
             new.attachments)
        )  # fmt: skip
        other = documents.revision_of(database, old, winner)
        current = replace(
            new, rev=other.rev, deleted=other.deleted, body=other.body,
            attachments=other.attachments_text,
        )  # fmt: skip
        if winner != old.rev:
            base = ancestor(database, old, tree, winner)
            verdict = syncfunction.decide(database, uid, winner, other.members_sent(), base, author)
    tree.prune(int(database.option("revs_limit")))
    if old is not None:
        now = int(time.time())
        if len(leaves) > 1:
            _let_go(database, old, tree, now)
        if old.rev != winner:
            kept.append(_kept(database, old, NEVER if tree.is_leaf(old.rev) else now))
    expires = new.expires if verdict.expiry is None else expiry.parse(verdict.expiry)
    if current.deleted:
        # Those who have the document are to be told.
        expires = None
    changes_channels = winner == new.rev or old is None or winner != old.rev
    document = Document(
        uid, winner, ticket.cv, ticket.sequence, current.deleted, current.body, tree.dumps(),
        old.channels_text if old and not changes_channels else "{}",
        old.removals_text if old else "{}", current.attachments, expires,
        old.past_text if old else "[]",
    )  # fmt: skip
    if changes_channels:
        document = memberships.update(document, old, verdict.channels)
    saved = Saved(uid, new.rev, ticket.cv, winner)
    # A new document has nothing to take back.
    grants = verdict.grants if changes_channels and (old or any(verdict.grants)) else None
    return _Change(document, saved, grants, tuple(kept))


def _let_go(database: Database, old: Document, tree: RevisionTree, now: int) -> None:
    """Keep the bodies of leaves that are none any more only as long as others."""
    gone = set(old.tree.leaves()).difference(tree.leaves())
    database.execute(
        "UPDATE cbtools_revisions SET superseded = %s WHERE keyspace = %s AND uid = %s "
        "AND rev IN (SELECT value FROM json_each(%s)) AND superseded = %s",
        [now, database.keyspace, old.uid, json.dumps([*gone]), NEVER],
    )


def _kept(database: Database, old: Document, superseded: int) -> tuple[Any, ...]:
    return (
        database.keyspace, old.uid, old.rev, old.deleted, old.body,
        json.dumps(list(old.channels), ensure_ascii=False), superseded, old.sequence,
        old.attachments_text,
    )  # fmt: skip


def _keep(database: Database, kept: Sequence[tuple[Any, ...]]) -> bool:
    """Keep bodies, in the place of those whose time is over; whether these had attachments."""
    oldest = documents.oldest_kept(database)
    over: list[tuple[Any, ...]] = []
    for row in kept:
        over += database.rows(
            "DELETE FROM cbtools_revisions WHERE keyspace = %s AND uid = %s AND superseded < %s "
            "RETURNING attachments",
            [*row[:2], oldest],
        )
        database.execute(
            "INSERT OR REPLACE INTO cbtools_revisions (keyspace, uid, rev, deleted, body, "
            "channels, superseded, sequence, attachments) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            row,
        )
    return any(held != "{}" for (held,) in over)


def _store(database: Database, written: Iterable[Document]) -> None:
    database.execute_many(
        "INSERT INTO cbtools_documents (keyspace, uid, rev, cv, sequence, deleted, body, history, "
        "channels, removals, attachments, expires, past) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (keyspace, uid) DO UPDATE SET rev = excluded.rev, cv = excluded.cv, "
        "sequence = excluded.sequence, deleted = excluded.deleted, body = excluded.body, "
        "history = excluded.history, channels = excluded.channels, "
        "removals = excluded.removals, attachments = excluded.attachments, "
        "expires = excluded.expires, past = excluded.past",
        [(database.keyspace, *documents.row_of(document)) for document in written],
    )
