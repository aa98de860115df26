"""Answers that never end, that are too large, or that do not come."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socket
import zlib
from itertools import product

import pytest

from django_cbtools.exceptions import (
    SyncGatewayException,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)
from django_cbtools.sync_gateway import SyncGateway
from tests.pairs import pairs
from tests.sync_gateway.bad_answers.calls import (
    BROKEN,
    CALLS,
    DEADLINE,
    MAX_BYTES,
    SOME,
    TIMEOUT,
    check_call,
    chunked,
    setting_of,
    some,
)
from tests.sync_gateway.scripted import (
    GIVING_UP,
    HTTP,
    READS,
    check_nothing_secret,
    check_refused,
    head,
    reply,
    save_answer,
    slowly,
    told,
    url_of,
    use,
)
from tests.testapp.models import CBArticle

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
        lambda: slowly(itertools.chain(chunked(), forever(b"1\r\n \r\n"))),
        [DEADLINE],
    ),
    "chunk's extension that drips": (
        lambda: slowly(itertools.chain(chunked(), [b"1;"], forever(b"x"))),
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


@pytest.mark.parametrize(("call", "name"), pairs(SOME, ENDLESS))
def test_endless_answer(call, name, settings, caplog):
    answer, names = ENDLESS[name]
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
        chunked(), forever(b"%x\r\n%s\r\n" % (len(LARGE), LARGE))
    ),
    "one endless chunk": lambda: itertools.chain(chunked(), [b"ffffffff\r\n"], forever(LARGE)),
    "a chunk longer than memory": lambda: itertools.chain(
        chunked(), [b"7fffffffffffffff\r\n"], forever(LARGE)
    ),
    "gzip bomb": lambda: itertools.chain(
        [head(Connection="close", Content_Encoding="gzip")], _gzip_bomb()
    ),
    "gzip bomb in chunks": lambda: itertools.chain(
        chunked(Content_Encoding="gzip"),
        (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in _gzip_bomb()),
    ),
    "deflate bomb": lambda: itertools.chain(
        [head(Connection="close", Content_Encoding="deflate")], _zlib_bomb()
    ),
}


@pytest.mark.parametrize(("call", "answer"), pairs(SOME, product(TOO_MUCH, [200, 500])))
def test_answer_that_is_too_large(call, answer, settings, caplog):
    """It is not kept in memory."""
    name, status = answer

    def with_status(request):
        pieces = iter(TOO_MUCH[name]())
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
        use(settings, server.url, **GIVING_UP)
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
