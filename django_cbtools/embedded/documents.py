"""Documents and their revisions: reading and writing."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from . import canonical
from .access import document_channels
from .database import Database, Ticket
from .errors import GatewayError, bad_request, conflict, missing, not_implemented

MAX_ID_BYTES = 250
MAX_DOCUMENT_BYTES = 20 * 1024 * 1024
#: How many revision ids of a document's history are kept.
REVS_LIMIT = 50
#: How long the bodies of superseded revisions are kept.
OLD_REVISION_SECONDS = 300

REV = re.compile(r"[1-9]\d{0,17}-.+", re.DOTALL)
_COLUMNS = "uid, rev, cv, sequence, deleted, body, history, channels"


@dataclass(frozen=True)
class Document:
    """A document at its current revision (or, read by ``rev``, at an older one)."""

    uid: str
    rev: str
    cv: str
    sequence: int
    deleted: bool
    body: str
    history: tuple[str, ...]
    channels: tuple[str, ...]

    def text(self, *, cv: bool = True, revisions: bool = False) -> str:
        """The document's JSON with its special properties."""
        members = {"_id": self.uid, "_rev": self.rev}
        if cv and self.cv:
            members["_cv"] = self.cv
        text = canonical.dumps(members)[:-1]
        if self.deleted:
            text += ',"_deleted":true'
        if revisions:
            text += f',"_revisions":{canonical.dumps(self.revisions())}'
        return text + ("}" if self.body == "{}" else "," + self.body[1:])

    def revisions(self) -> dict[str, Any]:
        """The history as replicators want it: ``{"start": 3, "ids": [...]}``."""
        return {
            "start": canonical.generation(self.rev),
            "ids": [rev.partition("-")[2] for rev in self.history],
        }


@dataclass(frozen=True)
class Edit:
    """A write that is asked for: a body, and the revision or version it starts from ('': none)."""

    uid: str
    body: Mapping[str, Any] = field(default_factory=dict)
    rev: str = ""
    cv: str = ""


def _document(row: tuple[Any, ...]) -> Document:
    uid, rev, cv, sequence, deleted, body, history, channels = row
    return Document(
        uid, rev, cv, sequence, bool(deleted), body,
        tuple(json.loads(history)), tuple(json.loads(channels)),
    )  # fmt: skip


def check_id(uid: str) -> str:
    """The id, if it can be a document's; raises a 400 GatewayError otherwise."""
    # SQLite's JSON functions, which carry ids, end a text at its first NUL.
    if not uid or uid.startswith("_") or "\0" in uid or len(uid.encode()) > MAX_ID_BYTES:
        raise bad_request("Invalid doc ID")
    return uid


def new_id() -> str:
    return uuid.uuid4().hex


def find(database: Database, uids: Sequence[str]) -> dict[str, Document]:
    """The current revisions of documents, tombstones included, in one query."""
    if len(uids) == 1:
        condition, param = "uid = %s", uids[0]
    else:
        condition, param = "uid IN (SELECT value FROM json_each(%s))", json.dumps(uids)
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM cbtools_documents WHERE keyspace = %s AND {condition}",
        [database.keyspace, param],
    )
    return {row[0]: _document(row) for row in rows}


def select(database: Database, *, start: str | None, end: str | None) -> list[Document]:
    """Live documents in the order of their ids, from ``start`` to ``end``, both included."""
    conditions, params = ["keyspace = %s", "deleted = 0"], [database.keyspace]
    for operator, bound in ((">=", start), ("<=", end)):
        if bound is not None:
            conditions.append(f"uid {operator} %s")
            params.append(bound)
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM cbtools_documents WHERE {' AND '.join(conditions)} ORDER BY uid",
        params,
    )
    return [_document(row) for row in rows]


def current(database: Database, uid: str) -> Document:
    """The current revision; raises a 404 GatewayError where there is none or it is a tombstone."""
    document = find(database, [uid]).get(uid)
    if document is None:
        raise missing()
    return document


def revision(database: Database, uid: str, rev: str) -> Document:
    """A revision by its id or version; raises a 404 GatewayError where it is not kept."""
    document = current(database, uid)
    if rev in (document.rev, document.cv):
        return document
    row = database.row(
        "SELECT deleted, body, channels FROM cbtools_revisions "
        "WHERE keyspace = %s AND uid = %s AND rev = %s AND superseded >= %s",
        [database.keyspace, uid, rev, _oldest_kept()],
    )
    if row is None or rev not in document.history:
        raise missing()
    history = document.history[document.history.index(rev) :]
    return replace(
        document, rev=rev, cv="", deleted=bool(row[0]), body=row[1],
        history=history, channels=tuple(json.loads(row[2])),
    )  # fmt: skip


