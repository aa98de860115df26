"""The embedded gateway's tables: their definitions, and how they are created and upgraded.

They are not Django models, as only the gateway uses them. They are created when they are missing,
like the table of Django's migration recorder.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator

#: The tables, in an order in which they can be emptied. Triggers empty cbtools_memberships.
TABLES = (
    "cbtools_attachment_chunks",
    "cbtools_attachments",
    "cbtools_grants",
    "cbtools_local",
    "cbtools_view_rows",
    "cbtools_views",
    "cbtools_collation",
    "cbtools_designs",
    "cbtools_sessions",
    "cbtools_users",
    "cbtools_roles",
    "cbtools_revisions",
    "cbtools_replications",
    "cbtools_nodes",
    "cbtools_documents",
    "cbtools_databases",
)

# databases: `config` is the administrator's configuration, `bucket` is where the documents are.
# documents: the winning revision of each document. `history` is its revision tree. `channels` are
# the channels that the sync function assigned, with the sequences at which it entered them;
# `removals` are the channels that it has left, and `past` are earlier stays in channels to which it
# returned. `doc_type` and `st_deleted` are columns because nearly every query of an application
# uses them.
# memberships: an index of documents by channel. `live`: the document is in the channel and not
# deleted; otherwise it is a tombstone, or has left the channel at `sequence`. Triggers on documents
# maintain it; nothing else writes it.
# revisions: bodies of leaves that do not win, and of recently superseded revisions.
# grants: the channels and roles that each document grants, and to whom.
# replications: `target` is the state that a replication shall have, `status` what it has done.
# nodes: the processes that run replications, each with the time when it last showed itself.
# attachments: which document has which attachment.
# attachment_chunks: the contents of attachments, once for each digest.
# views: a running query refers to its index by `id`, which is never reused.
# view_rows: `sort_key` is a string that sorts in the order of Couchbase's collation.
_DDL = """
CREATE TABLE IF NOT EXISTS cbtools_databases (
    name TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0,
    last_version INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    bucket TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'Online',
    config TEXT NOT NULL DEFAULT '{}',
    version TEXT NOT NULL DEFAULT '',
    updated INTEGER NOT NULL DEFAULT 0,
    started INTEGER NOT NULL DEFAULT 0,
    jobs TEXT NOT NULL DEFAULT '{}'
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
    removals TEXT NOT NULL DEFAULT '{}',
    attachments TEXT NOT NULL DEFAULT '{}',
    expires INTEGER,
    past TEXT NOT NULL DEFAULT '[]',
    doc_type TEXT AS (json_extract(body, '$.doc_type')) VIRTUAL,
    st_deleted INTEGER AS (json_type(body, '$.st_deleted') IS 'true') VIRTUAL,
    UNIQUE (keyspace, uid)
);
CREATE UNIQUE INDEX IF NOT EXISTS cbtools_documents_sequence
    ON cbtools_documents (keyspace, sequence);
CREATE INDEX IF NOT EXISTS cbtools_documents_live
    ON cbtools_documents (keyspace, uid) WHERE deleted = 0;
CREATE INDEX IF NOT EXISTS cbtools_documents_live_sequence
    ON cbtools_documents (keyspace, sequence) WHERE deleted = 0;
CREATE INDEX IF NOT EXISTS cbtools_documents_doc_type
    ON cbtools_documents (keyspace, doc_type, st_deleted, uid, expires) WHERE deleted = 0;
CREATE INDEX IF NOT EXISTS cbtools_documents_expires
    ON cbtools_documents (expires) WHERE expires IS NOT NULL;

