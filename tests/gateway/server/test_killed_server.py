"""A server that is killed in the middle of its work has done all that it has acknowledged, and
nothing by halves."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from random import Random
from urllib.parse import quote, urlsplit

import pytest

from tests.counts import SEED, TORTURE
from tests.gateway.fuzz import store
from tests.gateway.fuzz.process import ServerProcess

pytestmark = pytest.mark.torture

KILLS = 50 if TORTURE else 2
DB = "/test_documents"
GONE = (OSError, http.client.HTTPException)


class Rest:
    """Requests to the admin port; they raise one of GONE where the server is killed."""

    def __init__(self, server):
        parts = urlsplit(server.urls[1])
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port)

    def raw(self, method, path, body=None, content_type="application/json"):
        headers = {"Content-Type": content_type} if body is not None else {}
        self._connection.request(method, DB + path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def ask(self, method, path, body=None):
        status, data = self.raw(method, path, None if body is None else json.dumps(body))
        assert status in (200, 201), (status, data)
        return json.loads(data) if data else None

    def close(self):
        self._connection.close()


class Writer:
    """Writes documents of its own until the server has gone.

    ``known`` is what has been acknowledged of each document: its revision, and what it holds.
    ``tried`` is what the last write would have made of each document it was about.
    """

    def __init__(self, number, random):
        self.number = number
        self.random = random
        self.known = {}
        self.tried = {}
        self.failure = None
        self._count = itertools.count()

    def begin(self, server):
        """Work again, on a server that has been started again."""
        self.server = server
        self.written = []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        rest = Rest(self.server)
        writes = [self._put, self._put, self._bulk, self._attach, self._delete, self._configure]
        try:
            while True:
                self.random.choice(writes)(rest)
        except GONE:
            pass
        except Exception as error:
            self.failure = error
        finally:
            rest.close()

    def _uid(self):
        return f"w{self.number}-{self.random.randrange(40)}"

    def _rev(self, uid):
        rev, held = self.known.get(uid, ("", None))
        return rev if held is not None else ""

    def _body(self, uid, held):
        rev = self._rev(uid)
        return {"n": held, "channels": ["a"], "pad": "x" * 2000} | ({"_rev": rev} if rev else {})

    def _acknowledged(self, uid, rev):
        self.known[uid] = rev, self.tried[uid]
        self.written.append(uid)

    def _put(self, rest):
        uid = self._uid()
        self.tried = {uid: {"n": next(self._count)}}
        saved = rest.ask("PUT", f"/{uid}", self._body(uid, self.tried[uid]["n"]))
        self._acknowledged(uid, saved["rev"])

    def _bulk(self, rest):
        self.tried = {self._uid(): {"n": next(self._count)} for _ in range(20)}
        docs = [{"_id": uid, **self._body(uid, held["n"])} for uid, held in self.tried.items()]
        for row in rest.ask("POST", "/_bulk_docs", {"docs": docs}):
            self._acknowledged(row["id"], row["rev"])

    def _attach(self, rest):
        uid = self._uid()
        held = self.known.get(uid, ("", None))[1]
        if held is None:
            return
        size = self.random.choice([10, 70_000, 1_000_000])
        content = f"{next(self._count)} ".encode() * (size // 4)
        self.tried = {uid: held | {"file": content}}
        path = f"/{uid}/file?rev={self._rev(uid)}"
        status, data = rest.raw("PUT", path, content, "text/plain")
        assert status in (200, 201), (status, data)
        self._acknowledged(uid, json.loads(data)["rev"])

    def _delete(self, rest):
        uid = self._uid()
        if self._rev(uid):
            self.tried = {uid: None}
            saved = rest.ask("DELETE", f"/{uid}?rev={self._rev(uid)}")
            self._acknowledged(uid, saved["rev"])

    def _configure(self, rest):
        """What belongs to the database: a user, a view, and for the first one the sync function."""
        number = next(self._count)
        uid = f"user {self.number}"
        self.tried = {uid: {"channels": [f"c{number}"]}}
        rest.ask("PUT", f"/_user/u{self.number}",
                 {"password": "secret", "admin_channels": [f"c{number}"]})  # fmt: skip
        self._acknowledged(uid, "")
        if self.number == 0:
            uid = "sync function"
            function = f"function (doc) {{ channel(doc.channels); }}  // {number}"
            self.tried = {uid: {"function": function}}
            status, data = rest.raw("PUT", "/_config/sync", function, "application/javascript")
            assert status == 200, data
            self._acknowledged(uid, "")

    def check(self, rest):
        """What is there is what has been acknowledged, or else what was tried last."""
        for uid in self.known.keys() | self.tried.keys():
            rev, held = self.known.get(uid, ("", None))
            found_rev, found = _found(rest, uid)
            if found == held and (not rev or held is None or found_rev == rev):
                continue
            assert uid in self.tried, (uid, rev, found_rev)
            assert found == self.tried[uid], (uid, rev, found_rev)
            assert found_rev != rev or not rev
            self.known[uid] = found_rev, found
        self.tried = {}


def _found(rest, uid):
    """A document's revision, and what it holds; None: there is none."""
    if uid.startswith("user "):
        status, data = rest.raw("GET", f"/_user/u{uid[5:]}")
        return "", {"channels": json.loads(data)["admin_channels"]} if status == 200 else None
    if uid == "sync function":
        function = rest.raw("GET", "/_config/sync")[1].decode()
        return "", {"function": function} if function else None
    status, data = rest.raw("GET", f"/{uid}")
    if status == 404:
        return "", None
    document = json.loads(data)
    held = {"n": document["n"]}
    assert document["pad"] == "x" * 2000
    if "_attachments" in document:
        status, held["file"] = rest.raw("GET", f"/{uid}/file")
        assert status == 200
        assert document["_attachments"]["file"]["length"] == len(held["file"])
    return document["_rev"], held


