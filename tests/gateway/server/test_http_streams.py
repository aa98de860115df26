"""The embedded gateway over real sockets: answers that wait, and answers that come in pieces.

The handlers are the tests' own: what they do happens when a test says so.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import ProgrammingError, connection
from django.urls import include, path

from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.http.answers import Answer
from django_cbtools.embedded.http.streams import Waiting
from django_cbtools.embedded.server import application, site
from django_cbtools.embedded.server.server import Server
from tests.gateway.sockets import rest, until

ROOT = Path(__file__).parents[3]
DB = "/test_documents"
MANY = 60

urlpatterns = [path("sync/", include("django_cbtools.embedded.urls.public"))]


class Pieces(queue.SimpleQueue):
    """What a stream is to send next; None ends it, an exception breaks it."""

    def __init__(self):
        self.turns = []

    def put(self, piece):
        super().put(piece)
        for turn in list(self.turns):
            turn.wake()


class Turn(Waiting):
    """A stream's wait for its next piece."""

    until = math.inf

    def __init__(self, pieces):
        self._pieces = pieces

    def begin(self, wake):
        self.wake = wake
        self._pieces.turns.append(self)
        if not self._pieces.empty():
            wake()

    def end(self):
        self._pieces.turns.remove(self)


class Handlers:
    """What answers the paths that begin with /try/."""

    def __init__(self, respond):
        self._respond = respond
        #: What has happened, in order.
        self.events = queue.SimpleQueue()
        self.pieces = Pieces()
        self.length = None

    def respond(self, call):
        name = call.path.rpartition("/try/")[2]
        if name == call.path:
            return self._respond(call)
        answer = getattr(self, name)(call)
        return answer.without_body() if call.method == "HEAD" else answer

    def stream(self, call):
        return Answer(200, stream=self._pieces(), length=self.length)

    def _pieces(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        try:
            while True:
                try:
                    piece = self.pieces.get_nowait()
                except queue.Empty:
                    turn = Turn(self.pieces)
                    yield turn
                    if turn.is_over:
                        return
                    continue
                if piece is None:
                    return
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.events.put("closed")

    def read(self, call):
        """Read the body bit by bit."""
        sizes = []
        try:
            while data := call.read(1000):
                sizes.append(len(data))
        except GatewayError as error:
            return Answer.of_error(error)
        return Answer.json(sizes)


@pytest.fixture
def handlers(monkeypatch, transactional_db):
    handlers = Handlers(application.respond)
    monkeypatch.setattr(application, "respond", handlers.respond)
    monkeypatch.setattr(site, "respond", handlers.respond)
    return handlers


@pytest.fixture
def server(handlers):
    server = Server("127.0.0.1", 0, 0, alias="default")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def address(server):
    """Host and port of the admin API."""
    parts = urlsplit(server.urls[1])
    return parts.hostname, parts.port


@pytest.fixture
def connect(address):
    """Sockets to the server, with a request sent."""
    sockets = []

    def connect(request):
        sockets.append(socket.create_connection(address))
        sockets[-1].sendall(request)
        return sockets[-1]

    yield connect
    for sock in sockets:
        sock.close()


def _request(line, *headers, body=b""):
    lines = [f"{line} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _put(uid):
    return _request(f"PUT {DB}/{uid}", "Content-Length: 2", body=b"{}")


STREAM = _request("GET /try/stream")


def _ask(address, method, path, body=None):
    client = http.client.HTTPConnection(*address)
    client.request(method, path, body)
    answer = client.getresponse()
    text = answer.read()
    client.close()
    return answer.status, text


@pytest.fixture(autouse=True)
def _others():
    """The threads of servers that other tests have left running."""
    _OTHERS[:] = threading.enumerate()


_OTHERS = []


def _threads():
    running = [thread for thread in threading.enumerate() if thread not in _OTHERS]
    # The one that watches the file belongs to the process.
    return [
        thread
        for thread in running
        if thread.name.startswith("gateway-") and "watcher" not in thread.name
    ]


# -------------------------------------------------------------------- threads


def test_those_who_wait_hold_no_thread(handlers, connect, address):
    waiting = [connect(STREAM) for _ in range(MANY)]
    while len(handlers.pieces.turns) < MANY:
        time.sleep(0.01)
    for number in range(20):
        assert _ask(address, "PUT", f"{DB}/d{number}", "{}")[0] == 201
    assert len(_threads()) < MANY / 2
    for _ in waiting:
        handlers.pieces.put(None)
    for sock in waiting:
        assert until(sock, b"0\r\n\r\n")


def test_feeds_keep_nobody_else_waiting(connect, address):
    feeds = [
        connect(_request(f"GET {DB}/_changes?feed={kind}"))
        for kind in ("longpoll", "continuous")
        for _ in range(MANY // 2)
    ]
    for sock in feeds[: MANY // 2]:
        until(sock, b'{"results":[')
    assert _ask(address, "PUT", f"{DB}/d", "{}")[0] == 201
    for sock in feeds:
        until(sock, b'"id":"d"')


def test_those_who_are_slow_keep_nobody_else_waiting(connect, address):
    slow = [(_put(f"slow{number}"), number % 40) for number in range(MANY)]
    sockets = [connect(request[: -length - 1]) for request, length in slow]
    assert _ask(address, "PUT", f"{DB}/d", "{}")[0] == 201
    for sock, (request, length) in zip(sockets, slow, strict=True):
        sock.sendall(request[-length - 1 :])
        assert until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 201 ")


def test_handler_that_fails(handlers, address, caplog):
    handlers.fail = lambda call: 1 / 0
    status, text = _ask(address, "GET", "/try/fail")
    assert (status, json.loads(text)["error"]) == (500, "Internal Server Error")
    assert "ZeroDivisionError" in caplog.text
    assert _ask(address, "HEAD", "/try/fail") == (500, b"")


def test_connection_to_the_database_is_kept(handlers, address):
    """It belongs to the thread, and is replaced once something is wrong with it."""
    used = queue.SimpleQueue()

    def note(call):
        connection.ensure_connection()
        used.put((threading.get_ident(), connection.connection))
        if "broken" in call.query_string:
            connection.connection.close()
            with pytest.raises(ProgrammingError):
                connection.cursor()
        return Answer(200, b"noted")

    handlers.note = note
    client = http.client.HTTPConnection(*address)
    for number in range(40):
        query = "?broken" if number in (20, 21) else ""
        client.request("GET", f"/try/note{query}")
        assert client.getresponse().read() == b"noted"
        client.request("GET", f"{DB}/none")
        assert client.getresponse().read()
    client.close()
    # A thread may not be back when the next request is there, and another one takes it.
    first = dict(used.get() for _ in range(20))
    broken = dict(used.get() for _ in range(2))
    last = [used.get() for _ in range(18)]
    assert len(first) + len(broken) <= 4
    for thread, kept in last:
        assert (kept is first.get(thread)) == (thread in first and thread not in broken)
        first[thread] = kept
        broken.pop(thread, None)


# ----------------------------------------------------------- clients that leave


def test_client_that_goes_away(handlers, connect, address):
    for _ in range(3):
        connect(STREAM).close()
        assert handlers.events.get() == "closed"
    assert _ask(address, "PUT", f"{DB}/d", "{}")[0] == 201


def test_client_that_has_sent_all_is_answered(connect):
    sock = connect(_put("d"))
    sock.shutdown(socket.SHUT_WR)
    assert rest(sock).startswith(b"HTTP/1.1 201 ")


def test_stream_is_closed_where_nobody_reads_it(handlers, connect):
    sock = connect(STREAM)
    handlers.pieces.put(b"first")
    until(sock, b"first\r\n")
    sock.close()
    while handlers.events.empty():
        handlers.pieces.put(b"more")
    assert handlers.events.get() == "closed"


# --------------------------------------------------------------------- streams


def test_each_piece_is_sent_at_once(handlers, connect):
    sock = connect(STREAM)
    for piece in (b"first", b"\n", b"x" * 1_000_000, b"last"):
        handlers.pieces.put(piece)
        received = until(sock, b"%x\r\n%b\r\n" % (len(piece), piece))
    assert handlers.events.empty()
    handlers.pieces.put(None)
    assert until(sock, b"\r\n\r\n") == b"0\r\n\r\n"
    assert handlers.events.get() == "closed"
    sock.sendall(_put("d"))
    assert until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 201 ")
    assert received


def test_stream_of_known_length(handlers, connect):
    handlers.length = 6
    sock = connect(STREAM)
    for piece in (b"abc", b"def", None):
        handlers.pieces.put(piece)
    head, _, body = until(sock, b"abcdef").partition(b"\r\n\r\n")
    assert body == b"abcdef"
    assert b"Content-Length: 6" in head
    assert b"chunked" not in head
    sock.sendall(_put("d"))
    assert until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 201 ")


def test_stream_to_a_client_of_http_1_0(handlers, connect):
    sock = connect(b"GET /try/stream HTTP/1.0\r\n\r\n")
    for piece in (b"abc", b"def", None):
        handlers.pieces.put(piece)
    head, _, body = rest(sock).partition(b"\r\n\r\n")
    assert body == b"abcdef"
    assert b"chunked" not in head


def test_stream_that_breaks_has_no_end(handlers, connect, address, caplog):
    for length in (None, 100):
        handlers.length = length
        sock = connect(STREAM)
        handlers.pieces.put(b"first")
        handlers.pieces.put(ZeroDivisionError())
        body = rest(sock).partition(b"\r\n\r\n")[2]
        assert body == (b"first" if length else b"5\r\nfirst\r\n")
        assert handlers.events.get() == "closed"
    assert _ask(address, "PUT", f"{DB}/d", "{}")[0] == 201
    assert "ZeroDivisionError" in caplog.text


def test_head_of_a_stream_reads_nothing_of_it(handlers, connect):
    sock = connect(_request("HEAD /try/stream", "Connection: close"))
    assert b"\r\n\r\n" in rest(sock)


# ---------------------------------------------------------------------- bodies


def test_body_is_read_bit_by_bit(connect):
    sock = connect(_request("PUT /try/read", "Content-Length: 2500", body=b"x" * 2500))
    assert until(sock, b"]").endswith(b"[1000,1000,500]")
    chunks = b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in (1, 1800, 699))
    body = chunks + b"0\r\n\r\n"
    sock.sendall(_request("PUT /try/read", "Transfer-Encoding: chunked", body=body))
    assert until(sock, b"]").endswith(b"[1000,1000,500]")
    sock.sendall(_put("d"))
    assert until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 201 ")


def test_body_in_chunks_leaves_nothing_behind(connect):
    """Its end is no beginning of a request that somebody waits for."""
    body = b"2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n"
    sock = connect(_request(f"PUT {DB}/d", "Transfer-Encoding: chunked", body=body))
    until(sock, b"}")
    sock.sendall(_put("e"))
    assert until(sock, b"}").startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize("header", ["Content-Length: 3000", "Transfer-Encoding: chunked"])
def test_body_that_stops_half_way_is_no_body(header, connect):
    sock = connect(_request("PUT /try/read", header, body=b"bb8\r\n" + b"x" * 1500))
    sock.shutdown(socket.SHUT_WR)
    assert rest(sock).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("length", ["-1", "+2", "1_0", "two", " ", "0x2"])
def test_length_that_is_none(length, connect):
    sock = connect(_request("PUT /try/read", f"Content-Length: {length}", body=b"{}"))
    assert rest(sock).startswith(b"HTTP/1.1 400 ")


def test_requests_sent_without_waiting_for_answers(connect):
    sock = connect(b"".join(map(_put, range(20))))
    data = b""
    while data.count(b"HTTP/1.1 201 ") < 20:
        data += sock.recv(65536)


def test_client_that_wants_to_be_told_to_go_on(connect):
    sock = connect(_request(f"PUT {DB}/d", "Content-Length: 2", "Expect: 100-continue"))
    assert until(sock, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    sock.sendall(b"{}")
    assert until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 201 ")


# -------------------------------------------------------------------- the end


def test_server_stops_while_clients_wait(server, handlers, connect):
    feed = connect(_request(f"GET {DB}/_changes?feed=longpoll"))
    until(feed, b'{"results":[\r\n')
    stream = connect(STREAM)
    handlers.pieces.put(b"first")
    until(stream, b"first\r\n")
    for start in (b"", b"PUT /", _put("d")[:-1]):
        connect(start)
    server.stop()
    assert not _threads()
    assert rest(feed).endswith(b'"last_seq":"0"}\n\r\n0\r\n\r\n')
    assert rest(stream) == b"0\r\n\r\n"


# ----------------------------------------------------------------- the command

COMMAND = """
import sys
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from django.core.management import call_command
call_command("run_sync_gateway", port=0, admin_port=0, stdout=sys.stdout)
"""


@pytest.fixture
def command(tmp_path):
    """``run_sync_gateway`` in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", COMMAND, str(tmp_path / "x.sqlite3")],
        cwd=ROOT, env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process
        process.kill()


@pytest.fixture
def address_of_command(command):
    lines = [command.stdout.readline() for _ in range(3)]
    parts = urlsplit(lines[1].split()[-1])
    return parts.hostname, parts.port


def test_command_ends_while_clients_wait(command, address_of_command):
    """Ctrl-C, as clients wait for changes, or have not yet said all that they want."""
    feeds = [_request(f"GET {DB}/_changes?feed={kind}") for kind in ("longpoll", "continuous")]
    waiting = []
    for request in (b"", b"GET /", _put("d")[:-1], *feeds):
        waiting.append(socket.create_connection(address_of_command))
        waiting[-1].sendall(request)
    assert _ask(address_of_command, "PUT", f"{DB}/d", "{}")[0] == 201
    for feed in waiting[-2:]:
        until(feed, b'"id":"d"')
    # The long poll is over; another one waits.
    waiting[-2].sendall(_request(f"GET {DB}/_changes?feed=longpoll&since=1"))
    command.send_signal(signal.SIGINT)
    assert command.wait() == 0
    for sock in waiting:
        sock.close()


def test_file_that_is_taken_away_is_made_again(address_of_command, tmp_path):
    """The server keeps its connections: they must not go on with the file that was."""
    for _ in range(3):
        for _ in range(5):
            assert _ask(address_of_command, "PUT", f"{DB}/d", "{}")[0] == 201
            rev = json.loads(_ask(address_of_command, "GET", f"{DB}/d")[1])["_rev"]
            assert _ask(address_of_command, "DELETE", f"{DB}/d?rev={rev}")[0] == 200
        assert _ask(address_of_command, "PUT", f"{DB}/d", "{}")[0] == 201
        for file in tmp_path.glob("x.sqlite3*"):
            file.unlink()
    assert _ask(address_of_command, "PUT", f"{DB}/d", "{}")[0] == 201
    assert (tmp_path / "x.sqlite3").stat().st_size


# ---------------------------------------------------------------- in a site


@pytest.fixture
def runserver(handlers, settings):
    """Host and port of a site with the public API in it, as ``manage.py runserver`` serves it."""
    settings.ROOT_URLCONF = __name__
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site_connect(runserver):
    sockets = []

    def connect(request):
        sockets.append(socket.create_connection(runserver))
        sockets[-1].sendall(request)
        return sockets[-1]

    yield connect
    for sock in sockets:
        sock.close()


SITE_STREAM = _request("GET /sync/try/stream")


def test_site_sends_each_piece_at_once(handlers, site_connect):
    sock = site_connect(SITE_STREAM)
    for piece in (b"first", b"\n", b"x" * 1_000_000, b"last"):
        handlers.pieces.put(piece)
        until(sock, piece)
    assert handlers.events.empty()
    handlers.pieces.put(None)
    assert rest(sock) == b""
    assert handlers.events.get() == "closed"


def test_site_sends_the_length_where_it_is_known(handlers, site_connect):
    handlers.length = 6
    sock = site_connect(SITE_STREAM)
    for piece in (b"abc", b"def", None):
        handlers.pieces.put(piece)
    head, _, body = until(sock, b"abcdef").partition(b"\r\n\r\n")
    assert body == b"abcdef"
    assert b"Content-Length: 6" in head
    sock.sendall(_request("GET /sync/"))
    assert until(sock, b"}").startswith(b"HTTP/1.1 200 ")


def test_site_closes_a_stream_that_nobody_reads(handlers, site_connect):
    sock = site_connect(SITE_STREAM)
    handlers.pieces.put(b"first")
    until(sock, b"first")
    sock.close()
    while handlers.events.empty():
        handlers.pieces.put(b"more")
    assert handlers.events.get() == "closed"


def test_site_refuses_a_body_that_stops_half_way(handlers, site_connect):
    sock = site_connect(_request("PUT /sync/try/read", "Content-Length: 3000", body=b"x" * 1500))
    sock.shutdown(socket.SHUT_WR)
    assert rest(sock).startswith(b"HTTP/1.1 400 ")
