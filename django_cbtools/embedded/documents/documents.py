"""Documents and their revisions, as they are read from the database."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from django_cbtools import canonical

from ..access import Reader
from ..database import Database
from ..errors import GatewayError, bad_request, missing
from .revtree import RevisionTree

MAX_ID_BYTES = 250
#: The largest body (bytes), as on Couchbase Server.
MAX_BYTES = 20 * 1024 * 1024
#: The largest metadata (about so many characters), as on Couchbase Server: revision ids, channels,
#: grants and attachments.
MAX_METADATA = 1024 * 1024
REV = re.compile(r"[1-9][0-9]{0,17}-.+", re.DOTALL)
#: Flags in a document's metadata.
DELETED, HIDDEN, BRANCHED = 1, 4, 16
#: The value of `superseded` for the body of a leaf. It is kept for as long as it is a leaf.
NEVER = 1 << 62

#: The columns of a Document. The table must be called ``document`` in the query.
COLUMNS = (
    "document.uid, document.rev, document.cv, document.sequence, document.deleted, document.body, "
    "document.history, document.channels, document.removals, document.attachments, "
    "document.expires, document.past"
)


class Removal(NamedTuple):
    """The removal of a document from a channel.

    It entered the channel at sequence ``start``, and revision ``rev`` removed it from the channel
    at sequence ``end``. ``deleted`` says whether that revision is a tombstone.
    """

    start: int
    end: int
    rev: str
    cv: str
    deleted: bool


class Stay(NamedTuple):
    """An earlier stay in a channel to which the document returned later.

    It lasted from sequence ``start`` to sequence ``end``. ``compacted`` says whether several stays
    were merged into this one.
    """

    name: str
    start: int
    end: int
    compacted: bool = False


@dataclass(frozen=True)
class Document:
    """A document at its current revision, or at another one if a caller asked for that.

    Fields that end in ``_text`` hold JSON as it is stored. Properties parse them on first use.
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
    #: Whether the reader may not see this revision. Answers show it as a stub without a body.
    removed: bool = False

    @cached_property
    def tree(self) -> RevisionTree:
        return RevisionTree.loads(self.tree_text, deleted=self.deleted and bool(self.cv))

    @cached_property
    def channels(self) -> dict[str, int]:
        """The channels that the document is in, each with the sequence at which it entered."""
        channels = json.loads(self.channels_text)
        # The first version wrote a list.
        return dict.fromkeys(channels, 0) if isinstance(channels, list) else channels

    @cached_property
    def removals(self) -> dict[str, Removal]:
        """The channels that the document has left."""
        return {name: Removal(*r) for name, r in json.loads(self.removals_text).items()}

    @cached_property
    def past(self) -> list[Stay]:
        """Earlier stays in channels to which the document returned."""
        return [Stay(*stay) for stay in json.loads(self.past_text)]

    @cached_property
    def attachments(self) -> dict[str, dict[str, Any]]:
        """The metadata of each attachment, by name."""
        text = self.attachments_text
        attachments: dict[str, dict[str, Any]] = {} if text == "{}" else canonical.loads(text)[0]
        return attachments

    @property
    def history(self) -> tuple[str, ...]:
        """The revision and its ancestors, newest first."""
        return self.tree.history(self.rev)

    def members(self) -> dict[str, Any]:
        """Return the special properties that every answer shows, such as ``_id`` and ``_rev``."""
        members: dict[str, Any] = {"_id": self.uid, "_rev": self.rev}
        if self.cv:
            members["_cv"] = self.cv
        if self.removed:
            members["_removed"] = True
        if self.deleted:
            members["_deleted"] = True
        return members

    def text(self, members: dict[str, Any] | None = None) -> str:
        """Return the document as JSON, with special properties.

        ``members`` are the special properties. The default is the result of :meth:`members` and
        the stubs of the attachments.
        """
        if members is None:
            members = self.members()
            if self.attachments_text != "{}":
                members["_attachments"] = self.stubs()
        text = canonical.dumps(members)[:-1]
        return text + ("}" if self.body == "{}" else "," + self.body[1:])

    def stubs(self) -> dict[str, dict[str, Any]]:
        """Return the attachments as stubs, without their content."""
        return {
            name: {key: value for key, value in meta.items() if key != "ver"}
            for name, meta in self.attachments.items()
        }

    def members_sent(self) -> dict[str, Any]:
        """Return the body as a client would send it, without ``_id`` and ``_rev``."""
        members: dict[str, Any] = canonical.loads(self.body)[0]
        if self.deleted:
            members["_deleted"] = True
        if self.attachments_text != "{}":
            members["_attachments"] = self.stubs()
        return members

    def revisions(self, limit: int | None = None, known: Sequence[str] = ()) -> dict[str, Any]:
        """Return the history as replicators expect it: ``{"start": 3, "ids": [...]}``.

        The history ends with the newest revision that is ``known`` to the client. If the client
        knows none of them, the history is cut to ``limit`` revisions (None: all).
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
        """Return the document as a reader may see it.

        ``asked`` says whether the reader asked for this very revision, not just for the current
        one. If the revision is not in the reader's channels, the answer is a stub that says that it
        was removed, so that replicators can continue (24-channel-access.json). A reader who asked
        for the current revision gets a 403 GatewayError instead.
        """
        if reader.may_read(self.channels):
            return self
        if not asked:
            reader.check(self.channels)
        return replace(
            self, cv="", body="{}", attachments_text="{}", expires=None, removed=not self.deleted,
        )  # fmt: skip


def row_of(document: Document) -> tuple[Any, ...]:
    """Return the values of a document's row in the table of documents, without the keyspace."""
    return (
        document.uid, document.rev, document.cv, document.sequence, document.deleted,
        document.body, document.tree_text, document.channels_text, document.removals_text,
        document.attachments_text, document.expires, document.past_text,
    )  # fmt: skip


