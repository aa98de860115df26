"""Answers that come in pieces, and bodies that do, over real sockets."""

from __future__ import annotations

import socket

import pytest

from tests.gateway.server.streams.handlers import DB, STREAM, ask, gateway_threads, put, request_of
from tests.gateway.sockets import rest, until

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
    sock.sendall(put("d"))
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
    sock.sendall(put("d"))
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
    assert ask(address, "PUT", f"{DB}/d", "{}")[0] == 201
    assert "ZeroDivisionError" in caplog.text


def test_head_of_a_stream_reads_nothing_of_it(handlers, connect):
    sock = connect(request_of("HEAD /try/stream", "Connection: close"))
    assert b"\r\n\r\n" in rest(sock)


# ---------------------------------------------------------------------- bodies


def test_body_is_read_bit_by_bit(connect):
    sock = connect(request_of("PUT /try/read", "Content-Length: 2500", body=b"x" * 2500))
    assert until(sock, b"]").endswith(b"[1000,1000,500]")
    chunks = b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in (1, 1800, 699))
    body = chunks + b"0\r\n\r\n"
    sock.sendall(request_of("PUT /try/read", "Transfer-Encoding: chunked", body=body))
    assert until(sock, b"]").endswith(b"[1000,1000,500]")
    sock.sendall(put("d"))
    assert until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 201 ")


def test_body_in_chunks_leaves_nothing_behind(connect):
    """Its end is no beginning of a request that somebody waits for."""
    body = b"2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n"
    sock = connect(request_of(f"PUT {DB}/d", "Transfer-Encoding: chunked", body=body))
    until(sock, b"}")
    sock.sendall(put("e"))
    assert until(sock, b"}").startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize("header", ["Content-Length: 3000", "Transfer-Encoding: chunked"])
def test_body_that_stops_half_way_is_no_body(header, connect):
    sock = connect(request_of("PUT /try/read", header, body=b"bb8\r\n" + b"x" * 1500))
    sock.shutdown(socket.SHUT_WR)
    assert rest(sock).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("length", ["-1", "+2", "1_0", "two", " ", "0x2"])
def test_length_that_is_none(length, connect):
    sock = connect(request_of("PUT /try/read", f"Content-Length: {length}", body=b"{}"))
    assert rest(sock).startswith(b"HTTP/1.1 400 ")


def test_requests_sent_without_waiting_for_answers(connect):
    sock = connect(b"".join(map(put, range(20))))
    data = b""
    while data.count(b"HTTP/1.1 201 ") < 20:
        data += sock.recv(65536)


def test_client_that_wants_to_be_told_to_go_on(connect):
    sock = connect(request_of(f"PUT {DB}/d", "Content-Length: 2", "Expect: 100-continue"))
    assert until(sock, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    sock.sendall(b"{}")
    assert until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 201 ")


# -------------------------------------------------------------------- the end


def test_server_stops_while_clients_wait(server, handlers, connect):
    feed = connect(request_of(f"GET {DB}/_changes?feed=longpoll"))
    until(feed, b'{"results":[\r\n')
    stream = connect(STREAM)
    handlers.pieces.put(b"first")
    until(stream, b"first\r\n")
    for start in (b"", b"PUT /", put("d")[:-1]):
        connect(start)
    server.stop()
    assert not gateway_threads()
    assert rest(feed).endswith(b'"last_seq":"0"}\n\r\n0\r\n\r\n')
    assert rest(stream) == b"0\r\n\r\n"
