"""A store that an earlier version has made goes on under this one."""

from __future__ import annotations

import io
import json
import sqlite3
import time
from base64 import b64encode
from contextlib import closing

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connections

from django_cbtools.embedded import schema
from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.messages import Call
from tests.testapp.models import CBArticle

#: The tables of version 1.0, and what it has written: the revisions of a document are a list, and
#: so are its channels.
FIRST = """
CREATE TABLE cbtools_databases (
    name TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0,
    last_version INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE cbtools_documents (
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
CREATE UNIQUE INDEX cbtools_documents_sequence
    ON cbtools_documents (keyspace, sequence);
CREATE INDEX cbtools_documents_doc_type
    ON cbtools_documents (keyspace, doc_type, st_deleted, uid) WHERE deleted = 0;
CREATE TABLE cbtools_revisions (
    keyspace TEXT NOT NULL,
    uid TEXT NOT NULL,
    rev TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    body TEXT NOT NULL,
    channels TEXT NOT NULL,
    superseded INTEGER NOT NULL,
    PRIMARY KEY (keyspace, uid, rev)
) WITHOUT ROWID;
CREATE TABLE cbtools_users (
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
CREATE TABLE cbtools_sessions (
    id TEXT PRIMARY KEY,
    database TEXT NOT NULL,
    username TEXT NOT NULL,
    stamp TEXT NOT NULL,
    expires INTEGER NOT NULL,
    ttl INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE cbtools_designs (
    keyspace TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (keyspace, name)
) WITHOUT ROWID;
CREATE TABLE cbtools_views (
    id INTEGER PRIMARY KEY,
    keyspace TEXT NOT NULL,
    signature TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    updated REAL NOT NULL,
    UNIQUE (keyspace, signature)
);
CREATE TABLE cbtools_view_rows (
    view INTEGER NOT NULL,
    sort_key TEXT NOT NULL,
    uid TEXT NOT NULL,
    position INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (view, sort_key, uid, position)
) WITHOUT ROWID;
CREATE INDEX cbtools_view_rows_uid ON cbtools_view_rows (view, uid);
CREATE TABLE cbtools_collation (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL
);
"""
SOURCE = "eYes+rdrEgNjGr9I6I28/A"
DB = "test_documents"
ONE = [
    "3-6367eac15681e1a3b2f203773902ed8e",
    "2-8d7d813ee83cd3e2a100bc6297a85462",
    "1-f490203b9735d3b6b8b977df4b1e86fe",
]
TWO = ["1-5ce1288b2d69a214a10787cbb96aeab7"]
GONE = ["2-b90c8bf2f86630d0c8cc372212f51141", "1-b3b2401d78c0dbf7f881825326e788e6"]
ARTICLE = '{"channels":["a","b"],"doc_type":"article","n":1,"title":"First"}'
ROWS = {
    "databases": [(DB, SOURCE, 7, 1795244152076107776, 1795244152003513)],
    "documents": [
        (1, DB, "one", ONE[0], f"18e9fd0b70ec0000@{SOURCE}", 4, 0,
         '{"channels":["a"],"doc_type":"article","n":3,"title":"Third"}',
         json.dumps(ONE), '["a"]'),
        (2, DB, "two", TWO[0], f"18e9fd0b710b0000@{SOURCE}", 5, 0,
         '{"channels":["b"],"n":1}', json.dumps(TWO), '["b"]'),
        (3, DB, "gone", GONE[0], f"18e9fd0b71980000@{SOURCE}", 7, 1, "{}", json.dumps(GONE), "[]"),
    ],
    "users": [
        (DB, "alice", make_password("secret", hasher="md5"), "a@b.c", 0, '{"a": 1, "public": 1}',
         '["old"]', '["editors"]', 1, "dc76aa5bef834a56901cef42527d84f1"),
    ],
    "sessions": [
        ("b" * 40, DB, "alice", "dc76aa5bef834a56901cef42527d84f1", 1 << 40, 86400),
    ],
}  # fmt: skip


def revisions():
    now = int(time.time())
    return [
        (DB, "gone", GONE[1], 0, '{"channels":["a"],"n":1}', '["a"]', now),
        (DB, "one", ONE[2], 0, ARTICLE, '["a", "b"]', now),
        (DB, "one", ONE[1], 0, '{"channels":["a"],"n":2}', '["a"]', now),
    ]


