"""Answers that are none: each call ends, with an error of ours that says where to look."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import logging
import socket
import zlib

import pytest

from django_cbtools.exceptions import (
    SyncGatewayBadRequest,
    SyncGatewayException,
    SyncGatewayForbidden,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)
from django_cbtools.sync_gateway import SyncGateway
from tests.sync_gateway.faults.proxy import page
from tests.sync_gateway.scripted import (
    ADMIN_CALLS,
    GIVING_UP,
    HTTP,
    READS,
    WRITES,
    Server,
    check_nothing_secret,
    check_refused,
    closed_port,
    head,
    reply,
    save_answer,
    slowly,
    told,
    url_of,
    use,
)
from tests.testapp.models import CBArticle

CALLS = READS | WRITES | ADMIN_CALLS
everything = pytest.mark.parametrize("call", CALLS)
#: One of each kind.
some = pytest.mark.parametrize("call", ["load", "save", "delete", "put_user", "query_view"])
TIMEOUT = "SYNC_GATEWAY_OPTIONS['timeout']"
DEADLINE = "SYNC_GATEWAY_OPTIONS['deadline']"
MAX_BYTES = "SYNC_GATEWAY_OPTIONS['max_bytes']"


def setting_of(call):
    return "SYNC_GATEWAY_ADMIN_URL" if call in ADMIN_CALLS else "SYNC_GATEWAY_URL"


def check_call(call, *names, caplog, error=SyncGatewayUnavailable):
    """The error of a call, which has to name one of the settings; the port's, unless others are
    given."""
    with caplog.at_level(logging.NOTSET), pytest.raises(error) as caught:
        CALLS[call]()
    check_refused(caught.value, *(names or [setting_of(call)]), caplog=caplog)
    # A document that is not there, or that somebody else has changed, is another matter.
    assert not isinstance(caught.value, CBArticle.DoesNotExist)
    return caught.value


# ------------------------------------------------------------------- wrong settings


@everything
def test_port_where_nobody_listens(call, settings, caplog):
    with closed_port() as closed:
        use(settings, url_of(closed), **GIVING_UP)
        check_call(call, caplog=caplog)


@everything
def test_host_that_there_is_not(call, settings, caplog):
    use(settings, "http://gateway.invalid:4984", **GIVING_UP)
    check_call(call, caplog=caplog)


@pytest.mark.parametrize("greeting", [b"220 mail.example ESMTP\r\n", b"SSH-2.0-OpenSSH_9.9\r\n"])
@some
def test_port_of_another_service(call, greeting, settings, caplog):
    with Server(lambda connection: connection.sendall(greeting)) as server:
        use(settings, server.url, **GIVING_UP)
        check_call(call, caplog=caplog)


@pytest.mark.parametrize("call", READS | WRITES)
def test_wrong_password(call, gateway_by_http, settings, caplog):
    public, admin = gateway_by_http.urls
    SyncGateway.put_user("ann", password="another")
    use(settings, public, admin)
    check_call(
        call, "SYNC_GATEWAY_USER", "SYNC_GATEWAY_PASSWORD",
        caplog=caplog, error=SyncGatewayForbidden,
    )  # fmt: skip


#: What a gateway says where there is no such database; a public port may want a login first.
UNKNOWN = [
    reply({"error": "not_found", "reason": 'no such database "test_documents"'}, 404),
    reply({"error": "Unauthorized", "reason": "Invalid login"}, 401),
]


@everything
@pytest.mark.parametrize("answer", UNKNOWN, ids=["not found", "no login"])
def test_unknown_database(call, answer, settings, caplog):
    with HTTP(lambda request: answer) as server:
        use(settings, server.url)
        check_call(call, "SYNC_GATEWAY_BUCKET", caplog=caplog, error=SyncGatewayException)


# ------------------------------------------------------------------- wrong answers


@everything
@pytest.mark.parametrize("status", [200, 201, 204, 400, 401, 403, 404, 405, 409, 410, 412, 413,
                                    418, 429, 500, 502, 503, 504, 511])  # fmt: skip
def test_proxys_page(call, status, settings, caplog):
    """Whatever its status, it is not the gateway's word."""
    if (call, status) == ("put_user", 204):
        return  # it has no page, and the gateway's own answer has none either
    names = [setting_of(call)]
    if status == 401:
        names.append("SYNC_GATEWAY_ADMIN_USER" if call in ADMIN_CALLS else "SYNC_GATEWAY_USER")
    with HTTP(lambda request: page(status)) as server:
        use(settings, server.url, **GIVING_UP)
        caught = check_call(call, *names, caplog=caplog, error=SyncGatewayException)
    assert isinstance(caught, (SyncGatewayUnavailable, SyncGatewayForbidden, SyncGatewayBadRequest))
    assert caught.status in (status, None)
    assert "<html>" not in str(caught)


