"""Documents and their revisions, as they are read."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from django_cbtools import canonical

from ..access import Reader
from ..database import Database
from ..errors import GatewayError, bad_request, missing
from .revtree import RevisionTree

MAX_ID_BYTES = 250
#: The most that a body may be, as on Couchbase Server.
MAX_BYTES = 20 * 1024 * 1024
REV = re.compile(r"[1-9][0-9]{0,17}-.+", re.DOTALL)
#: What is said of a document in its metadata.
DELETED, HIDDEN, BRANCHED = 1, 4, 16
#: `superseded` of the body of a leaf: it is kept as long as it is one.
NEVER = 1 << 62

#: Of the table of documents, called ``document``.
COLUMNS = (
    "document.uid, document.rev, document.cv, document.sequence, document.deleted, document.body, "
    "document.history, document.channels, document.removals, document.attachments, "
    "document.expires, document.past"
)


class Removal(NamedTuple):
    """How a document left a channel: it was there from one sequence to another, when ``rev``
    took it out, a tombstone or not."""

    start: int
    end: int
    rev: str
    cv: str
    deleted: bool


class Stay(NamedTuple):
    """How long a document was in a channel, to which it came back: the sequences from one to
    another. ``compacted``: several times in one."""

    name: str
    start: int
    end: int
    compacted: bool = False


@dataclass(frozen=True)
class Document:
    """A document at its current revision (or, read by ``rev``, at another one).

    What ends in ``_text`` is JSON as it is stored, parsed when it is asked for.
    """

    uid: str
    rev: str
    cv: str
    sequence: int
    deleted: bool
    body: str
    tree_text: str = "[]"
    channels_text: str = "{}"
    removals_text: str = "{}"
    attachments_text: str = "{}"
    #: Seconds since 1970.
    expires: int | None = None
    past_text: str = "[]"
    #: Out of the reader's sight: what is shown says no more than that.
    removed: bool = False

    @cached_property
    def tree(self) -> RevisionTree:
        return RevisionTree.loads(self.tree_text, deleted=self.deleted and bool(self.cv))

    @cached_property
    def channels(self) -> dict[str, int]:
        """The channels it is in, and since which sequence."""
        channels = json.loads(self.channels_text)
        # A list is what the first version wrote.
        return dict.fromkeys(channels, 0) if isinstance(channels, list) else channels

    @cached_property
    def removals(self) -> dict[str, Removal]:
        """The channels that it has left."""
        return {name: Removal(*r) for name, r in json.loads(self.removals_text).items()}

    @cached_property
    def past(self) -> list[Stay]:
        """How long it was in channels to which it came back."""
        return [Stay(*stay) for stay in json.loads(self.past_text)]

    @cached_property
    def attachments(self) -> dict[str, dict[str, Any]]:
        """By name, what is known of each attachment."""
        text = self.attachments_text
        attachments: dict[str, dict[str, Any]] = {} if text == "{}" else canonical.loads(text)[0]
        return attachments

    @property
    def history(self) -> tuple[str, ...]:
        """The revision and those that it came from, newest first."""
        return self.tree.history(self.rev)

    def members(self) -> dict[str, Any]:
        """The special properties that every answer shows."""
        members: dict[str, Any] = {"_id": self.uid, "_rev": self.rev}
        if self.cv:
            members["_cv"] = self.cv
        if self.removed:
            members["_removed"] = True
        if self.deleted:
            members["_deleted"] = True
        return members

    def text(self, members: dict[str, Any] | None = None) -> str:
        """The document's JSON, with special properties (None: :meth:`members` and the stubs of
        its attachments)."""
        if members is None:
            members = self.members()
            if self.attachments_text != "{}":
                members["_attachments"] = self.stubs()
        text = canonical.dumps(members)[:-1]
        return text + ("}" if self.body == "{}" else "," + self.body[1:])

    def stubs(self) -> dict[str, dict[str, Any]]:
        """Its attachments, without what they hold."""
        return {
            name: {key: value for key, value in meta.items() if key != "ver"}
            for name, meta in self.attachments.items()
        }

    def members_sent(self) -> dict[str, Any]:
        """The body as it could have been sent, without what it starts from."""
        members: dict[str, Any] = canonical.loads(self.body)[0]
        if self.deleted:
            members["_deleted"] = True
        if self.attachments_text != "{}":
            members["_attachments"] = self.stubs()
        return members

    def revisions(self, limit: int | None = None, known: Sequence[str] = ()) -> dict[str, Any]:
        """The history as replicators want it: ``{"start": 3, "ids": [...]}``.

        It ends with the newest of the revisions that are ``known`` to the client; where none of
        them is in it, it has no more than ``limit``.
        """
        history = self.history
        is_known = set(known).__contains__
        places = [place for place, rev in enumerate(history) if is_known(rev)]
        return {
            "start": canonical.generation(self.rev),
            "ids": [
                rev.partition("-")[2] for rev in history[: min(places) + 1 if places else limit]
            ],
        }

    def shown_to(self, reader: Reader, *, asked: bool) -> Document:
        """What a reader may see of it; ``asked``: he has asked for this very revision.

        Out of his channels he is told only that it is gone, so that his replicator can follow
        (24-channel-access.json); raises a 403 GatewayError where he has asked for the current
        one.
        """
        if reader.may_read(self.channels):
            return self
        if not asked:
            reader.check(self.channels)
        return replace(
            self, cv="", body="{}", attachments_text="{}", expires=None, removed=not self.deleted,
        )  # fmt: skip


def row_of(document: Document) -> tuple[Any, ...]:
    """A document as it is stored, in the order of the columns."""
    return (
        document.uid, document.rev, document.cv, document.sequence, document.deleted,
        document.body, document.tree_text, document.channels_text, document.removals_text,
        document.attachments_text, document.expires, document.past_text,
    )  # fmt: skip


def check_id(uid: str) -> str:
    """The id, if it can be a document's; raises a 400 GatewayError otherwise."""
    # SQLite's JSON functions, which carry ids, end a text at its first NUL.
    if not uid or uid.startswith("_") or "\0" in uid or len(uid.encode()) > MAX_ID_BYTES:
        raise bad_request("Invalid doc ID")
    return uid