CREATE TABLE IF NOT EXISTS cbtools_memberships (
    keyspace TEXT NOT NULL,
    channel TEXT NOT NULL,
    live INTEGER NOT NULL,
    uid TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (keyspace, channel, live, uid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cbtools_memberships_sequence
    ON cbtools_memberships (keyspace, channel, live, sequence);

CREATE TABLE IF NOT EXISTS cbtools_revisions (
    keyspace TEXT NOT NULL,
    uid TEXT NOT NULL,
    rev TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    body TEXT NOT NULL,
    channels TEXT NOT NULL,
    superseded INTEGER NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0,
    attachments TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (keyspace, uid, rev)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cbtools_grants (
    database TEXT NOT NULL,
    principal TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    keyspace TEXT NOT NULL,
    uid TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (database, principal, kind, name, keyspace, uid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cbtools_grants_document ON cbtools_grants (keyspace, uid);

CREATE TABLE IF NOT EXISTS cbtools_local (
    keyspace TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    saved INTEGER NOT NULL,
    PRIMARY KEY (keyspace, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cbtools_local_saved ON cbtools_local (keyspace, saved);

CREATE TABLE IF NOT EXISTS cbtools_replications (
    database TEXT NOT NULL,
    id TEXT NOT NULL,
    config TEXT NOT NULL,
    target TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (database, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cbtools_nodes (
    id TEXT PRIMARY KEY,
    beat REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cbtools_attachments (
    keyspace TEXT NOT NULL,
    uid TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (keyspace, uid, digest)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cbtools_attachments_digest ON cbtools_attachments (keyspace, digest);

CREATE TABLE IF NOT EXISTS cbtools_attachment_chunks (
    id INTEGER PRIMARY KEY,
    keyspace TEXT NOT NULL,
    digest TEXT NOT NULL,
    position INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (keyspace, digest, position)
);

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
    collections TEXT NOT NULL DEFAULT '{}',
    role_history TEXT NOT NULL DEFAULT '{}',
    unsettled TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (database, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cbtools_roles (
    database TEXT NOT NULL,
    name TEXT NOT NULL,
    admin_channels TEXT NOT NULL,
    collections TEXT NOT NULL DEFAULT '{}',
    sequence INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    channel_history TEXT NOT NULL DEFAULT '{}',
    unsettled TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (database, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cbtools_sessions (
    id TEXT PRIMARY KEY,
    database TEXT NOT NULL,
    username TEXT NOT NULL,
    stamp TEXT NOT NULL,
    expires INTEGER NOT NULL,
    ttl INTEGER NOT NULL,
    one_time INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cbtools_designs (
    keyspace TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (keyspace, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS cbtools_views (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    keyspace TEXT NOT NULL,
    signature TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    updated REAL NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
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

# The first version stored channels as a list, so both forms occur.
_MEMBERS = """
    SELECT {row}.keyspace,
        CASE channel.type WHEN 'text' THEN channel.value ELSE channel.key END AS name,
        {row}.deleted = 0, {row}.uid, {row}.sequence
    FROM {source}json_each({row}.channels) AS channel WHERE name IS NOT NULL
    UNION ALL
    SELECT {row}.keyspace, removal.key, 0, {row}.uid, json_extract(removal.value, '$[1]')
    FROM {source}json_each({row}.removals) AS removal WHERE {row}.removals <> '{{}}'"""
_ENTER = "INSERT OR REPLACE INTO cbtools_memberships (keyspace, channel, live, uid, sequence)"
_LEAVE = """DELETE FROM cbtools_memberships
    WHERE keyspace = OLD.keyspace AND uid = OLD.uid AND live = (OLD.deleted = 0) AND channel IN
    (SELECT CASE type WHEN 'text' THEN value ELSE key END FROM json_each(OLD.channels));
    DELETE FROM cbtools_memberships
    WHERE OLD.removals <> '{}' AND keyspace = OLD.keyspace AND uid = OLD.uid AND live = 0
    AND channel IN (SELECT key FROM json_each(OLD.removals))"""
_PLACES = "keyspace, uid, sequence, deleted, channels, removals"


def _trigger(name: str, event: str, *actions: str) -> str:
    body = "".join(f"\n    {action};" for action in actions)
    return (
        f"CREATE TRIGGER IF NOT EXISTS cbtools_documents_{name} "
        f"AFTER {event} ON cbtools_documents BEGIN{body}\nEND"
    )


_NEW = _ENTER + _MEMBERS.format(row="NEW", source="")
#: A query for the rows that cbtools_memberships should have.
MEMBERSHIPS = _MEMBERS.format(row="cbtools_documents", source="cbtools_documents, ")
#: Indexes of earlier versions that are no longer used.
_DROPPED = ("cbtools_documents_removals",)

_STATEMENTS = [
    *(statement.strip() for statement in _DDL.split(";") if statement.strip()),
    _trigger("inserted", "INSERT", _NEW),
    _trigger("updated", f"UPDATE OF {_PLACES}", _LEAVE, _NEW),
    _trigger("deleted", "DELETE", _LEAVE),
]


def _columns(statement: str) -> tuple[str, dict[str, str]] | None:
    """Return the table that a statement creates, and the definition of each plain column."""
    head, _, body = statement.partition("(\n")
    if not head.startswith("CREATE TABLE"):
        return None
    lines = [line.strip().rstrip(",") for line in body.splitlines()]
    columns = [line.split(" ", 1) for line in lines if re.match("[a-z]", line)]
    return head.split()[5], {name: rest for name, rest in columns if " AS (" not in rest}


#: The statements in the form in which SQLite stores them.
_MADE = {statement.replace(" IF NOT EXISTS", "", 1) for statement in _STATEMENTS}
#: The names of tables, indexes and triggers.
_NAMES = {statement.partition(" EXISTS ")[2].split()[0] for statement in _STATEMENTS}
_COLUMNS = dict(filter(None, map(_columns, _STATEMENTS)))


def ensure(connection: sqlite3.Connection, timeout: float) -> None:
    """Create or upgrade the tables of a SQLite database, and put it in WAL mode.

    ``timeout`` is how long (seconds) to wait for another process that does the same. Raises
    sqlite3.Error if the file is not a database or cannot be written.
    """
    if _is_complete(connection):
        return
    _use_wal(connection, timeout)
    connection.execute("BEGIN IMMEDIATE")
    try:
        _add_columns(connection)
        is_filled = _has(connection, "cbtools_memberships")
        for name in _DROPPED:
            connection.execute(f"DROP INDEX IF EXISTS {name}")
        for statement in _STATEMENTS:
            connection.execute(statement)
        if not is_filled:
            connection.execute(_ENTER + MEMBERSHIPS)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _is_complete(connection: sqlite3.Connection) -> bool:
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE substr(name, 1, 8) = 'cbtools_'"
    )
    made = dict(rows.fetchall())
    if _MADE.issubset(made.values()):
        return True
    return _NAMES.issubset(made) and not any(missing for _, missing in _missing_columns(connection))


def _has(connection: sqlite3.Connection, name: str) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [name])
    return found.fetchone() is not None


def _missing_columns(connection: sqlite3.Connection) -> Iterator[tuple[str, list[str]]]:
    """Yield each table with the columns that it lacks."""
    rows = connection.execute(
        "SELECT tables.name, columns.name FROM sqlite_master AS tables, "
        "pragma_table_info(tables.name) AS columns "
        "WHERE tables.type = 'table' AND substr(tables.name, 1, 8) = 'cbtools_'"
    )
    known = set(rows)
    for table, columns in _COLUMNS.items():
        yield table, [column for column in columns if (table, column) not in known]


def _add_columns(connection: sqlite3.Connection) -> None:
    """Add the columns that tables of an earlier version lack."""
    for table, missing in list(_missing_columns(connection)):
        if len(missing) < len(_COLUMNS[table]):
            for column in missing:
                connection.execute(
                    f"ALTER TABLE {table} ADD COLUMN {column} {_COLUMNS[table][column]}"
                )


def _use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    # SQLite ignores its busy timeout when two processes change the mode at the same time.
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
