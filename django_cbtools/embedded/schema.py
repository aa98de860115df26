"""The embedded gateway's tables.

They are no Django models, since what they hold is the gateway's business; like Django's own
migration recorder, they are made where they are missing.
"""

from __future__ import annotations

import sqlite3
import time

#: In an order in which they can be emptied.
TABLES = (
    "cbtools_view_rows",
    "cbtools_views",
    "cbtools_collation",
    "cbtools_designs",
    "cbtools_sessions",
    "cbtools_users",
    "cbtools_revisions",
    "cbtools_documents",
    "cbtools_databases",
)

# documents: the current revision of each. `history` is the chain of revision ids, newest first;
# `channels` is what the sync function made of the body. `doc_type` and `st_deleted` are what an
# application asks for in nearly every query. revisions: bodies that have been superseded.
# view_rows: `sort_key` compares as text the way Couchbase's collation compares the key.
_DDL = """
CREATE TABLE IF NOT EXISTS cbtools_databases (
    name TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0,
    last_version INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cbtools_documents (
    id INTEGER PRIMARY KEY,
    keyspace TEXT NOT NULL,
    uid TEXT NOT NULL,
    rev TEXT NOT NULL,
    cv TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    body TEXT NOT NULL,
    history TEXT NOT NULL,
    channels TEXT NOT NULL,
    doc_type TEXT AS (json_extract(body, '$.doc_type')) VIRTUAL,
    st_deleted INTEGER AS (json_type(body, '$.st_deleted') IS 'true') VIRTUAL,
    UNIQUE (keyspace, uid)
);
CREATE UNIQUE INDEX IF NOT EXISTS cbtools_documents_sequence
    ON cbtools_documents (keyspace, sequence);
CREATE INDEX IF NOT EXISTS cbtools_documents_doc_type
    ON cbtools_documents (keyspace, doc_type, st_deleted, uid) WHERE deleted = 0;

CREATE TABLE IF NOT EXISTS cbtools_revisions (
    keyspace TEXT NOT NULL,
    uid TEXT NOT NULL,
    rev TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    body TEXT NOT NULL,
    channels TEXT NOT NULL,
    superseded INTEGER NOT NULL,
    PRIMARY KEY (keyspace, uid, rev)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cbtools_users (
    database TEXT NOT NULL,
    name TEXT NOT NULL,
    password TEXT NOT NULL,
    email TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    admin_channels TEXT NOT NULL,
    channel_history TEXT NOT NULL,
    admin_roles TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    stamp TEXT NOT NULL,
    PRIMARY KEY (database, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cbtools_sessions (
    id TEXT PRIMARY KEY,
    database TEXT NOT NULL,
    username TEXT NOT NULL,
    stamp TEXT NOT NULL,
    expires INTEGER NOT NULL,
    ttl INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cbtools_designs (
    keyspace TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (keyspace, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cbtools_views (
    id INTEGER PRIMARY KEY,
    keyspace TEXT NOT NULL,
    signature TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    updated REAL NOT NULL,
    UNIQUE (keyspace, signature)
);

CREATE TABLE IF NOT EXISTS cbtools_view_rows (
    view INTEGER NOT NULL,
    sort_key TEXT NOT NULL,
    uid TEXT NOT NULL,
    position INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (view, sort_key, uid, position)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cbtools_view_rows_uid ON cbtools_view_rows (view, uid);

CREATE TABLE IF NOT EXISTS cbtools_collation (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL
);
"""


def ensure(connection: sqlite3.Connection, timeout: float) -> None:
    """Make the tables in a SQLite database that does not have them, and put it in WAL mode.

    Raises sqlite3.Error where the file is no database or cannot be written. ``timeout`` (seconds)
    is how long to wait for another process that is doing the same.
    """
    if _is_complete(connection):
        return
    _use_wal(connection, timeout)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _DDL.split(";"):
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _is_complete(connection: sqlite3.Connection) -> bool:
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 8) = 'cbtools_'"
    )
    return {name for (name,) in rows}.issuperset(TABLES)


def _use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    # SQLite does not wait for its busy timeout when two processes change the mode at once.
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
