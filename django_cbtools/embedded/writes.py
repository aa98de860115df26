"""Writing documents: conflicts, revisions, channels, and what is kept of the old."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from . import attachments, canonical, documents, expiry, syncfunction
from .access import Reader
from .database import Database, Ticket
from .documents import NEVER, Document, Removal
from .errors import GatewayError, bad_request, conflict, missing
from .revtree import RevisionTree
from .syncfunction import Verdict

MAX_DOCUMENT_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True)
class Edit:
    """A write that is asked for: a body, and the revision or version it starts from ('': none).

    A replicator's write names the revision itself: ``history`` is its id and those of the
    revisions that it came from, newest first. ``uploads`` are attachments that came beside the
    body, by digest.
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
    """What a write leaves to store: the document as it is now, what it gives away, and the
    bodies of other revisions with the time until when they are kept."""

    document: Document
    saved: Saved
    grants: syncfunction.Grants | None
    kept: tuple[tuple[Any, ...], ...]


def save(database: Database, edits: Sequence[Edit], author: Reader) -> list[Saved | GatewayError]:
    """Write documents in order, each by itself: for each, what was made or why it was refused.

    All of them are in one transaction, so that an answer stands for what is on disk.
    """
    if not edits:
        return []
    results: list[Saved | GatewayError] = []
    written: dict[str, Document] = {}
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
            if change.grants is not None:
                syncfunction.store(database, edit.uid, change.grants, ticket.sequence)
                # What he may do in the rest of the batch can depend on it.
                author = author.again()
            _keep(database, change.kept)
            known[edit.uid] = written[edit.uid] = change.document
            results.append(change.saved)
        _store(database, written.values())
    return results


def _change(
    database: Database, edit: Edit, old: Document | None, ticket: Ticket, author: Reader
) -> _Change | Saved:
    expires = expiry.parse(edit.body.get("_exp"))
    check_body(edit.body)
    digested = canonical.digest_body(edit.body)
    deleted = edit.body.get("_deleted") is True
    tree = RevisionTree(dict(old.tree.nodes)) if old else RevisionTree()
    if edit.history:
        chain = edit.history
        if chain[0] in tree:
            return Saved(edit.uid, chain[0], "", chain[0])
        _check_branch(edit, old, tree, deleted)
    else:
        start = _start(edit, old, tree, deleted)
        chain = (
            (canonical.revision_id(start, digested), start)
            if start
            else (canonical.revision_id("", digested),)
        )
        if chain[0] in tree:
            raise conflict()
    tree.add(chain, deleted=deleted)
    rev = chain[0]
    base = _base(database, old, tree, rev)
    held = attachments.resolve(
        database, edit.uid, edit.body.get("_attachments"), edit.uploads, rev, base
    )
    verdict = syncfunction.decide(database, edit.uid, rev, edit.body, base, author)
    new = _Revision(rev, deleted, _body(edit.body, digested, deleted), held, expires)
    return _placed(database, edit.uid, old, tree, new, verdict, ticket, author)


def _base(
    database: Database, old: Document | None, tree: RevisionTree, rev: str
) -> Document | None:
    """The nearest revision above one whose body is still there."""
    if old is None:
        return None
    for ancestor in tree.history(rev)[1:]:
        with contextlib.suppress(GatewayError):
            return documents.revision_of(database, old, ancestor)
    return None


def _body(body: Mapping[str, Any], digested: str, deleted: bool) -> str:
    if deleted:
        return "{}"
    if "_deleted" in body or "_removed" in body:
        digested = canonical.dumps(
            {
                key: value
                for key, value in body.items()
                if key == "_removed" or (key not in canonical.SPECIAL and key != "_deleted")
            }
        )
    if len(digested) > MAX_DOCUMENT_BYTES or len(digested.encode()) > MAX_DOCUMENT_BYTES:
        raise GatewayError(413, "Document too large!")
    return digested


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
    now = int(time.time())
    kept = []
    if old is not None and old.rev != winner:
        kept.append(_kept(database, old, NEVER if old.rev in leaves else now))
    current = new
    if winner != new.rev and old is not None:
        # The revision ends a branch, or adds to one, beside one that wins.
        kept.append(
            (database.keyspace, uid, new.rev, new.deleted, new.body,
             json.dumps(verdict.channels, ensure_ascii=False), NEVER, ticket.sequence,
             new.attachments)
        )  # fmt: skip
        other = documents.revision_of(database, old, winner)
        current = _Revision(
            other.rev, other.deleted, other.body, other.attachments_text, old.expires
        )
        if winner != old.rev:
            body = {**json.loads(other.body), **({"_deleted": True} if other.deleted else {})}
            base = _base(database, old, tree, winner)
            verdict = syncfunction.decide(database, uid, winner, body, base, author)
    followed = tree.parent(new.rev)
    tree.prune(int(database.option("revs_limit")))
    expires = current.expires if verdict.expiry is None else expiry.parse(verdict.expiry)
    changes_channels = winner == new.rev or old is None or winner != old.rev
    document = Document(
        uid, winner, ticket.cv, ticket.sequence, current.deleted, current.body, tree.dumps(),
        old.channels_text if old and not changes_channels else "{}",
        old.removals_text if old else "{}", current.attachments, expires,
    )  # fmt: skip
    if changes_channels:
        document = _in_channels(document, old, verdict.channels)
    saved = Saved(uid, new.rev, ticket.cv, winner)
    grants = verdict.grants if changes_channels else None
    if old is not None and followed not in ("", old.rev):
        # The leaf that it follows, if it is one, is none any more.
        database.execute(
            "UPDATE cbtools_revisions SET superseded = %s "
            "WHERE keyspace = %s AND uid = %s AND rev = %s AND superseded = %s",
            [now, database.keyspace, uid, followed, NEVER],
        )
    return _Change(document, saved, grants, tuple(kept))