def check_id(uid: str) -> str:
    """Return the id; raise a 400 GatewayError if no document can have it."""
    # SQLite's JSON functions cut a string at its first NUL.
    if not uid or uid.startswith("_") or "\0" in uid or len(uid.encode()) > MAX_ID_BYTES:
        raise bad_request("Invalid doc ID")
    return uid


def check_size(text: str) -> str:
    """Return a body's JSON; raise a 413 GatewayError if it is too large."""
    if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
        raise GatewayError(413, "Document too large!")
    return text


def check_metadata(names: Iterable[str], length: int = 0) -> None:
    """Raise a 413 GatewayError if a document's metadata is too large.

    ``names`` are the names in the metadata, ``length`` is the number of its other characters.
    """
    # Each name is stored with a sequence and punctuation.
    if length + sum(len(name) + 10 for name in names) > MAX_METADATA:
        raise GatewayError(413, "Document too large!")


def new_id() -> str:
    return uuid.uuid4().hex


def read(database: Database, condition: str, params: Sequence[Any]) -> list[Document]:
    """Return the documents for which an SQL condition holds, tombstones included."""
    rows = database.rows(
        f"SELECT {COLUMNS} FROM cbtools_documents AS document WHERE keyspace = %s AND {condition}",
        [database.keyspace, *params],
    )
    return [loaded(row) for row in rows]


def loaded(row: Sequence[Any]) -> Document:
    """Return the document for a row with the columns COLUMNS."""
    return Document(row[0], row[1], row[2], row[3], bool(row[4]), *row[5:])


def find(database: Database, uids: Sequence[str]) -> dict[str, Document]:
    """Return documents by id at their current revisions, tombstones included, in one query."""
    if len(uids) == 1:
        found = read(database, "uid = %s", uids)
    else:
        found = read(database, "uid IN (SELECT value FROM json_each(%s))", [json.dumps(uids)])
    return {document.uid: document for document in found}


def current(database: Database, uid: str) -> Document:
    """Return a document at its current revision, which may be a tombstone.

    Raises a 404 GatewayError if there is no such document.
    """
    document = find(database, [uid]).get(uid)
    if document is None:
        raise missing()
    return document


def revision_of(database: Database, document: Document, rev: str) -> Document:
    """Return a revision of a document; raise a 404 GatewayError if its body is not kept."""
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
    """Return the earliest time (seconds since 1970) of old revisions whose bodies are kept."""
    return int(time.time()) - int(database.option("old_rev_expiry_seconds"))
