"""A program of many threads that write into the embedded gateway, in process.

Usage: python -m tests.gateway.fuzz.writer FILE NAME THREADS ROUNDS.

It begins when it reads a line, says
"written" when it is through, and at the next line what it has done, as JSON: see :class:`Writer`.
"""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

settings.DATABASES["default"]["NAME"] = sys.argv[1]
# SQLite gives turns at random: on a busy machine somebody waits for very long.
settings.DATABASES["default"].setdefault("OPTIONS", {})["timeout"] = 3600

import django  # noqa: E402

django.setup()

from django.db import connections  # noqa: E402

from django_cbtools.embedded.api.gateway import respond  # noqa: E402
from django_cbtools.embedded.http.messages import Call  # noqa: E402

DATABASE = "/test_documents"
COUNTERS = [f"counter{number}" for number in range(5)]


def ask(method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
    """The gateway's answer: its status, and its JSON."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    call = Call(
        "admin", "default", method, DATABASE + path, urlencode(query), read=io.BytesIO(data).read
    )
    answer = respond(call)
    text = b"".join(answer.chunks())
    return answer.status, json.loads(text) if text else None


class Writer:
    """What one thread does, and has done.

    ``revs`` are the revisions that its own documents have in the end, '' for one that is deleted;
    ``counts`` how often it has counted which counter up; ``feed`` the last that it has read of each
    document; ``statuses`` those that are neither success nor conflict.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.revs: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.feed: dict[str, Any] = {}
        self.since: Any = 0
        self.statuses: Counter[int] = Counter()

    def run(self, rounds: int) -> None:
        try:
            for number in range(rounds):
                self._write(f"{self.name}-{number}")
                self._count(COUNTERS[number % len(COUNTERS)])
                self.read()
        finally:
            connections.close_all()

    def _ask(self, *args: Any, **query: Any) -> Any:
        status, value = ask(*args, **query)
        if status >= 400:
            self.statuses[status] += 1
        return value

    def _write(self, uid: str) -> None:
        rev = self._ask("PUT", f"/{uid}", {"channels": ["a"], "by": self.name})["rev"]
        content = f"{uid} ".encode() * 20_000
        rev = self._ask("PUT", f"/{uid}/file", content, rev=rev)["rev"]
        gone = f"{uid}-gone"
        rows = self._ask("POST", "/_bulk_docs", {"docs": [{"_id": gone}, {"_id": f"{uid}-more"}]})
        self._ask("DELETE", f"/{gone}", rev=rows[0]["rev"])
        self.revs |= {uid: rev, gone: "", f"{uid}-more": rows[1]["rev"]}

    def _count(self, uid: str) -> None:
        while True:
            status, old = ask("GET", f"/{uid}")
            body = {"n": old["n"] + 1, "_rev": old["_rev"]} if status == 200 else {"n": 1}
            status, _ = ask("PUT", f"/{uid}", {**body, "by": self.name})
            if status == 201:
                self.counts[uid] += 1
                return
            if status != 409:
                self.statuses[status] += 1

    def read(self) -> None:
        """Follow the changes feed."""
        changes = self._ask("GET", "/_changes", since=self.since)
        sequences = [row["seq"] for row in changes["results"]]
        assert sequences == sorted(set(sequences))
        for row in changes["results"]:
            self.feed[row["id"]] = [row["changes"][0]["rev"], row.get("deleted", False)]
        self.since = changes["last_seq"]


def main(name: str, threads: int, rounds: int) -> None:
    writers = [Writer(f"{name}-{number}") for number in range(threads)]
    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda writer: writer.run(rounds), writers))
    print("written", flush=True)
    sys.stdin.readline()
    for writer in writers:
        writer.read()
    print(json.dumps([vars(writer) for writer in writers]), flush=True)


if __name__ == "__main__":
    main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