def _watch(server, sequences):
    """Note how far the database is, as often as it says so."""
    rest = Rest(server)
    try:
        while True:
            sequences.append(rest.ask("GET", "/_all_docs?limit=1")["update_seq"])
    except GONE:
        rest.close()


def test_killed_server_has_done_what_it_said(tmp_path):
    file = tmp_path / "documents.sqlite3"
    random = Random(SEED)
    print(f"seed {SEED}")
    writers = [Writer(number, Random(f"{SEED}/{number}")) for number in range(6)]
    since, sequences, acknowledged = "0", [0], 0
    for _ in range(KILLS):
        with ServerProcess(file) as server:
            watcher = threading.Thread(target=_watch, args=[server, sequences])
            watcher.start()
            for writer in writers:
                writer.begin(server)
            wanted = random.randrange(10, 200)
            while sum(len(writer.written) for writer in writers) < wanted:
                time.sleep(0.005)
            server.kill()
            for thread in (*(writer.thread for writer in writers), watcher):
                thread.join()
            assert server.log() == ""
        for writer in writers:
            if writer.failure:
                raise writer.failure
            acknowledged += len(writer.written)
        store.check(file)
        with ServerProcess(file) as server:
            rest = Rest(server)
            changes = rest.ask("GET", f"/_changes?since={quote(since)}")
            for writer in writers:
                writer.check(rest)
            _check_feed(changes["results"], writers)
            highest = max([*sequences, *(row["seq"] for row in changes["results"])])
            saved = rest.ask("POST", "/", {"channels": ["a"]})
            (row,) = rest.ask("GET", f"/_changes?since={highest}")["results"]
            assert row["id"] == saved["id"]
            assert row["seq"] > highest
            since, sequences = str(row["seq"]), [row["seq"]]
            rest.close()
            assert server.stop() == 0
            assert server.log() == ""
        store.check(file)
    print(f"{KILLS} kills, {acknowledged} writes acknowledged")
    assert acknowledged >= KILLS * 10


def _check_feed(changes, writers):
    """All that has been written since is in the feed, once, at its revision."""
    assert len({row["id"] for row in changes}) == len(changes)
    seen = {row["id"]: row["changes"][0]["rev"] for row in changes if "changes" in row}
    for writer in writers:
        for uid in writer.written:
            if uid.startswith("w"):
                rev, held = writer.known[uid]
                assert uid in seen, uid
                if held is not None:
                    assert seen[uid] == rev, uid
