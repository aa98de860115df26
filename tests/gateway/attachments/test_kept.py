"""How long attachments are kept, and in which pieces they come and go."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
import tracemalloc
from urllib.parse import urlsplit

import pytest
import requests
from django.db import connection

from django_cbtools.embedded.documents import unused
from django_cbtools.embedded.documents.purge import purge
from tests.gateway.attachments.client import DB, JSON, b64, branch, digest_of, inline, multipart
from tests.gateway.attachments.stored import (
    FOLLOWS,
    MEGABYTE,
    TRANSACTIONAL,
    database,
    kept,
    links,
    rows,
)

# ----------------------------------------------------------------- what is kept


def test_contents_are_kept_once(client, small_chunks):
    data = b"x" * 1000
    for uid in ("d1", "d2"):
        client.save(uid, {"_attachments": {"a": inline(data), "b": inline(data)}})
    assert len(rows("SELECT 1 FROM cbtools_attachment_chunks")) == 4
    purge(database(), ["d1"])
    assert client.read("d2") == {"a": data, "b": data}
    purge(database(), ["d2"])
    assert kept() == {}
    assert links() == set()


def _expire():
    """Let the time of old revisions be over."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cbtools_revisions SET superseded = 1 WHERE superseded < %s", [2**61])


def test_what_nobody_has_any_more_is_removed(client):
    for uid in ("d1", "d2"):
        rev = client.save(uid, {"_attachments": {"a": inline(uid.encode()), "b": inline(b"b")}})
        claim = {"stub": True, "digest": digest_of(b"d1"), "length": 2, "revpos": 1}
        client.save(uid, {"_rev": rev, "_attachments": {"b": {"stub": True}, "c": claim}})
    assert unused.collect_all(database()) == 0
    _expire()
    assert unused.collect_all(database()) == 2
    assert kept() == {digest_of(b"b"): b"b"}
    assert client.get("/d1/b").content == b"b"
    assert unused.collect_all(database()) == 0


def test_next_revision_removes_what_is_over(client):
    rev = client.attach("doc", "a", b"1")
    rev = client.attach("doc", "a", b"2", rev)
    assert set(kept().values()) == {b"1", b"2"}
    _expire()
    client.attach("doc", "b", b"3", rev)
    assert set(kept().values()) == {b"2", b"3"}
    assert client.read("doc") == {"a": b"2", "b": b"3"}


def test_a_revision_goes_with_what_it_held(client):
    """It does not come back, however long an administrator has revisions kept from then on."""
    rev = client.attach("doc", "a", b"1")
    client.save("doc", {"_rev": rev})
    _expire()
    assert unused.collect_all(database()) == 1
    kept = {"old_rev_expiry_seconds": (1 << 32) - 1}
    assert client.ask("POST", "/_config", kept).status_code == 201
    assert client.get("/doc", params={"rev": rev}).status_code == 404
    assert rows("SELECT 1 FROM cbtools_revisions") == []


def test_losing_branch_keeps_what_it_has(client):
    first, tombstone, winner = branch(client)
    _expire()
    unused.collect_all(database())
    assert set(kept().values()) == {b"2", b"3" * 300}
    assert client.get("/doc/t", params={"rev": tombstone}).content == b"2"
    assert client.get("/doc/b", params={"rev": winner}).content == b"3" * 300
    assert client.get("/doc/a", params={"rev": first}).status_code == 404


def test_other_database_has_its_own(client):
    assert client.http.put(f"{client.urls[1]}/other/", data="{}").status_code == 201
    client.attach("doc", "a", b"data")
    address = f"{client.urls[1]}/other/doc"
    assert client.http.put(f"{address}/a", data=b"data").status_code == 201
    assert len(rows("SELECT 1 FROM cbtools_attachment_chunks")) == 2
    purge(database(), ["doc"])
    assert client.http.get(f"{address}/a").content == b"data"


# ---------------------------------------------------------------------- streams


def test_contents_that_are_removed_while_they_are_sent(client, small_chunks, monkeypatch):
    data = b"x" * MEGABYTE
    client.attach("doc", "a", data)
    answer = client.get("/doc/a", stream=True)
    assert answer.raw.read(1000) == data[:1000]
    purge(database(), ["doc"])
    with pytest.raises(requests.ConnectionError, match="404"):
        answer.raw.read()
    assert client.get("/doc/a").status_code == 404