def make(path, script=FIRST):
    store = sqlite3.connect(path)
    store.executescript(script)
    for table, rows in {**ROWS, "revisions": revisions()}.items():
        values = ", ".join("?" * len(rows[0]))
        store.executemany(f"INSERT INTO cbtools_{table} VALUES ({values})", rows)
    store.commit()
    store.close()


def columns(path):
    with closing(sqlite3.connect(path)) as store:
        return {
            table: {name for _, name, *_ in store.execute(f"PRAGMA table_info({table})")}
            for table in schema.TABLES
        }


@pytest.fixture
def store(tmp_path, settings, monkeypatch, django_db_blocker):
    """The file of an earlier version, which is the alias "file"."""
    path = tmp_path / "documents.sqlite3"
    make(path)
    config = {**connections["default"].settings_dict, "NAME": str(path)}
    monkeypatch.setitem(settings.DATABASES, "file", config)
    settings.COUCHBASE_DATABASE = "file"
    with django_db_blocker.unblock():
        yield path
        connections["file"].close()
        del connections["file"]


def ask(method, path, body=None, query="", port="admin", **headers):
    read = io.BytesIO(b"" if body is None else json.dumps(body).encode()).read
    answer = respond(Call(port, "file", method, f"/{DB}{path}", query, headers, read=read))
    return answer.status, json.loads(b"".join(answer.chunks()) or "null")


def test_what_is_missing_is_added(store, tmp_path):
    new = sqlite3.connect(tmp_path / "new.sqlite3", isolation_level=None)
    schema.ensure(new, timeout=1)
    new.close()
    before = columns(store)
    connections["file"].ensure_connection()
    assert columns(store) == columns(tmp_path / "new.sqlite3") != before


def test_indexes_that_are_missing_are_made(store):
    connections["file"].ensure_connection()
    connections["file"].close()
    dropped = ["cbtools_documents_expires", "cbtools_grants_document"]
    with closing(sqlite3.connect(store)) as file:
        for name in dropped:
            file.execute(f"DROP INDEX {name}")
    connections["file"].ensure_connection()
    with closing(sqlite3.connect(store)) as file:
        names = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
    assert names.issuperset(dropped)


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "documents.sqlite3"
    make(path)
    before = columns(path)
    store = sqlite3.connect(path, isolation_level=None)
    monkeypatch.setattr(schema, "_STATEMENTS", [*schema._STATEMENTS, "CREATE TABLE ("])
    with pytest.raises(sqlite3.OperationalError):
        schema.ensure(store, timeout=1)
    store.close()
    assert columns(path) == before


def test_what_is_in_channels_is_indexed(store):
    index = "CREATE INDEX cbtools_documents_removals ON cbtools_documents (keyspace, sequence)"
    with closing(sqlite3.connect(store)) as file:
        file.execute(index)
    connections["file"].ensure_connection()
    with closing(sqlite3.connect(store)) as file:
        found = file.execute("SELECT channel, live, uid, sequence FROM cbtools_memberships")
        assert sorted(found) == [("a", 1, "one", 4), ("b", 1, "two", 5)]
        names = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
    assert "cbtools_documents_removals" not in names
    # Documents that are written from now on are indexed as they are written.
    assert ask("PUT", "/one", {"channels": ["b"], "_rev": ONE[0]})[0] == 201
    with closing(sqlite3.connect(store)) as file:
        found = file.execute("SELECT channel, live, uid FROM cbtools_memberships")
        assert sorted(found) == [("a", 0, "one"), ("b", 1, "one"), ("b", 1, "two")]


def test_documents_are_read(store):
    status, one = ask("GET", "/one", query="revs=true")
    assert (status, one) == (200, {
        "_id": "one", "_rev": ONE[0], "_cv": f"18e9fd0b70ec0000@{SOURCE}",
        "_revisions": {"start": 3, "ids": [rev[2:] for rev in ONE]},
        "channels": ["a"], "doc_type": "article", "n": 3, "title": "Third",
    })  # fmt: skip
    assert ask("GET", "/gone") == (404, {"error": "not_found", "reason": "deleted"})
    assert ask("GET", "/gone", query=f"rev={GONE[0]}")[1]["_deleted"] is True
    _, listed = ask("GET", "/_all_docs", query="channels=true")
    assert [(row["id"], row["value"]["channels"]) for row in listed["rows"]] == [
        ("one", ["a"]), ("two", ["b"])
    ]  # fmt: skip