def save(database: Database, edits: Sequence[Edit]) -> list[Document | GatewayError]:
    """Write documents in order, each by itself: for each, what it is now or why it was refused.

    All of them are in one transaction, so that an answer stands for what is on disk.
    """
    if not edits:
        return []
    results: list[Document | GatewayError] = []
    written: dict[str, Document] = {}
    superseded: list[Document] = []
    with database.atomic():
        known = find(database, list({edit.uid for edit in edits}))
        for edit, ticket in zip(edits, database.tickets(len(edits)), strict=True):
            parent = known.get(edit.uid)
            try:
                document = _next(edit, parent, ticket)
            except GatewayError as error:
                results.append(error)
                continue
            if parent is not None:
                superseded.append(parent)
            known[edit.uid] = written[edit.uid] = document
            results.append(document)
        _store(database, written.values(), superseded)
    return results


def _next(edit: Edit, parent: Document | None, ticket: Ticket) -> Document:
    check_body(edit.body)
    _check_parent(edit, parent)
    digested = canonical.digest_body(edit.body)
    rev = canonical.revision_id(parent.rev if parent else "", digested)
    deleted = edit.body.get("_deleted") is True
    if deleted:
        body = "{}"
    elif "_deleted" in edit.body:
        body = canonical.digest_body({k: v for k, v in edit.body.items() if k != "_deleted"})
    else:
        body = digested
    if len(body) > MAX_DOCUMENT_BYTES or len(body.encode()) > MAX_DOCUMENT_BYTES:
        raise GatewayError(413, "Document too large!")
    return Document(
        uid=edit.uid,
        rev=rev,
        cv=ticket.cv,
        sequence=ticket.sequence,
        deleted=deleted,
        body=body,
        history=(rev, *(parent.history if parent else ()))[:REVS_LIMIT],
        channels=tuple(document_channels(edit.body)),
    )


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
        if key == "_removed" and body[key]:
            raise missing("Document revision is not accessible")
        if key == "_exp":
            _check_expiry(body[key])
        if key == "_attachments" and body[key]:
            raise not_implemented("attachments")


def _check_expiry(value: Any) -> None:
    if value in (None, 0, "0"):
        return
    if (
        isinstance(value, str)
        and not value.isdecimal()
        and not re.match(r"\d{4}-\d\d-\d\dT", value)
    ):
        raise bad_request(
            f"Invalid expiry: Unable to parse expiry {value} as either numeric or date expiry: "
            f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": '
            f'cannot parse "{value}" as "2006"'
        )
    raise not_implemented("document expiry")


def _check_parent(edit: Edit, parent: Document | None) -> None:
    if edit.cv:
        if parent is None or edit.cv != parent.cv:
            raise conflict()
    elif edit.rev:
        if parent is None or edit.rev != parent.rev:
            raise conflict()
    elif parent is not None and not parent.deleted:
        raise conflict("Document exists")


def _store(database: Database, written: Any, superseded: Sequence[Document]) -> None:
    keyspace = database.keyspace
    if superseded:
        database.execute_many(
            "DELETE FROM cbtools_revisions WHERE keyspace = %s AND uid = %s AND superseded < %s",
            {(keyspace, old.uid, _oldest_kept()) for old in superseded},
        )
        now = int(time.time())
        database.execute_many(
            "INSERT OR REPLACE INTO cbtools_revisions VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                (keyspace, old.uid, old.rev, old.deleted, old.body, json.dumps(old.channels), now)
                for old in superseded
            ],
        )
    database.execute_many(
        f"INSERT INTO cbtools_documents (keyspace, {_COLUMNS}) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (keyspace, uid) DO UPDATE SET rev = excluded.rev, cv = excluded.cv, "
        "sequence = excluded.sequence, deleted = excluded.deleted, body = excluded.body, "
        "history = excluded.history, channels = excluded.channels",
        [
            (
                keyspace,
                new.uid,
                new.rev,
                new.cv,
                new.sequence,
                new.deleted,
                new.body,
                json.dumps(new.history),
                json.dumps(new.channels, ensure_ascii=False),
            )
            for new in written
        ],
    )


def _oldest_kept() -> int:
    return int(time.time()) - OLD_REVISION_SECONDS
