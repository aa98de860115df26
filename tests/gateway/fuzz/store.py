"""What has to be true of the gateway's file, whatever has been asked of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from django_cbtools import canonical
from django_cbtools.embedded import schema
from django_cbtools.embedded.database import Database
from django_cbtools.embedded.documents.attachments import VERSION
from django_cbtools.embedded.documents.documents import NEVER
from django_cbtools.embedded.documents.revtree import RevisionTree


def rows(file: Path | str, sql: str) -> list[tuple[Any, ...]]:
    """A query's rows, from a connection of its own."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def check(file: Path | str) -> None:
    """AssertionError with all that is wrong in a file that nobody has open."""
    with closing(sqlite3.connect(file)) as connection:
        found = list(_defects(connection))
        assert not found, found[:20]


def _defects(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"integrity_check: {line}"
    for title, sql in _QUERIES.items():
        for row in connection.execute(sql):
            yield f"{title}: {row!r:.300}"
    yield from _lost_attachments(connection)
    yield from _late_sequences(connection)
    documents = connection.execute(
        "SELECT keyspace, uid, rev, deleted, history, channels, removals, attachments "
        "FROM cbtools_documents"
    )
    for keyspace, uid, rev, deleted, history, channels, removals, attachments in documents:
        tree = RevisionTree.loads(history, deleted=bool(deleted))
        leaves = tree.leaves()
        if not leaves or leaves[0] != rev:
            yield f"the winner of {keyspace} {uid!r} is {leaves[:1]}, not {rev!r}"
        for text in (channels, removals, attachments):
            if not isinstance(canonical.loads(text)[0], (dict, list)):
                yield f"{keyspace} {uid!r}: {text!r:.100}"
        for leaf in leaves[1:]:
            if not connection.execute(
                "SELECT 1 FROM cbtools_revisions WHERE keyspace = ? AND uid = ? AND rev = ?",
                [keyspace, uid, leaf],
            ).fetchone():
                yield f"{keyspace} {uid!r} has nothing of its leaf {leaf!r}"
        for (kept,) in connection.execute(
            "SELECT rev FROM cbtools_revisions WHERE keyspace = ? AND uid = ? AND superseded = ?",
            [keyspace, uid, NEVER],
        ):
            if kept not in leaves:
                yield f"{keyspace} {uid!r} keeps {kept!r} for ever, which is no leaf"


def _lost_attachments(connection: sqlite3.Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT keyspace, uid, digest, (SELECT coalesce(sum(length(data)), 0) "
        "FROM cbtools_attachment_chunks AS chunks WHERE chunks.keyspace = uses.keyspace "
        "AND chunks.digest = uses.digest) FROM cbtools_attachments AS uses"
    )
    sizes = {tuple(place): size for *place, size in rows}
    for keyspace, uid, rev, text in connection.execute(
        "SELECT keyspace, uid, rev, attachments FROM cbtools_documents UNION ALL "
        "SELECT keyspace, uid, rev, attachments FROM cbtools_revisions"
    ):
        for name, held in canonical.loads(text)[0].items():
            # Of others, which a body has made up, there is nothing.
            if held.get("ver") == VERSION:
                size = sizes.get((keyspace, uid, held["digest"]))
                if size != held.get("encoded_length", held.get("length")):
                    yield f"{name!r} of {keyspace} {uid!r} {rev} is lost: {held}, {size}"


def _late_sequences(connection: sqlite3.Connection) -> Iterator[str]:
    """Of databases that are there: others may have taken their documents over from the rest."""
    databases = connection.execute(
        "SELECT name, bucket, config, sequence FROM cbtools_databases WHERE instr(name, '@') = 0"
    )
    for name, bucket, config, sequence in databases.fetchall():
        for place in Database("", name, bucket or name, "", json.loads(config)).all():
            (last,) = connection.execute(
                "SELECT max(sequence) FROM cbtools_documents WHERE keyspace = ?", [place.keyspace]
            ).fetchone()
            if last is not None and last > sequence:
                yield f"sequence beyond the database's: {name} {place.keyspace} {last} {sequence}"


#: What is wrong, and the query whose rows say so.
_QUERIES = {
    "sequence twice": (
        "SELECT keyspace, sequence, count(*) FROM cbtools_documents GROUP BY 1, 2 "
        "HAVING count(*) > 1"
    ),
    "body that is no JSON": (
        "SELECT 'document', keyspace, uid FROM cbtools_documents WHERE NOT json_valid(body) "
        "UNION ALL SELECT 'revision', keyspace, uid FROM cbtools_revisions "
        "WHERE NOT json_valid(body) "
        "UNION ALL SELECT 'local', keyspace, name FROM cbtools_local WHERE NOT json_valid(body) "
        "UNION ALL SELECT 'design', keyspace, name FROM cbtools_designs WHERE NOT json_valid(body)"
    ),
    "revision without its document": (
        "SELECT keyspace, uid, rev FROM cbtools_revisions WHERE (keyspace, uid) NOT IN "
        "(SELECT keyspace, uid FROM cbtools_documents)"
    ),
    "membership that is missing": (
        f"{schema.MEMBERSHIPS} EXCEPT "
        "SELECT keyspace, channel, live, uid, sequence FROM cbtools_memberships"
    ),
    "membership without its document": (
        "SELECT keyspace, channel, live, uid, sequence FROM cbtools_memberships EXCEPT SELECT "
        f"keyspace, name, live, uid, sequence FROM (SELECT NULL AS keyspace, NULL AS name, "
        f"NULL AS live, NULL AS uid, NULL AS sequence UNION ALL {schema.MEMBERSHIPS})"
    ),
    "attachment without its document": (
        "SELECT keyspace, uid, digest FROM cbtools_attachments WHERE (keyspace, uid) NOT IN "
        "(SELECT keyspace, uid FROM cbtools_documents)"
    ),
    "chunk without its attachment": (
        "SELECT keyspace, digest, position FROM cbtools_attachment_chunks WHERE (keyspace, digest) "
        "NOT IN (SELECT keyspace, digest FROM cbtools_attachments)"
    ),
    "chunks with a gap": (
        "SELECT keyspace, digest, position FROM (SELECT keyspace, digest, position, "
        "sum(length(data)) OVER (PARTITION BY keyspace, digest ORDER BY position) - length(data) "
        "AS start FROM cbtools_attachment_chunks) WHERE position <> start"
    ),
    "grant without its document": (
        "SELECT keyspace, uid, principal FROM cbtools_grants WHERE uid <> '' AND "
        "(keyspace, uid) NOT IN (SELECT keyspace, uid FROM cbtools_documents)"
    ),
    "grants of two databases": (
        "SELECT keyspace, min(database), max(database) FROM cbtools_grants GROUP BY keyspace "
        "HAVING min(database) <> max(database)"
    ),
    "row without its view": (
        "SELECT view, uid FROM cbtools_view_rows WHERE view NOT IN (SELECT id FROM cbtools_views)"
    ),
    # An index may be late, but what is purged is gone.
    "row without its document": (
        "SELECT keyspace, rows.uid FROM cbtools_view_rows AS rows "
        "JOIN cbtools_views AS views ON views.id = view "
        "LEFT JOIN cbtools_documents AS documents USING (keyspace, uid) "
        "WHERE documents.uid IS NULL OR deleted AND documents.sequence <= views.sequence"
    ),
}