def test_old_revisions_are_read(store):
    assert [ask("GET", "/one", query=f"rev={rev}")[1]["n"] for rev in ONE] == [3, 2, 1]
    assert ask("GET", "/gone", query=f"rev={GONE[1]}")[1]["n"] == 1


def test_changes_are_read(store):
    _, changes = ask("GET", "/_changes", query="style=all_docs")
    rows = [(row["seq"], row["id"], row.get("deleted", False)) for row in changes["results"]]
    # The user is in an administrator's feed.
    assert [row for row in rows if not row[1].startswith("_user/")] == [
        (4, "one", False), (5, "two", False), (7, "gone", True)
    ]  # fmt: skip
    assert [row["changes"] for row in changes["results"] if row["id"] == "one"] == [
        [{"rev": ONE[0]}]
    ]


def test_documents_are_written(store):
    assert ask("PUT", "/one", {"n": 4, "channels": ["c"]})[0] == 409
    status, saved = ask("PUT", "/one", {"n": 4, "channels": ["c"], "_rev": ONE[0]})
    assert status == 201
    _, one = ask("GET", "/one", query="revs=true")
    assert (one["n"], one["_revisions"]["ids"][1:]) == (4, [rev[2:] for rev in ONE])
    assert [ask("GET", "/one", query=f"rev={rev}")[1]["n"] for rev in ONE] == [3, 2, 1]
    assert ask("GET", "/_channel_history/one") == (200, {"a": [8]})
    assert ask("DELETE", "/two", query=f"rev={TWO[0]}")[0] == 200
    status, again = ask("PUT", "/gone", {"n": 2})
    assert (status, again["rev"].partition("-")[0]) == (201, "3")
    assert ask("GET", "/_changes")[1]["last_seq"] == "10"
    assert saved["cv"] > f"18e9fd0b71980000@{SOURCE}"
    _, difference = ask("POST", "/_revs_diff", {"one": [*ONE, "5-x"]})
    assert difference == {"one": {"missing": ["5-x"], "possible_ancestors": [saved["rev"]]}}


def test_a_tombstone_is_one_in_the_tree(store):
    """Its list says nothing of it: a live branch beside it has to win."""
    pushed = {"_revisions": {"start": 1, "ids": ["aaa"]}, "n": "new"}
    assert ask("PUT", "/gone", pushed, query="new_edits=false")[0] == 201
    assert ask("GET", "/gone")[1]["_rev"] == "1-aaa"
    status, graph = ask("GET", "/_raw/gone")
    assert status == 200
    history = graph["_xattrs"]["_sync"]["history"]
    assert [history["revs"][place] for place in history["deleted"]] == [GONE[0]]


def test_users_log_in(store):
    login = {"authorization": f"Basic {b64encode(b'alice:secret').decode()}"}
    cookie = {"cookie": f"SyncGatewaySession={'b' * 40}"}
    for how in (login, cookie):
        assert ask("GET", "/one", port="public", **how)[1]["n"] == 3
        assert ask("GET", "/two", port="public", **how)[0] == 403
    _, alice = ask("GET", "/_user/alice")
    assert (alice["admin_channels"], alice["admin_roles"]) == (["a", "public"], ["editors"])
    assert ask("PUT", "/_user/alice", {"admin_channels": ["b"]})[0] == 200
    assert ask("GET", "/two", port="public", **login)[1]["n"] == 1
    assert ask("GET", "/one", port="public", **login)[0] == 403


def test_models_are_read_and_saved(store):
    article = CBArticle.objects.using("file").get()
    assert (article.uid, article.title) == ("one", "Third")
    article.title = "Fourth"
    article.save()
    assert ask("GET", "/one")[1]["title"] == "Fourth"


def test_the_database_is_emptied(store):
    """Its documents are in a bucket of its name, of which an earlier version says nothing."""
    assert ask("POST", "/_flush")[0] == 200
    assert ask("GET", "/_all_docs")[1]["rows"] == []
    assert ask("GET", "/_user/alice")[0] == 404
    status, saved = ask("PUT", "/one", {"n": 1})
    assert (status, saved["rev"][:2]) == (201, "1-")


def test_the_database_is_dropped_and_made_again(store):
    assert ask("DELETE", "/")[0] == 200
    assert ask("GET", "/one")[0] == 404
    assert ask("PUT", "/", {"bucket": DB})[0] == 201
    assert ask("GET", "/one")[1]["_cv"] == f"18e9fd0b70ec0000@{SOURCE}"
    assert ask("PUT", "/new", {})[1]["cv"].endswith(f"@{SOURCE}")
