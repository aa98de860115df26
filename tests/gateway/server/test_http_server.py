"""The embedded gateway over real sockets: what clients do to connections, and many at once."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests
from django.db import connection

from django_cbtools.embedded.server.server import Server
from django_cbtools.sync_gateway import SyncGateway
from tests.counts import TORTURE
from tests.ports import free_ports

DB = "/test_documents"
THREADS = 16 if TORTURE else 8


@pytest.fixture(scope="module")
def server():
    server = Server("127.0.0.1", 0, 0, alias="default")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def admin(server, transactional_db):
    """Host and port of the admin API."""
    parts = urlsplit(server.urls[1])
    return parts.hostname, parts.port


@pytest.fixture
def connected(admin):
    client = http.client.HTTPConnection(*admin)
    yield client
    client.close()


def _ask(client, method, path, body=None, **options):
    data = json.dumps(body) if isinstance(body, dict) else body
    client.request(method, DB + path, data, **options)
    answer = client.getresponse()
    text = answer.read()
    return answer.status, json.loads(text) if text else None


def _send(address, data, *, finish=True):
    """What comes back for bytes, until the server closes the connection."""
    with socket.create_connection(address) as sent:
        sent.sendall(data)
        if finish:
            sent.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := sent.recv(65536):
            answer += chunk
        return answer


def _is_there(uid):
    return "id" in SyncGateway.all_docs([uid])["rows"][0]


# ---------------------------------------------------------------- connections


def test_many_requests_on_one_connection(connected):
    sockets = set()
    for number in range(30):
        status, saved = _ask(connected, "PUT", f"/d{number}", {"n": number})
        assert status == 201
        sockets.add(connected.sock)
        status, read = _ask(connected, "GET", f"/d{number}?rev={saved['rev']}")
        assert (status, read["n"]) == (200, number)
        assert _ask(connected, "GET", "/none")[0] == 404
        assert _ask(connected, "OPTIONS", "/none") == (204, None)
        assert _ask(connected, "DELETE", f"/_user/u{number}")[0] == 404
        assert _ask(connected, "POST", "/_bulk_docs", '{"docs": [')[0] == 400
    assert len(sockets) == 1


def test_head_has_no_body(connected):
    _ask(connected, "PUT", "/d", {"n": 1})
    for path, status in (("/d", 200), ("/none", 404), ("/_all_docs", 200), ("", 301)):
        assert _ask(connected, "HEAD", path) == (status, None)
        assert _ask(connected, "GET", "/d")[0] == 200


def test_body_in_chunks(connected):
    chunks = [b'{"te', b'xt": "', b"x" * 1_000_000, b'"}']
    for uid in ("first", "second"):
        status, _ = _ask(connected, "PUT", f"/{uid}", iter(chunks), encode_chunked=True)
        assert status == 201
        assert len(_ask(connected, "GET", f"/{uid}")[1]["text"]) == 1_000_000


HIDDEN = f"PUT {DB}/hidden HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode()


@pytest.mark.parametrize("path", [f"{DB}/_none", f"{DB}/_user/x", "/other/x", DB])
def test_body_that_nobody_reads_is_no_request(path, admin):
    start = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode()
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
    known = b"Content-Length: %d\r\n\r\n%b" % (len(HIDDEN), HIDDEN)
    for body in (chunked, known):
        answer = _send(admin, start + body)
        assert answer.count(b"HTTP/1.1 ") == 1
        assert not answer.startswith(b"HTTP/1.1 5")
    assert not _is_there("hidden")


def test_connection_is_kept_after_a_body_that_nobody_reads(connected):
    for _ in range(3):
        assert _ask(connected, "POST", "/_none", b"x" * 100_000)[0] == 404
        assert _ask(connected, "GET", "/none")[0] == 404


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Length: 1000", b'{"n": 1'),
        (b"Content-Length: 5", b'{"n": 1}'),
        (b"Content-Length: 0", b'{"n": 1}'),
        (b"Content-Length: five", b'{"n": 1}'),
        (b"Content-Length: 99999999999999999999", b'{"n": 1'),
        (b"Content-Length: -1", b'{"n": 1'),
        (b"Transfer-Encoding: chunked", b'ffffffffffff\r\n{"n": 1'),
        (b"Transfer-Encoding: chunked", b'ff\r\n{"n": 1'),
        (b"Transfer-Encoding: chunked", b'zz\r\n{"n": 1}\r\n0\r\n\r\n'),
        (b"Transfer-Encoding: chunked", b'8\r\n{"n": 1}{"n"\r\n0\r\n\r\n'),
        (b"Transfer-Encoding: chunked", b""),
        (b"Transfer-Encoding: rot13", b'{"n": 1}'),
        (b"Content-Encoding: gzip\r\nContent-Length: 8", b'{"n": 1}'),
        (b"", b'{"n": 1}'),
    ],
    ids=repr,
)
def test_broken_body(headers, body, admin):
    start = f"PUT {DB}/broken HTTP/1.1\r\nHost: localhost\r\n".encode()
    answer = _send(admin, start + headers + b"\r\n\r\n" + body)
    assert answer.split(b" ")[1] in (b"400", b"413", b"501")
    assert not _is_there("broken")
    assert _send(admin, HIDDEN).startswith(b"HTTP/1.1 201 ")  # it goes on serving


def test_client_that_goes_away(admin):
    start = f"PUT {DB}/broken HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n".encode()
    for _ in range(20):  # more than there are threads
        with socket.create_connection(admin) as sent:
            sent.sendall(start + b'{"n": ')
    assert _send(admin, HIDDEN).startswith(b"HTTP/1.1 201 ")
    assert not _is_there("broken")


@pytest.mark.parametrize(
    "data",
    [b"", b"\r\n", b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"x" * 100_000,
     b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
     b"GET " + DB.encode() + b"/\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
     b"GET " + DB.encode() + b"/\xff%zz%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic \xff\r\nCookie: \xff\r\n\r\n"],
    ids=lambda data: repr(data[:20]),
)  # fmt: skip
def test_what_is_no_request(data, admin):
    answer = _send(admin, data)
    assert not answer.startswith(b"HTTP/1.1 5") or answer.startswith(b"HTTP/1.1 505 ")
    assert _send(admin, HIDDEN).startswith(b"HTTP/1.1 201 ")


# ------------------------------------------------------------------ the server


# Cheroot leaves the socket that it could not bind to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_port_that_is_taken(admin):
    [free] = free_ports(1)
    server = Server("127.0.0.1", free, admin[1])
    with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
        server.start()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free))
    server.stop()


def test_ports_differ(server, transactional_db):
    public, admin = server.urls
    assert requests.get(f"{public}{DB}/_user/").status_code == 404
    assert requests.get(f"{public}{DB}/").status_code == 401
    assert requests.get(f"{admin}{DB}/_user/").json() == []


def test_web_pages_do_not_reach_the_admin_api(admin, connected):
    """A browser sends a form's POST anywhere, and says where the page is from."""
    page = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
    user = {"name": "evil", "password": "secret", "admin_channels": ["*"]}
    assert _ask(connected, "POST", "/_user/", user, headers=page)[0] == 403
    assert SyncGateway.get_users() == []


