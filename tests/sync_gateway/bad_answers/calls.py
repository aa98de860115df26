"""Calls that are to fail, and what their errors say."""

from __future__ import annotations

import gzip
import json
import logging

import pytest

from django_cbtools.exceptions import SyncGatewayUnavailable
from tests.sync_gateway.scripted import ADMIN_CALLS, READS, WRITES, check_refused, head, reply
from tests.testapp.models import CBArticle

CALLS = READS | WRITES | ADMIN_CALLS
everything = pytest.mark.parametrize("call", CALLS)
#: One of each kind.
SOME = ["load", "save", "delete", "put_user", "query_view"]
some = pytest.mark.parametrize("call", SOME)
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


def cut(data):
    """An answer that says how long it is, and ends in the middle."""
    return lambda: [head(Content_Length=len(data)), data[: len(data) // 2]]


def chunked(*chunks, **headers):
    return [
        head(Transfer_Encoding="chunked", **headers),
        *(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks),
    ]


ROWS = json.dumps({"rows": [{"id": "a", "doc": {"text": "x" * 1000}}]}).encode()
BROKEN = {
    "cut": cut(ROWS),
    "cut, of unknown length": lambda: [head(Connection="close"), ROWS[:500]],
    "cut, in a chunk": lambda: [*chunked(ROWS[:500]), b"100\r\nxx"],
    "cut, between chunks": lambda: chunked(ROWS[:500]),
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
