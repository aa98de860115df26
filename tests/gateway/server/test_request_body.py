"""Bodies of requests: every way to cut them, to read them, and to get them wrong."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools.embedded.server.request_body import Body, ChunkedBody

NEXT = b"GET / HTTP/1.1\r\n"
pieces = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
sizes = st.lists(st.integers(1, 50), min_size=1)


def _chunked(chunks):
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def _read(body, sizes):
    data = b""
    while True:
        for size in sizes:
            piece = body.read(size)
            assert len(piece) <= size
            if not piece:
                return data
            data += piece


@given(pieces, sizes)
def test_it_is_read_as_it_was_sent(chunks, sizes):
    data = b"".join(chunks)
    for sent, make in (
        (data, lambda source: Body(source, len(data))),
        (_chunked(chunks), ChunkedBody),
    ):
        source = io.BytesIO(sent + NEXT)
        body = make(source)
        assert _read(body, sizes) == data
        assert body.skip()
        assert source.read() == NEXT


@given(pieces, st.integers(0, 100))
def test_the_rest_can_be_skipped(chunks, size):
    data = b"".join(chunks)
    for sent, make in (
        (data, lambda source: Body(source, len(data))),
        (_chunked(chunks), ChunkedBody),
    ):
        source = io.BytesIO(sent + NEXT)
        body = make(source)
        assert body.read(size) == data[:size]
        assert body.skip()
        assert source.read() == NEXT
        assert body.read(10) == b""


@given(pieces, sizes, st.data())
def test_it_stops_half_way(chunks, sizes, draw):
    data = b"".join(chunks)
    sent = _chunked(chunks)
    bodies = [ChunkedBody(io.BytesIO(sent[: draw.draw(st.integers(0, len(sent) - 1))]))]
    if data:
        end = draw.draw(st.integers(0, len(data) - 1))
        bodies.append(Body(io.BytesIO(data[:end]), len(data)))
    for body in bodies:
        with pytest.raises(ValueError, match=r"it |a chunk "):
            _read(body, sizes)
        with pytest.raises(ValueError, match="it broke before"):
            body.read(1)
        assert not body.skip()


@pytest.mark.parametrize(
    "sent",
    [b"", b"\r\n", b"-1\r\n", b"+2\r\nab\r\n0\r\n\r\n", b"0x2\r\nab\r\n0\r\n\r\n",
     b"1_0\r\n", b"2\nab\r\n0\r\n\r\n", b"2\r\nabc\r\n0\r\n\r\n", b"2\r\nab0\r\n\r\n",
     b"3\r\nab\r\n0\r\n\r\n", b"fffffffff\r\nab", b"ffffffff\r\nab", b"0" * 10_000 + b"\r\n",
     b"0\r\n" + b"Trailer: x\r\n" * 1000 + b"\r\n",
     b"0\r\nTrailer: " + b"x" * 10_000 + b"\r\n\r\n"],
    ids=lambda sent: repr(sent[:20]),
)  # fmt: skip
def test_chunks_that_are_none(sent):
    assert not ChunkedBody(io.BytesIO(sent + NEXT)).skip()


def test_what_may_stand_beside_chunks():
    source = io.BytesIO(b'2;name="x" \r\nab\r\n0001 \r\nc\r\n000;x\r\nTrailer: y\r\n\r\n' + NEXT)
    assert ChunkedBody(source).read(100) == b"abc"
    assert source.read() == NEXT
