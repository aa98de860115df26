"""Random requests to the embedded gateway over HTTP: it answers each of them, as a gateway does,
and its file is sound in the end.

FUZZ_SEED repeats a run (as far as threads allow), FUZZ_REQUESTS and FUZZ_CLIENTS say how much.
"""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import threading
from contextlib import closing

import pytest

from django_cbtools.embedded import schema
from django_cbtools.embedded.documents.documents import NEVER
from tests.counts import SEED, TORTURE
from tests.gateway.fuzz import replies, store, wire
from tests.gateway.fuzz.attack import Attack
from tests.gateway.fuzz.known import Known
from tests.gateway.fuzz.process import ServerProcess
from tests.gateway.fuzz.wire import Client, Hang, Reply, Request, WrongAnswer

pytestmark = pytest.mark.torture

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "100000" if TORTURE else "400"))
CLIENTS = int(os.environ.get("FUZZ_CLIENTS", "6"))
MEGABYTE = 1 << 20


def test_both_ports(tmp_path):
    file = tmp_path / "documents.sqlite3"
    with ServerProcess(file) as server:
        attack = Attack(server, ["public", "admin"], SEED, CLIENTS, Known())
        attack.run(REQUESTS // 2)
        before = server.memory()
        attack.run(REQUESTS // 2)
        after = server.memory()
        print(f"seed {SEED}: {before // MEGABYTE} MB, then {after // MEGABYTE} MB")
        assert server.stop() == 0
        assert server.log() == ""
    assert after < 1.25 * before
    store.check(file)
    # They go deep: many documents, users, databases are there to be asked for.
    answers = attack.answers.items()
    done = sum(n for (route, status), n in answers if "{" in route and status in (200, 201, 206))
    assert done > REQUESTS // 8


def test_public_urls_in_a_site(tmp_path):
    """As `runserver` serves them; a gateway's admin port prepares what is there."""
    file = tmp_path / "documents.sqlite3"
    known = Known()
    print(f"seed {SEED}")
    with ServerProcess(file) as server:
        Attack(server, ["public", "admin"], SEED, CLIENTS, known).run(REQUESTS // 20)
        server.stop()
    with ServerProcess(file, "--mounted") as server:
        Attack(server, ["mounted"], SEED, CLIENTS, known).run(REQUESTS // 5)
        assert server.stop() == 0
        assert "Traceback" not in server.log()
    store.check(file)


# ------------------------------------------------------- the fuzzer finds what is wrong

DOCUMENT = """
INSERT INTO cbtools_databases (name, source, sequence, created) VALUES ('db', 'x', 2, 0);
INSERT INTO cbtools_documents
    (keyspace, uid, rev, cv, sequence, deleted, body, history, channels, attachments)
    VALUES ('db', 'd', '2-b', '1@x', 1, 0, '{}', '["2-b", "1-a"]', '{}',
            '{"file": {"digest": "sha1-x", "length": 3, "ver": 2}}'),
           ('db', 'other', '1-a', '2@x', 2, 0, '{}', '["1-a"]', '{}', '{}');
INSERT INTO cbtools_revisions (keyspace, uid, rev, deleted, body, channels, superseded)
    VALUES ('db', 'd', '1-a', 0, '{}', '[]', 0);
INSERT INTO cbtools_attachments (keyspace, uid, digest) VALUES ('db', 'd', 'sha1-x');
INSERT INTO cbtools_attachment_chunks (keyspace, digest, position, data)
    VALUES ('db', 'sha1-x', 0, x'0102'), ('db', 'sha1-x', 2, x'03');
INSERT INTO cbtools_views (keyspace, signature, sequence, updated) VALUES ('db', 'x', 1, 0);
INSERT INTO cbtools_view_rows VALUES (1, '', 'd', 0, '', '');
"""


@pytest.fixture
def file(tmp_path):
    """A gateway's file with nothing wrong in it."""
    path = tmp_path / "documents.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.ensure(connection, timeout=5)
        connection.executescript(DOCUMENT)
    store.check(path)
    return path


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE cbtools_revisions SET body = '{'", "body that is no JSON"),
        ("UPDATE cbtools_documents SET rev = '9-a'", "the winner of"),
        ("UPDATE cbtools_documents SET history = '[]'", "the winner of"),
        ('UPDATE cbtools_documents SET history = \'["2-b", ["1-a", "", 0]]\'', "the winner of"),
        ("UPDATE cbtools_documents SET channels = '5'", "'5'"),
        ("UPDATE cbtools_databases SET sequence = 0", "sequence beyond the database's"),
        (
            "INSERT INTO cbtools_memberships VALUES ('db', 'a', 1, 'd', 1)",
            "membership without its document",
        ),
        (
            "UPDATE cbtools_documents SET channels = '{\"a\": 1}'; DELETE FROM cbtools_memberships",
            "membership that is missing",
        ),
        (
            "INSERT INTO cbtools_revisions (keyspace, uid, rev, deleted, body, channels, "
            f"superseded) VALUES ('db', 'd', '1-b', 0, '{{}}', '[]', {NEVER})",
            "keeps '1-b' for ever",
        ),
        (
            "INSERT INTO cbtools_grants VALUES ('db', 'alice', 'channel', 'a', 'db', 'd', 1), "
            "('db@db', 'alice', 'channel', 'b', 'db', 'd', 1)",
            "grants of two databases",
        ),
        ("INSERT INTO cbtools_view_rows VALUES (2, '', 'd', 0, '', '')", "row without its view"),
        (
            "INSERT INTO cbtools_view_rows VALUES (1, '', 'gone', 0, '', '')",
            "row without its document",
        ),
        ("UPDATE cbtools_documents SET deleted = 1 WHERE uid = 'd'", "row without its document"),
        ("DELETE FROM cbtools_documents", "revision without its document"),
        ("DELETE FROM cbtools_documents", "attachment without its document"),
        ("DELETE FROM cbtools_attachments", "chunk without its attachment"),
        ("DELETE FROM cbtools_attachments", "'file' of db 'd' 2-b is lost"),
        ("DELETE FROM cbtools_attachment_chunks WHERE position = 0", "chunks with a gap"),
        (
            "DELETE FROM cbtools_attachment_chunks WHERE position = 2",
            "'file' of db 'd' 2-b is lost",
        ),
        ("DELETE FROM cbtools_attachment_chunks", "'file' of db 'd' 2-b is lost"),
    ],
)
def test_defect_of_a_file_is_found(sql, found, file):
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(sql)
    with pytest.raises(AssertionError, match=re.escape(found)):
        store.check(file)


GET = Request("admin", "GET", "/db/d", {})
JSON = [("Content-Type", "application/json")]
PARTS = [("Content-Type", 'multipart/mixed; boundary="b"')]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(0, [], b""),
        Reply(200, JSON, b"{"),
        Reply(200, JSON, b'{"a": NaN}'),
        Reply(200, JSON, b'{"a": "\xff"}'),
        Reply(400, JSON, b"{}"),
        Reply(500, JSON, b'{"error": "x", "reason": "no such column: x"}'),
        Reply(500, [], b""),
        Reply(502, [], b""),
        Reply(503, JSON, b'{"error": "x", "reason": "database is locked"}'),
        Reply(200, [("X", "a\nb")], b""),
        Reply(204, [], b"x"),
        Reply(200, [], b"Traceback (most recent call last)"),
        Reply(200, PARTS, b"--b\r\n\r\nx\r\n"),
        Reply(200, PARTS, b"--b\r\nContent-Type: application/json\r\n\r\n{\r\n--b--"),
        Reply(200, [("Content-Type", "multipart/mixed")], b"--b--"),
    ],
    ids=repr,
)
def test_wrong_answer_is_found(reply):
    with pytest.raises((AssertionError, ValueError)):
        replies.check(GET, reply, Known())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, JSON, b'{"a": 1e400}'),
        Reply(404, JSON, b'{"error": "not_found", "reason": "missing"}'),
        Reply(500, JSON, b'{"error": "x", "reason": "Exception in JS sync function"}'),
        Reply(200, PARTS, b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b--"),
        Reply(200, PARTS, b"--b--"),
    ],
    ids=repr,
)
def test_right_answer_is_none_of_that(reply):
    replies.check(GET, reply, Known())


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", WrongAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", WrongAnswer),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", WrongAnswer),
        (b"nonsense\r\n\r\n", WrongAnswer),
        (None, Hang),
    ],
)
def test_answer_that_is_no_http_is_found(data, error, monkeypatch):
    monkeypatch.setattr(wire, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}")
        answers = threading.Event()

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                if data is not None:
                    connection.sendall(data)
                else:
                    answers.wait()

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(error):
            client.ask(GET)
        answers.set()
        thread.join()
        client.close()