def check_size(text: str) -> str:
    """The JSON of a body, if it is not too large; raises a 413 GatewayError otherwise."""
    if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
        raise GatewayError(413, "Document too large!")
    return text


def new_id() -> str:
    return uuid.uuid4().hex


def read(database: Database, condition: str, params: Sequence[Any]) -> list[Document]:
    """Documents of the keyspace by a condition of SQL, tombstones included."""
    rows = database.rows(
        f"SELECT {COLUMNS} FROM cbtools_documents AS document WHERE keyspace = %s AND {condition}",
        [database.keyspace, *params],
    )
    return [loaded(row) for row in rows]


def loaded(row: Sequence[Any]) -> Document:
    """The document in a row of COLUMNS."""
    return Document(row[0], row[1], row[2], row[3], bool(row[4]), *row[5:])


def find(database: Database, uids: Sequence[str]) -> dict[str, Document]:
    """The current revisions of documents, tombstones included, in one query."""
    if len(uids) == 1:
        found = read(database, "uid = %s", uids)
    else:
        found = read(database, "uid IN (SELECT value FROM json_each(%s))", [json.dumps(uids)])
    return {document.uid: document for document in found}


def current(database: Database, uid: str) -> Document:
    """The current revision, a tombstone maybe; raises a 404 GatewayError where there is none."""
    document = find(database, [uid]).get(uid)
    if document is None:
        raise missing()
    return document


def revision(database: Database, uid: str, rev: str) -> Document:
    """A revision by its id or version; raises a 404 GatewayError where it is not kept."""
    return revision_of(database, current(database, uid), rev)


def revision_of(database: Database, document: Document, rev: str) -> Document:
    """A revision of a document; raises a 404 GatewayError where its body is not kept."""
    if rev in (document.rev, document.cv):
        return document
    if rev not in document.tree:
        raise missing()
    row = database.row(
        "SELECT deleted, body, channels, attachments, sequence FROM cbtools_revisions "
        "WHERE keyspace = %s AND uid = %s AND rev = %s AND superseded >= %s",
        [database.keyspace, document.uid, rev, oldest_kept(database)],
    )
    if row is None:
        raise missing()
    return replace(
        document, rev=rev, cv="", deleted=bool(row[0]), body=row[1], channels_text=row[2],
        attachments_text=row[3], sequence=row[4], removals_text="{}", expires=None, past_text="[]",
    )  # fmt: skip


def oldest_kept(database: Database) -> int:
    """Revisions superseded before then (seconds since 1970) have lost their bodies."""
    return int(time.time()) - int(database.option("old_rev_expiry_seconds"))