def _in_channels(document: Document, old: Document | None, names: Iterable[str]) -> Document:
    """The document with the channels that the sync function has put it in."""
    before = old.channels if old else {}
    now = {name: before.get(name, document.sequence) for name in names}
    removals = dict(old.removals) if old else {}
    for name in now:
        removals.pop(name, None)
    for name, start in before.items():
        if name not in now:
            removals[name] = Removal(
                start, document.sequence, document.rev, document.cv, document.deleted
            )
    return replace(
        document,
        channels_text=json.dumps(now, ensure_ascii=False) if now else "{}",
        removals_text=json.dumps(removals, ensure_ascii=False) if removals else "{}",
    )


def _kept(database: Database, old: Document, superseded: int) -> tuple[Any, ...]:
    return (
        database.keyspace, old.uid, old.rev, old.deleted, old.body,
        json.dumps(list(old.channels), ensure_ascii=False), superseded, old.sequence,
        old.attachments_text,
    )  # fmt: skip


def check_body(body: Mapping[str, Any]) -> None:
    """Raise a GatewayError for properties that a body may not have."""
    for key in body:
        if not key.startswith("_"):
            continue
        if key == "_sync":
            raise bad_request(
                f"document-top level property '{key}' is a reserved internal property"
            )
        if key.startswith("_sync_"):
            raise bad_request(
                "user defined top-level properties that start with '_sync_' "
                "are not allowed in document body"
            )
        if key == "_purged":
            raise bad_request(
                f"user defined top-level property '{key}' is not allowed in document body"
            )
        if key == "_removed" and body[key] is not None:
            raise missing("Document revision is not accessible")


def _start(edit: Edit, old: Document | None, tree: RevisionTree, deleted: bool) -> str:
    """The revision that an edit follows; raises a 409 GatewayError where it cannot."""
    if edit.cv:
        if old is None or edit.cv != old.cv:
            raise conflict()
    elif edit.rev:
        if old is None or not tree.is_leaf(edit.rev):
            raise conflict()
        if edit.rev != old.rev and (not old.deleted or (deleted and tree.is_deleted(edit.rev))):
            raise conflict()
        return edit.rev
    elif old is not None and not old.deleted:
        raise conflict("Document exists")
    return old.rev if old else ""


def _check_branch(edit: Edit, old: Document | None, tree: RevisionTree, deleted: bool) -> None:
    """Raise a 409 GatewayError where a replicator's revision would make a conflict.

    As a real gateway without ``allow_conflicts``, which has not allowed them since 4.0: the
    revision must follow the current one, or end another branch, or begin a new one where the
    document is deleted.
    """
    ancestor = next((rev for rev in edit.history if rev in tree), "")
    if old is None or ancestor == old.rev:
        return
    if deleted:
        if tree.is_deleted(ancestor) or not tree.is_leaf(ancestor):
            raise conflict()
    elif not old.deleted or ancestor:
        raise conflict()


def _keep(database: Database, kept: Sequence[tuple[Any, ...]]) -> None:
    oldest = documents.oldest_kept(database)
    for row in kept:
        database.execute(
            "DELETE FROM cbtools_revisions WHERE keyspace = %s AND uid = %s AND superseded < %s",
            [*row[:2], oldest],
        )
        database.execute(
            "INSERT OR REPLACE INTO cbtools_revisions (keyspace, uid, rev, deleted, body, "
            "channels, superseded, sequence, attachments) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            row,
        )


def _store(database: Database, written: Iterable[Document]) -> None:
    database.execute_many(
        "INSERT INTO cbtools_documents (keyspace, uid, rev, cv, sequence, deleted, body, history, "
        "channels, removals, attachments, expires) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (keyspace, uid) DO UPDATE SET rev = excluded.rev, cv = excluded.cv, "
        "sequence = excluded.sequence, deleted = excluded.deleted, body = excluded.body, "
        "history = excluded.history, channels = excluded.channels, "
        "removals = excluded.removals, attachments = excluded.attachments, "
        "expires = excluded.expires",
        [(database.keyspace, *documents.row_of(document)) for document in written],
    )