@TRANSACTIONAL
def test_contents_that_are_removed_while_they_are_sent_over_http(by_http, small_chunks):
    by_http.attach("doc", "a", b"x" * (8 * MEGABYTE))
    answer = by_http.get("/doc/a", stream=True)
    assert answer.raw.read(1000) == b"x" * 1000
    purge(database(), ["doc"])
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        assert len(answer.content) < 8 * MEGABYTE
    assert by_http.get("/doc/a").status_code == 404


@TRANSACTIONAL
def test_slow_reader_keeps_nobody_waiting(by_http):
    """Neither with the store as it was when he began, nor locked out of the one that is."""
    data = b"x" * (8 * MEGABYTE)
    rev = by_http.attach("doc", "a", data)
    slow = by_http.get("/doc/a", stream=True)
    assert slow.raw.read(1) == b"x"
    purge(database(), ["none"])
    rev = by_http.attach("doc", "b", b"2", rev)
    by_http.save("doc", {"_rev": rev, "_attachments": {"b": {"stub": True}}})
    # The write-ahead log can be emptied: nobody reads what is old.
    assert rows("PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
    assert slow.content == data[1:]


@pytest.fixture
def peak():
    """What Python has needed at most of memory, since the start of the test."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def _pieces(size, count):
    """Contents of ``count`` attachments of a size, a little at a time; all differ."""
    for number in range(count):
        for _ in range(size // 65536):
            yield bytes([number]) * 65536


@TRANSACTIONAL
def test_much_is_never_in_memory_at_once(by_http, peak, settings):
    """27 MB in one document, up and down: each attachment is larger than what may be in memory.
    DEBUG is on: Django keeps queries then."""
    settings.DEBUG = True
    size, count = 9 * MEGABYTE, 3
    shown = {}
    for number in range(count):
        sha1 = hashlib.sha1()
        for piece in _pieces(size, 1):
            sha1.update(bytes([number]) * len(piece))
        digest = "sha1-" + b64(sha1.digest())
        shown[f"a{number}"] = {"follows": True, "digest": digest, "length": size}
    sent = multipart({"_attachments": shown}, *[b"%d" % number for number in range(count)])
    marks = re.split(rb"\r\n\d\r\n", sent["body"])
    length = sum(map(len, marks)) + count * (size + 4)

    def body():
        for number, mark in enumerate(marks):
            yield mark
            if number < count:
                yield b"\r\n"
                for _ in range(size // 65536):
                    yield bytes([number]) * 65536
                yield b"\r\n"

    address = urlsplit(by_http.urls[1])
    connection = http.client.HTTPConnection(address.hostname, address.port)
    headers = {**sent["headers"], "Content-Length": str(length)}
    connection.request("PUT", f"{DB}/doc", body(), headers)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["id"]) == (201, "doc")

    for path, headers, expected in (
        ("/doc/a1", {}, size),
        ("/doc?attachments=true", {}, count * size),
        ("/doc?attachments=true", JSON, count * size * 4 // 3),
        ("/doc?open_revs=all", {}, count * size),
        ("/doc?open_revs=all", JSON, count * size * 4 // 3),
    ):
        connection.request("GET", DB + path, headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200
        received = 0
        while piece := answer.read(65536):
            received += len(piece)
        assert expected <= received < expected + 10_000
    connection.close()
    assert peak() < 8 * MEGABYTE


@TRANSACTIONAL
def test_upload_that_breaks_off(by_http):
    address = urlsplit(by_http.urls[1])
    sent = multipart({"_attachments": {"a": FOLLOWS}}, b"data")
    requests_ = [
        (f"PUT {DB}/bad/a", {"Content-Length": "1000000"}, b"x" * 500_000),
        (f"PUT {DB}/bad", {**sent["headers"], "Content-Length": "1000"}, sent["body"][:-20]),
    ]
    for line, headers, body in requests_:
        with socket.create_connection((address.hostname, address.port)) as sock:
            lines = [f"{line} HTTP/1.1", "Host: localhost"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            sock.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            sock.shutdown(socket.SHUT_WR)
            answer = sock.makefile("rb").readline()
        assert answer.startswith(b"HTTP/1.1 400 ")
    assert by_http.get("/bad").status_code == 404
    assert kept() == {}


def test_number_of_queries(client, django_assert_num_queries, small_chunks):
    client.attach("doc", "a", b"x" * 1000)
    # The database, the document, and each chunk.
    with django_assert_num_queries(2 + 4):
        assert client.get("/doc/a").content == b"x" * 1000
    with django_assert_num_queries(2 + 2):
        client.get("/doc/a", headers={"Range": "bytes=299-300"})
    with django_assert_num_queries(2 + 4):
        client.read("doc")
    with django_assert_num_queries(2):
        client.get("/doc")
