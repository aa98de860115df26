"""Answers that are large: they are sent while they are made, and take little memory.

TORTURE=1 asks for ten times as much.
"""

from __future__ import annotations

import http.client
import json
import zlib
from urllib.parse import urlsplit

import pytest

from tests.counts import TORTURE
from tests.gateway.fuzz.process import ServerProcess
from tests.gateway.hostile.memory import Peak

MEGABYTE = 1 << 20
DOCUMENTS = 40
TIMES = 1000 if TORTURE else 80
#: What an answer may take: some of the documents, each several times while it becomes JSON.
MOST = 60 * MEGABYTE
IDS = [f"doc{number}" for number in range(DOCUMENTS)]


class Asker:
    """A client of the admin port that counts what it is sent."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def ask(self, method, path, body=None, **headers):
        """The status of the answer, and its length."""
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        unpacker = zlib.decompressobj(31)
        length = 0
        while piece := response.read(MEGABYTE):
            is_packed = response.headers["Content-Encoding"] == "gzip"
            length += len(unpacker.decompress(piece) if is_packed else piece)
        return response.status, length


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("server") / "documents.sqlite3") as process:
        yield process


@pytest.fixture(scope="module")
def asker(server):
    asker = Asker(server.urls[1])
    assert asker.ask("PUT", "/db/", "{}")[0] == 201
    body = json.dumps({"pad": "x" * MEGABYTE})
    for uid in IDS:
        assert asker.ask("PUT", f"/db/{uid}", body)[0] == 201
    assert asker.ask("PUT", "/db/small", "{}")[0] == 201
    yield asker
    asker.connection.close()


REPEATED = [IDS[0]] * TIMES
QUERIES = {
    "one key again and again": (
        "POST", "/db/_all_docs?include_docs=true", {"keys": REPEATED}, TIMES,
    ),
    "all keys again and again": (
        "POST", "/db/_all_docs?include_docs=true", {"keys": IDS * (TIMES // 40)},
        TIMES // 40 * DOCUMENTS,
    ),
    "all": ("GET", "/db/_all_docs?include_docs=true", None, DOCUMENTS),
    "one document again and again": (
        "POST", "/db/_bulk_get", {"docs": [{"id": uid} for uid in REPEATED]}, TIMES,
    ),
    "changes": ("GET", "/db/_changes?include_docs=true", None, DOCUMENTS),
    "changes of posted ids": (
        "POST", "/db/_changes?include_docs=true", {"filter": "_doc_ids", "doc_ids": IDS + REPEATED},
        DOCUMENTS + TIMES,
    ),
}  # fmt: skip


@pytest.mark.torture
@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("encoding", ["identity", "gzip"] if TORTURE else ["identity"])
def test_large_answers_take_little_memory(name, encoding, server, asker):
    method, path, body, documents = QUERIES[name]
    before = server.memory()
    peak = Peak(server.pid)
    headers = {"Accept-Encoding": encoding}
    status, length = asker.ask(method, path, body and json.dumps(body), **headers)
    assert status == 200
    assert documents * MEGABYTE < length < (documents + 1) * MEGABYTE
    assert peak.bytes() - before < MOST


def test_small_ones_are_as_they_were(asker):
    connection = asker.connection
    connection.request("GET", "/db/_all_docs?startkey=small", headers={"Accept-Encoding": "gzip"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    assert [row["id"] for row in answer["rows"]] == ["small"]
    assert answer["total_rows"] == 1
    assert response.headers["Content-Encoding"] is None
    # As on a real gateway, HEAD says how long an answer is as long as it is short.
    for query, is_said in (("startkey=small", True), ("include_docs=true", False)):
        connection.request("HEAD", f"/db/_all_docs?{query}")
        response = connection.getresponse()
        response.read()
        assert (response.headers["Content-Length"] is not None) == is_said


def test_keys_that_are_not_there_are_between_those_that_are(asker):
    connection = asker.connection
    keys = ["none", IDS[3], "none", IDS[1], "", IDS[3], "nothing", *IDS, "_x", "none"]
    for query in ("include_docs=true", ""):
        connection.request("POST", f"/db/_all_docs?{query}", json.dumps({"keys": keys}))
        rows = json.loads(connection.getresponse().read())["rows"]
        assert [row["key"] for row in rows] == keys
        for row in rows:
            assert (row.get("id") == row["key"]) == (row["key"] in IDS)
            assert row.get("doc", {}).get("_id", row["key"]) == row["key"]
