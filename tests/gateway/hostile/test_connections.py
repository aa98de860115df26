"""What clients can do to a server by their connections alone."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
import zlib
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest

from django_cbtools.embedded.feed import waiting
from django_cbtools.embedded.http import messages
from django_cbtools.embedded.server import application, pools, protocol
from django_cbtools.embedded.server.server import MAX_HEAD_BYTES, Server
from django_cbtools.sync_gateway import SyncGateway
from tests.gateway.sockets import rest, until

DB = "/test_documents"
PUT = f"PUT {DB}/x HTTP/1.1\r\n"


@pytest.fixture(scope="module")
def server():
    server = Server("127.0.0.1", 0, 0, alias="default")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def connect(server, transactional_db):
    """Sockets to the admin port, with something sent."""
    parts = urlsplit(server.urls[1])
    with ExitStack() as stack:

        def connect(data=b""):
            sock = socket.create_connection((parts.hostname, parts.port))
            stack.enter_context(sock)
            sock.settimeout(60)
            sock.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))
            return sock

        yield connect


def _head(*lines):
    return "\r\n".join([*lines, "", ""])


GET = _head(f"GET {DB}/ HTTP/1.1", "Host: localhost")
FEED = _head(f"GET {DB}/_changes?feed=continuous&timeout=0 HTTP/1.1", "Host: localhost")
LONGPOLL = _head(f"GET {DB}/_changes?feed=longpoll&timeout=0 HTTP/1.1", "Host: localhost")


def _is_answered(connect):
    return until(connect(GET), b"}").startswith(b"HTTP/1.1 200 ")


def _files():
    return len(os.listdir("/proc/self/fd"))


# -------------------------------------------------------------------- framing


@pytest.mark.parametrize(
    "head",
    [
        (PUT + "Host: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n"),
        (PUT + "Host: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n"),
        (PUT + "Host: localhost\r\nTransfer-Encoding : chunked\r\n"),
        (f"PUT {DB}/x HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"),
        PUT + "Content-Length: 2\r\n",
        (PUT + "Host: localhost\r\nHost: y\r\nContent-Length: 2\r\n"),
        *(
            f"{PUT}Host: {host}\r\nContent-Length: 2\r\n"
            for host in ("a b", "a/b", "a@b", "{", "é")
        ),
        *(
            f"{PUT}Host: localhost\r\nContent-Length: 2\r\n{header}\r\n"
            for header in (": y", "a b: y", "a : y", "a", "é: y", "a: y\0", "a: y\rz", "a: y\x01",
                           "a: y\x7f", "a: y\x0b")
        ),
        "PUT test_documents/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n",
        f"P@T {DB}/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n",
    ],
    ids=lambda head: repr(head.partition("\r\n")[2])[:60],
)  # fmt: skip
def test_head_that_can_be_read_in_two_ways(head, connect):
    """It is refused, and what comes after it is no request."""
    sock = connect(f"{head}\r\n2\r\n{{}}\r\n0\r\n\r\n{GET}")
    answer = rest(sock)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert "id" not in SyncGateway.all_docs(["x"])["rows"][0]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (PUT + "Host: localhost\r\nExpect: bogus\r\nContent-Length: 2\r\n", 417),
        (PUT + "Host: localhost\r\nTransfer-Encoding: gzip\r\n", 501),
        (PUT + "Host: localhost\r\nContent-Length: 999999999999\r\n", 413),
        (f"GET {DB}/ HTTP/2.0\r\nHost: localhost\r\n", 505),
    ],
)
def test_head_that_asks_for_too_much(head, status, connect):
    assert rest(connect(head + "\r\n{}")).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (f"GET http://elsewhere{DB}/", 200),
        ("GET http://elsewhere", 200),
        (f"HEAD {DB}/", 200),
        (f"BREW {DB}/", 405),
        (f"get {DB}/", 405),
        ("CONNECT elsewhere:80", 405),
        (f"CONNECT {DB}/", 405),
    ],
)
def test_connection_stays_open(line, status, connect):
    sock = connect(_head(f"{line} HTTP/1.1", "Host: localhost") + GET)
    answer = until(sock, b'"db_name"')
    while answer.count(b"HTTP/1.1 ") < 2:
        answer += sock.recv(65536)
    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", answer)
    assert statuses == [str(status).encode(), b"200"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("G ET / HTTP/1.1\r\n\r\n", 400),
        (f"{PUT}Host: a b\r\n\r\n", 400),
        (f"{PUT}Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (f"{PUT}Host: localhost\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (f"{PUT}Host: localhost\r\nExpect: bogus\r\nContent-Length: 2\r\n\r\n", 417),
        (f"{PUT}Host: localhost\r\na: {'x' * MAX_HEAD_BYTES}", 431),
        (_head("BREW / HTTP/1.1", "Host: localhost", "Connection: close"), 405),
        (_head("GET /_nothing/at/all HTTP/1.1", "Host: localhost", "Connection: close"), 404),
        (_head("GET / HTTP/2.0", "Host: localhost"), 505),
    ],
)
def test_every_error_protects_browsers(sent, status, connect):
    _check_protection(rest(connect(sent)), status)


def test_a_failure_protects_browsers_and_tells_nothing(connect, monkeypatch):
    def respond(call):
        raise ZeroDivisionError("/a/secret/place")

    monkeypatch.setattr(application, "respond", respond)
    answer = rest(connect(_head("GET / HTTP/1.1", "Host: localhost", "Connection: close")))
    _check_protection(answer, 500)
    assert b"secret" not in answer


def test_refused_connections_protect_browsers(connect, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD", 0.0)
    _check_protection(rest(connect("GET / HT")), 408)
    monkeypatch.setattr(protocol, "MAX_CONNECTIONS", 0)
    _check_protection(rest(connect()), 503)


def _check_protection(answer, status):
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    head = answer.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert b"x-content-type-options: nosniff" in head
    assert sum(line.startswith(b"content-security-policy: ") for line in head) == 1


@pytest.mark.parametrize("chunk", ["zz", "-2", "", "2 2", "0x2", "2_0"])
def test_chunk_without_a_size(chunk, connect):
    sock = connect(
        f"{PUT}Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}\r\n{{}}\r\n0\r\n\r\n"
    )
    assert rest(sock).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("line", ["a: b\r\n", " b\n"])
def test_number_of_headers(line, connect):
    head = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\na: b\r\n"
    most = protocol.MAX_LINES - 4
    assert rest(connect(head + line * most + "\r\n")).startswith(b"HTTP/1.1 200 ")
    assert rest(connect(head + line * (most + 1) + "\r\n")).startswith(b"HTTP/1.1 431 ")


def test_number_of_headers_after_a_body(connect):
    head = f"{PUT}Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n"
    sock = connect(head + "a: b\r\n" * (protocol.MAX_LINES + 1) + "\r\n")
    assert rest(sock).startswith(b"HTTP/1.1 431 ")


def test_small_chunks_keep_nobody_waiting(connect, monkeypatch):
    """They are parsed a few thousand at a time, and other connections have turns in between."""
    sizes = []
    receive = protocol.Protocol.data_received
    monkeypatch.setattr(
        protocol.Protocol,
        "data_received",
        lambda self, data: sizes.append(len(data)) or receive(self, data),
    )
    head = f"{PUT}Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n"
    assert until(connect(head + "1\r\n \r\n" * 50_000 + "0\r\n\r\n"), b'"ok":true')
    assert max(sizes) <= 16 * 1024


def test_head_without_an_end(connect):
    sock = connect(f"GET {DB}/ HTTP/1.1\r\nHost: localhost\r\n")
    with pytest.raises(OSError, match=r"[Rr]eset|[Pp]ipe"):
        sock.sendall((b"a: " + b"x" * 65536 + b"\r\n") * 1000)
    assert _is_answered(connect)


# ----------------------------------------------------------------- time limits


def test_silent_connections_keep_nobody_waiting(connect):
    silent = [connect() for _ in range(300)]
    silent += [connect(GET[:10]) for _ in range(100)]
    silent += [connect(f"{PUT}Host: localhost\r\nContent-Length: 2\r\n\r\n{{") for _ in range(100)]
    assert _is_answered(connect)
    assert len(silent) == 500


def test_who_takes_too_long_is_refused(connect, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD", 0.0)
    monkeypatch.setattr(protocol, "BODY", 0.0)
    monkeypatch.setattr(protocol, "RATE", float("inf"))
    late = {
        "": b"",
        "GET / HT": b"HTTP/1.1 408 ",
        f"{PUT}Host: localhost\r\nContent-Length: 2\r\n\r\n{{": b"HTTP/1.1 408 ",
        f"{PUT}Host: localhost\r\nContent-Length: 200000\r\n\r\n{'x' * 100_000}": b"HTTP/1.1 408 ",
        GET + "GET": b"HTTP/1.1 200 ",
    }
    sockets = [connect(sent) for sent in late]
    for sock, answer in zip(sockets, late.values(), strict=True):
        assert rest(sock).startswith(answer)


def test_head_that_comes_byte_by_byte(connect, monkeypatch):
    """What comes does not give a client more time."""
    monkeypatch.setattr(protocol, "HEAD", 0.5)
    sock = connect()
    with suppress(ConnectionError):
        for byte in f"GET {DB}/ HTTP/1.1\r\n".encode() + b"a: b\r\n" * 1000:
            sock.sendall(bytes([byte]))
            time.sleep(0.02)
        pytest.fail("the server has waited for all of it")


def test_number_of_connections(connect, monkeypatch):
    monkeypatch.setattr(protocol, "MAX_CONNECTIONS", 20)
    open_ = [connect(FEED) for _ in range(20)]
    for sock in open_:
        until(sock, b"\n\r\n")
    assert rest(connect()).startswith(b"HTTP/1.1 503 ")
    open_.pop().close()
    while not until(connect(GET), b"\r\n\r\n").startswith(b"HTTP/1.1 200 "):
        time.sleep(0.05)


@pytest.mark.parametrize(
    "sent",
    [
        "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n",
        "Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n",
        "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
        f"Content-Length: 65600\r\n\r\n{' ' * 65540}",
        f"Transfer-Encoding: chunked\r\n\r\n10004\r\n{' ' * 0x10004}\r\n",
    ],
    ids=lambda sent: sent[:60],
)
def test_strangers_do_not_hold_the_threads_of_uploads(sent, connect, monkeypatch):
    monkeypatch.setattr(protocol, "BODY", float("inf"))
    head = f"POST {DB}/_session HTTP/1.1\r\nHost: localhost\r\n"
    slow = [connect(head + sent) for _ in range(pools.UPLOADS + 2)]
    body = '{"a": "' + "x" * 200_000 + '"}'
    upload = f"{PUT}Host: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    assert until(connect(upload), b'"ok":true').startswith(b"HTTP/1.1 201 ")
    assert len(slow) > pools.UPLOADS


def test_compressed_bodies_that_unpack_to_nothing_have_an_end(connect):
    packer = zlib.compressobj(wbits=31)
    begun = packer.compress(b"") + packer.flush(zlib.Z_SYNC_FLUSH)
    nothing = b"\x00\x00\x00\xff\xff" * 10_000
    sock = connect(
        f"POST {DB}/_session HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    for piece in (begun, nothing, nothing):
        sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
    assert until(sock, b"\r\n").startswith(b"HTTP/1.1 413 ")


# ---------------------------------------------------------------------- feeds


def test_feeds_that_wait_hold_no_thread(connect):
    feeds = [connect(FEED) for _ in range(100)] + [connect(LONGPOLL) for _ in range(100)]
    for sock in feeds:
        until(sock, b"\n\r\n")
    assert _is_answered(connect)
    mine = [thread for thread in threading.enumerate() if thread.name.startswith("gateway-")]
    assert len(mine) < 60
    SyncGateway.save_json("woken", {"channels": ["a"]})
    for sock in feeds:
        until(sock, b'"id":"woken"')


def test_feeds_that_are_left_hold_nothing(connect):
    until(connect(FEED), b"\n\r\n")
    files, threads = _files(), threading.active_count()
    for _ in range(5):
        left = [connect(FEED) for _ in range(20)] + [connect(LONGPOLL) for _ in range(20)]
        for sock in left:
            until(sock, b"\n\r\n")
        for sock in left:
            sock.close()
    while _files() > files + 20:
        time.sleep(0.02)
    assert threading.active_count() < threads + 20
    assert _is_answered(connect)


def test_feeds_are_not_read_for_what_does_not_concern_them(connect, server, monkeypatch):
    """A write wakes those whose channels it is in; all others cost nothing."""
    SyncGateway.put_user("GUEST", disabled=False, admin_channels=["quiet"])
    read = []
    follow = waiting.Pause.end
    monkeypatch.setattr(waiting.Pause, "end", lambda self: read.append(self) or follow(self))
    parts = urlsplit(server.urls[0])
    with ExitStack() as stack:
        feeds = []
        for _ in range(20):
            sock = stack.enter_context(socket.create_connection((parts.hostname, parts.port)))
            sock.sendall(FEED.encode())
            until(sock, b"\n\r\n")
            feeds.append(sock)
        loud = connect(FEED)
        until(loud, b"\n\r\n")
        SyncGateway.save_json("first", {"channels": ["loud"]})
        until(loud, b'"id":"first"')
        read.clear()
        for number in range(10):
            SyncGateway.save_json(f"loud{number}", {"channels": ["loud"]})
            until(loud, f'"id":"loud{number}"'.encode())
        assert len(read) < 20
        SyncGateway.save_json("quiet", {"channels": ["quiet"]})
        for sock in feeds:
            until(sock, b'"id":"quiet"')


# -------------------------------------------------------------------- memory


def test_large_bodies_are_not_kept_in_memory(connect, monkeypatch):
    """A body is taken as fast as it is read: what is sent ahead of it waits with its sender."""
    entered, go_on = threading.Event(), threading.Event()

    def pieces(self, *limits):
        entered.set()
        go_on.wait()
        yield b"x"

    monkeypatch.setattr(messages.Message, "pieces", pieces)
    sock = connect(f"{PUT}Host: localhost\r\nContent-Length: {200 * 1024 * 1024}\r\n\r\n")
    sock.settimeout(1)
    sent = 0
    with suppress(TimeoutError):
        while sent < 100 * 1024 * 1024:
            sent += sock.send(b"x" * 65536)
    assert entered.wait(60)
    assert sent < 30 * 1024 * 1024  # what the sockets' buffers take
    go_on.set()