# ---------------------------------------------------------------- many at once


def _in_threads(work):
    barrier = threading.Barrier(THREADS)

    def run(number):
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_many_write_documents_of_their_own(admin):
    def write(number):
        client = http.client.HTTPConnection(*admin)
        answers = [_ask(client, "PUT", f"/d{number}-{n}", {"n": n})[0] for n in range(10)]
        body = {"docs": [{"_id": f"b{number}-{n}"} for n in range(100)]}
        _, rows = _ask(client, "POST", "/_bulk_docs", body)
        client.close()
        return answers, [row.get("error") for row in rows]

    for answers, errors in _in_threads(write):
        assert answers == [201] * 10
        assert errors == [None] * 100
    assert len(SyncGateway.all_docs([], really_all=True)["rows"]) == THREADS * 110
    _check_sequences(THREADS * 110)


def test_one_winner_for_each_revision(admin):
    """All count one document up; each has to have seen what the others wrote before it."""
    assert _send(admin, HIDDEN).startswith(b"HTTP/1.1 201 ")

    def count(number):
        client = http.client.HTTPConnection(*admin)
        won, statuses = [], set()
        while len(won) < 5:
            _, document = _ask(client, "GET", "/hidden")
            body = {"_rev": document["_rev"], "n": document.get("n", 0) + 1, "by": number}
            status, answer = _ask(client, "PUT", "/hidden", body)
            statuses.add(status)
            if status == 201:
                won.append(answer["rev"])
        client.close()
        return won, statuses

    results = _in_threads(count)
    assert set().union(*(statuses for _, statuses in results)) <= {201, 409}
    generations = sorted(int(rev.partition("-")[0]) for won, _ in results for rev in won)
    assert generations == list(range(2, 5 * THREADS + 2))
    (row,) = SyncGateway.all_docs(["hidden"])["rows"]
    assert row["doc"]["n"] == 5 * THREADS


@pytest.mark.parametrize("rounds", [10])
def test_one_creator_for_each_document(rounds, admin):
    def create(number):
        client = http.client.HTTPConnection(*admin)
        statuses = [_ask(client, "PUT", f"/d{n}", {"by": number})[0] for n in range(rounds)]
        client.close()
        return statuses

    for statuses in zip(*_in_threads(create), strict=True):
        assert sorted(statuses) == [201] + [409] * (THREADS - 1)
    _check_sequences(rounds)


def _check_sequences(count):
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequence FROM cbtools_documents")
        sequences = [sequence for (sequence,) in cursor.fetchall()]
        assert len(set(sequences)) == len(sequences) == count
        cursor.execute("SELECT sequence FROM cbtools_databases")
        assert cursor.fetchone()[0] >= max(sequences)
        cursor.execute("PRAGMA integrity_check")
        assert cursor.fetchall() == [("ok",)]
