"""Multipart bodies, read and written: against each other, and broken in many ways."""

from __future__ import annotations

import email.parser
import email.policy
import gzip
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from django_cbtools.embedded.api.multipart import MAX_BOUNDARY, MAX_HEAD, Reader, Section, write
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.http.messages import Call

BOUNDARY = "Bound-0.9"
#: What contents are made of, so that they look like what is around them.
MORSELS = [
    b"", b"\r\n", b"\n", b"\r", b"--", b"-", b" ", b"\t", b"--" + BOUNDARY.encode(),
    b"\r\n--" + BOUNDARY.encode(), b"\n--" + BOUNDARY.encode(), BOUNDARY.encode(), b"x",
    b"\r\n--" + BOUNDARY[:-1].encode(), b"Content-Type: text/plain\r\n\r\n", b"\0\xff",
]  # fmt: skip
DELIMITER = re.compile(rb"\r\n--Bound-0\.9(--|[ \t]*\r?\n)")


def _is_delimited(data):
    return DELIMITER.search(b"\r\n" + data + b"\r\n")


contents = (
    st.lists(st.sampled_from(MORSELS) | st.binary(max_size=5), max_size=8)
    .map(b"".join)
    # What ends a part cannot be in it; what is right before the delimiter counts too.
    .filter(lambda data: not _is_delimited(data))
)
headers = st.dictionaries(
    st.sampled_from(["Content-Type", "Content-Disposition", "X-Rev-Id"]),
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), max_size=9),
)
parts = st.lists(st.tuples(headers, contents), min_size=1, max_size=4)
sizes = st.integers(1, 200)


def _call(body, boundary=BOUNDARY, size=1 << 20, **headers):
    """A request with a body that comes in pieces of a size, whatever is asked for."""
    rest = bytearray(body)

    def read(limit):
        data = bytes(rest[: min(limit, size)])
        del rest[: len(data)]
        return data

    headers["content-type"] = f'multipart/related; boundary="{boundary}"'
    return Call("admin", "default", "PUT", "/", headers=headers, read=read)


def _parts(call):
    reader = Reader(call)
    return [(part.headers, b"".join(part.source)) for part in iter(reader.next_part, None)]


def _written(parts):
    return b"".join(write((Section(headers, [data]) for headers, data in parts), BOUNDARY))


@given(parts, sizes)
def test_what_is_written_is_read(parts, size):
    read = _parts(_call(_written(parts) + b"\r\n", size=size))
    assert [data for _, data in read] == [data for _, data in parts]
    for (found, _), (sent, _) in zip(read, parts, strict=True):
        expected = {name.lower(): value for name, value in sent.items()}
        assert found == expected


@given(parts)
def test_what_is_written_is_what_pythons_own_parser_reads(parts):
    # It takes bare newlines for ends of lines, and drops what it takes for headers' faults.
    parts = [({}, re.sub(rb"[\r\n]", b"", data)) for _, data in parts]
    assume(not any(_is_delimited(data) for _, data in parts))
    head = f'Content-Type: multipart/mixed; boundary="{BOUNDARY}"\r\n\r\n'.encode()
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(head + _written(parts) + b"\r\n")
    found = [part.get_payload(decode=True) for part in message.get_payload()]
    assert found == [data for _, data in parts]


@given(parts, st.data())
def test_body_that_breaks_off(parts, data):
    body = _written(parts)
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(GatewayError) as caught:
        _parts(_call(body[:cut]))
    assert caught.value.status == 400


@given(parts, sizes, st.sampled_from([b"", b"before\r\n", b"\n\n", b"--x\r\n"]))
def test_what_is_around_the_parts_is_passed_over(parts, size, preamble):
    expected = [data for _, data in parts]
    body = preamble + _written(parts) + b"\r\nafter\r\n--" + BOUNDARY.encode() + b"\r\n\r\nx"
    assert [data for _, data in _parts(_call(body, size=size))] == expected


@given(st.integers(0, 300), sizes)
def test_part_that_is_not_read_to_its_end(count, size):
    body = _written([({"A": "1"}, b"x" * 250), ({"A": "2"}, b"y")])
    reader = Reader(_call(body, size=size))
    assert set(reader.next_part().read(count)) <= set(b"x")
    second = reader.next_part()
    assert (second.headers["a"], b"".join(second.source)) == ("2", b"y")
    assert reader.next_part() is None
    assert reader.next_part() is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"--b\n\nhello\n--b--", [b"hello"]),
        (b"--b\nA: 1\nB: 2\n\nhello\r\n--b\n\nx\n--b--\n", [b"hello\r", b"x"]),
        (b"--b \t\r\n\r\nhello\r\n--b  \r\n\r\n\r\n--b--", [b"hello", b""]),
        (b"--b\r\n\r\nhello\n--b\r\n\r\n--b--", [b"hello\n--b\r\n"]),
        (b"--b\r\nA: 1\r\n\r\n--b--", [b""]),
        (b"--b\r\n\r\n--b--", [b""]),
        (b"--b--", []),
    ],
    ids=[
        "bare newlines", "they stay so", "padding", "not where the first line had CRLF",
        "no content", "neither headers nor content", "no part",
    ],
)  # fmt: skip
def test_ends_of_lines(body, expected):
    # The recordings have CRLF; a real gateway takes bare newlines too.
    assert [data for _, data in _parts(_call(body, "b"))] == expected


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/related", b"--b\r\n\r\n\r\n--b--"),
        ("multipart/related; boundary=", b"--\r\n\r\n\r\n----"),
        ("multipart/related; boundary=" + "b" * (MAX_BOUNDARY + 1), b""),
        ("multipart/related; boundary=other", b"--b\r\n\r\n\r\n--b--"),
        ("multipart/related; boundary=b", b""),
        ("multipart/related; boundary=b", b"--b\r\nno colon\r\n\r\n\r\n--b--"),
        ("multipart/related; boundary=b", b"--b\r\nA: " + b"x" * MAX_HEAD + b"\r\n\r\n\r\n--b--"),
        ("multipart/related; boundary*=nothing''%ff%00", b"--b\r\n\r\n\r\n--b--"),
    ],
)
def test_malformed_body_is_refused(content_type, body):
    call = _call(body)
    call.headers["content-type"] = content_type
    with pytest.raises(GatewayError) as caught:
        _parts(call)
    assert caught.value.status == 400
    assert caught.value.reason


def test_packed_body():
    body = gzip.compress(_written([({}, b"x" * 100_000)]))
    call = _call(body, **{"content-encoding": "gzip"})
    assert _parts(call) == [({}, b"x" * 100_000)]


def test_packed_part_is_json_all_the_same():
    packed = gzip.compress(b'{"n": 1}')
    body = _written([({"Content-Type": "application/json", "Content-Encoding": "gzip"}, packed)])
    assert Reader(_call(body, size=3)).next_part().object() == {"n": 1}


def test_body_that_is_too_large(monkeypatch):
    monkeypatch.setattr(Reader, "limit", 1000)
    with pytest.raises(GatewayError) as caught:
        _parts(_call(_written([({}, b"x" * 500), ({}, b"x" * 500)]), size=100))
    assert caught.value.status == 413


def test_header_of_several_lines_stays_one():
    section = Section({"Content-Type": "text/plain\r\nX-Evil: 1\0é"}, [b""])
    assert next(write([section], "b")) == (
        b"--b\r\nContent-Type: text/plain  X-Evil: 1 \xc3\xa9\r\n\r\n"
    )