JSON_OF_OTHERS = {
    "null": None,
    "number": 1,
    "text": "hello",
    "list": [],
    "object": {},
    "no rows": {"rows": []},
    "rows that are none": {"rows": 1},
    "message": {"message": "Hello from another service"},
}


@pytest.mark.parametrize("call", ["load", "all", "query_view", *WRITES])
@pytest.mark.parametrize("value", JSON_OF_OTHERS.values(), ids=JSON_OF_OTHERS)
def test_json_of_another_service(call, value, settings, caplog):
    """What cannot be what was asked for is refused."""
    if (call, value) in (("all", {"rows": []}), ("query_view", {"rows": []})):
        return  # it may be
    with HTTP(lambda request: reply(value)) as server:
        use(settings, server.url, **GIVING_UP)
        check_call(call, caplog=caplog)


@some
@pytest.mark.parametrize("status", [400, 404, 409, 500])
@pytest.mark.parametrize("value", JSON_OF_OTHERS.values(), ids=JSON_OF_OTHERS)
def test_error_of_another_service(call, status, value, settings, caplog):
    with HTTP(lambda request: reply(value, status)) as server:
        use(settings, server.url, **GIVING_UP)
        with pytest.raises(SyncGatewayException):
            CALLS[call]()


def _cut(data):
    """An answer that says how long it is, and ends in the middle."""
    return lambda: [head(Content_Length=len(data)), data[: len(data) // 2]]


def _chunked(*chunks, **headers):
    return [
        head(Transfer_Encoding="chunked", **headers),
        *(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks),
    ]


ROWS = json.dumps({"rows": [{"id": "a", "doc": {"text": "x" * 1000}}]}).encode()
BROKEN = {
    "cut": _cut(ROWS),
    "cut, of unknown length": lambda: [head(Connection="close"), ROWS[:500]],
    "cut, in a chunk": lambda: [*_chunked(ROWS[:500]), b"100\r\nxx"],
    "cut, between chunks": lambda: _chunked(ROWS[:500]),
    "cut, in the head": lambda: [head(Content_Length=len(ROWS))[:30]],
    "nothing": lambda: [],
    "no body": lambda: [head(Content_Length=0)],
    "garbage": lambda: [bytes(range(256)) * 10],
    "garbage in HTTP": lambda: [reply(bytes(range(256)) * 10)],
    "no status": lambda: [b"HTTP/1.1\r\n\r\n"],
    "status that is none": lambda: [b"HTTP/1.1 abc Hello\r\n\r\n"],
    "HTTP of another world": lambda: [b"HTTP/7.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"],
    "length that is none": lambda: [head(Content_Length="x"), ROWS[:10]],
    "negative length": lambda: [head(Content_Length=-1), b"{"],
    "chunks that are none": lambda: [head(Transfer_Encoding="chunked"), b"xyz\r\n{}\r\n0\r\n\r\n"],
    "negative chunk": lambda: [head(Transfer_Encoding="chunked"), b"-5\r\n{}\r\n0\r\n\r\n"],
    "long line": lambda: [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n{}"],
    "long status": lambda: [b"HTTP/1.1 200 " + b"x" * 200_000 + b"\r\n\r\n{}"],
    "many headers": lambda: [head(**{f"X{n}": n for n in range(5000)}), b"{}"],
    "gzip that is none": lambda: [reply(ROWS, Content_Encoding="gzip")],
    "gzip, cut": lambda: [reply(gzip.compress(ROWS)[:-20], Content_Encoding="gzip")],
    "gzip, damaged": lambda: [
        reply(gzip.compress(ROWS)[:-8] + b"damaged!", Content_Encoding="gzip")
    ],
    "deflate that is none": lambda: [reply(b"x" * 50, Content_Encoding="deflate")],
    "UTF-8 that is none": lambda: [reply(b'{"rows": "\xff\xfe"}')],
    "NUL bytes": lambda: [reply(b"\0" * 100)],
    "deep": lambda: [reply(b"[" * 200_000)],
    "deep, closed": lambda: [reply(b"[" * 200_000 + b"]" * 200_000)],
}


@pytest.mark.parametrize("call", ["load", "save", "delete", "get_user", "query_view"])
@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_broken_answer(call, answer, settings, caplog):
    with HTTP(lambda request: answer()) as server:
        use(settings, server.url, **GIVING_UP)
        check_call(call, setting_of(call), TIMEOUT, caplog=caplog)


def test_bytes_after_an_answer(settings):
    """They are not taken for the answer to the next request."""
    extra = reply({"_id": "evil", "_rev": "1-evil"})
    with HTTP(lambda request: save_answer(request) + extra) as server:
        use(settings, server.url, **GIVING_UP)
        for _ in range(3):
            try:
                found = READS["get"]()
            except SyncGatewayUnavailable:
                continue
            assert found["_id"] == "a"


def test_interim_answers(settings):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    with HTTP(lambda request: hints[-25:] + save_answer(request)) as server:
        use(settings, server.url)
        for call in CALLS.values():
            call()


# -------------------------------------------------------------- answers that never end


def forever(piece):
    return itertools.repeat(piece)


ENDLESS = {
    "head that drips": (
        lambda: slowly(itertools.chain([b"HTTP/1.1 200 OK\r\nX: "], forever(b"x"))),
        [DEADLINE],
    ),
    "headers that drip": (
        lambda: slowly(itertools.chain([b"HTTP/1.1 200 OK\r\n"], forever(b"X: x\r\n"))),
        [DEADLINE, "_URL"],
    ),
    "status that drips": (lambda: slowly(forever(b"H")), [DEADLINE]),
    "body that drips": (
        lambda: slowly(itertools.chain([head(Content_Length=10**9)], forever(b" "))),
        [DEADLINE],
    ),
    "body that drips, with no length": (
        lambda: slowly(itertools.chain([head(Connection="close")], forever(b" "))),
        [DEADLINE],
    ),
    "chunks that drip": (
        lambda: slowly(itertools.chain(_chunked(), forever(b"1\r\n \r\n"))),
        [DEADLINE],
    ),
    "chunk's extension that drips": (
        lambda: slowly(itertools.chain(_chunked(), [b"1;"], forever(b"x"))),
        [DEADLINE],
    ),
    "gzip that drips": (
        lambda: slowly(
            itertools.chain(
                [head(Connection="close", Content_Encoding="gzip"), gzip.compress(b"")[:10]],
                forever(b"\0\0\0\xff\xff"),
            )
        ),
        [DEADLINE],
    ),
    "interim answers": (lambda: slowly(forever(b"HTTP/1.1 100 Continue\r\n\r\n")), [DEADLINE]),
}


@some
@pytest.mark.parametrize(("answer", "names"), ENDLESS.values(), ids=ENDLESS)
def test_endless_answer(call, answer, names, settings, caplog):
    with HTTP(lambda request: answer()) as server:
        use(settings, server.url, deadline=0.2, retries=1)
        check_call(call, *names, caplog=caplog)


def _gzip_bomb():
    """Gigabytes of spaces in megabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield packer.compress(b" " * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(b" " * (1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    yield from itertools.repeat(piece, 1024)


def _zlib_bomb():
    packer = zlib.compressobj(9)
    yield packer.compress(b" " * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(b" " * (1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    yield from itertools.repeat(piece, 1024)


LARGE = b" " * 100_000
TOO_MUCH = {
    "endless": lambda: itertools.chain([head(Connection="close")], forever(LARGE)),
    "endless, of a length": lambda: itertools.chain([head(Content_Length=10**15)], forever(LARGE)),
    "endless chunks": lambda: itertools.chain(
        _chunked(), forever(b"%x\r\n%s\r\n" % (len(LARGE), LARGE))
    ),
    "one endless chunk": lambda: itertools.chain(_chunked(), [b"ffffffff\r\n"], forever(LARGE)),
    "a chunk longer than memory": lambda: itertools.chain(
        _chunked(), [b"7fffffffffffffff\r\n"], forever(LARGE)
    ),
    "gzip bomb": lambda: itertools.chain(
        [head(Connection="close", Content_Encoding="gzip")], _gzip_bomb()
    ),
    "gzip bomb in chunks": lambda: itertools.chain(
        _chunked(Content_Encoding="gzip"),
        (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in _gzip_bomb()),
    ),
    "deflate bomb": lambda: itertools.chain(
        [head(Connection="close", Content_Encoding="deflate")], _zlib_bomb()
    ),
}


@some
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("answer", TOO_MUCH.values(), ids=TOO_MUCH)
def test_answer_that_is_too_large(call, status, answer, settings, caplog):
    """It is not kept in memory."""

    def with_status(request):
        pieces = iter(answer())
        yield next(pieces).replace(b"200 OK", f"{status} X".encode())
        yield from pieces

    with HTTP(with_status) as server:
        use(settings, server.url, max_bytes=1_000_000, **GIVING_UP)
        check_call(call, MAX_BYTES, caplog=caplog)


def test_bomb_in_a_bomb(settings, caplog):
    packed = gzip.compress(gzip.compress(b" " * (1 << 26)))
    with HTTP(lambda request: reply(packed, Content_Encoding="gzip, gzip")) as server:
        use(settings, server.url, max_bytes=1_000_000, **GIVING_UP)
        for call in CALLS:
            check_call(call, MAX_BYTES, caplog=caplog)


def test_largest_answer_that_may_be(settings):
    data = json.dumps({"_id": "a", "text": "x" * 900_000}).encode()
    for body, headers in ((data, {}), (gzip.compress(data), {"Content_Encoding": "gzip"})):
        with HTTP(lambda request, body=body, headers=headers: reply(body, **headers)) as server:
            use(settings, server.url, max_bytes=len(data))
            assert len(READS["get"]()["text"]) == 900_000
            use(settings, server.url, max_bytes=len(data) - 1, retries=0)
            with pytest.raises(SyncGatewayUnavailable, match="max_bytes"):
                READS["get"]()


# ------------------------------------------------------------------- no answer at all


@some
@pytest.mark.parametrize(
    ("options", "name"),
    [({**GIVING_UP, "timeout": 0.1}, TIMEOUT), ({"deadline": 0.2, "timeout": 100}, DEADLINE)],
    ids=["timeout", "deadline"],
)
def test_silence(call, options, name, settings, caplog):
    """Connections are accepted, and that is all."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        use(settings, url_of(silent), **options)
        check_call(call, name, caplog=caplog)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_request_that_is_not_read(scheme, settings, caplog):
    """Nor is a TLS handshake answered."""
    article = CBArticle(uid="a", channels=["c"])
    article.extra["text"] = "x" * 20_000_000
    with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        use(settings, url_of(silent, scheme), deadline=0.2, timeout=100)
        for call in (article.save, lambda: SyncGateway.save_documents([article])):
            with pytest.raises(SyncGatewayUnavailable) as caught:
                call()
            check_refused(caught.value, DEADLINE, caplog=caplog)
        with pytest.raises(SyncGatewayUnavailable) as caught:
            SyncGateway.all_docs(["x" * 100] * 100_000)
        check_refused(caught.value, DEADLINE, caplog=caplog)


@some
def test_connections_that_are_not_accepted(call, settings, caplog):
    """The queue of those who wait is full: the kernel does not answer."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(5):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        use(settings, url_of(full), timeout=(0.1, 100), **GIVING_UP)
        check_call(call, TIMEOUT, setting_of(call), caplog=caplog)


def test_deadline_is_for_all_attempts(settings, caplog):
    with HTTP(lambda request: reply({"error": "x"}, 503, Retry_After=3600)) as server:
        use(settings, server.url, deadline=0.3)
        for call in CALLS:
            check_call(call, DEADLINE, caplog=caplog)


PAUSES = [
    "nonsense", "-5", "1e400", "99999999999999999999",
    "Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
]  # fmt: skip


@pytest.mark.parametrize("words", PAUSES)
def test_retry_after_that_is_none(words, settings, caplog):
    with HTTP(lambda request: reply({"error": "x"}, 503, Retry_After=words)) as server:
        use(settings, server.url, deadline=0.3, retries=1)
        for call in CALLS:
            check_call(call, "503", caplog=caplog)


def test_next_call_is_answered(settings):
    """After each of these; what is left of it is not taken for the next answer."""
    bad = iter([])

    def answer(request):
        return next(bad, save_answer(request))

    with HTTP(answer) as server:
        use(settings, server.url, retries=0, max_bytes=1_000_000)
        for make in [*BROKEN.values(), *TOO_MUCH.values()]:
            bad = iter([make()])
            with pytest.raises(SyncGatewayException) as caught:
                READS["load"]()
            check_nothing_secret(told(caught.value))
            try:
                found = READS["get"]()
            except SyncGatewayUnavailable:
                # The server was about to close the connection.
                found = READS["get"]()
            assert found == {"_id": "a", "_rev": "1-a", "name": "a"}


def test_missing_things_are_missing(gateway_by_http):
    """The gateway's own 404 is taken at its word."""
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle("a")
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_user("nobody")
