"""The embedded gateway over HTTP: what requests cost, and how much of it is SQLite and V8."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .timing import report, timed

BATCH = 1000
ROUNDS, REQUESTS = 8, 100
SYNC = "function (doc, oldDoc) { channel(doc.channels); if (doc.until) expiry(doc.until); }"
DOCUMENT = {"doc_type": "article", "title": "hello", "channels": ["a", "b"], "n": 1}
USER = {"password": "secret", "admin_channels": ["*"]}
LOGIN = {"Authorization": "Basic " + base64.b64encode(b"alice:secret").decode()}


class Cost(NamedTuple):
    """Seconds of a request: all in all, and of it in SQLite and in V8."""

    seconds: float
    sqlite: float
    v8: float


class Gateway:
    """A server in a process of its own, and a client with one connection to each port."""

    def __init__(self, folder: str) -> None:
        self._process: Any = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.server"],
            env=os.environ | {"BENCH_FOLDER": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.urls: list[str] = self._line()
        self._public, self._admin = (
            http.client.HTTPConnection(urlsplit(url).netloc) for url in self.urls
        )

    def close(self) -> None:
        self._public.close()
        self._admin.close()
        self._process.stdin.close()
        self._process.wait()

    def _line(self) -> Any:
        return json.loads(self._process.stdout.readline())

    def _meters(self) -> tuple[float, float]:
        """Seconds in SQLite and in V8 since the last time."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        sqlite, v8 = self._line()
        return sqlite, v8

    def ask(
        self, method: str, path: str, body: Any = None, status: int = 200, *, login: bool = False
    ) -> bytes:
        """The answer of the admin API, or of the public one to a user who logs in."""
        client, headers = (self._public, LOGIN) if login else (self._admin, {})
        client.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = client.getresponse()
        data = answer.read()
        assert answer.status == status, (method, path, answer.status, data)
        return data

    def cost(self, work: Callable[[], Any], requests: int = 1) -> Cost:
        """What each of the requests costs that ``work`` makes."""
        self._meters()
        seconds = timed(work)
        return Cost(*(value / requests for value in (seconds, *self._meters())))

    def costs(self, method: str, path: str, bodies: Iterable[Any], status: int = 200) -> list[Cost]:
        """What requests cost, one for each body."""
        return [
            self.cost(lambda body=body: self.ask(method, path, body, status)) for body in bodies
        ]


@contextmanager
def in_settings(folder: str) -> Iterator[str]:
    """A gateway that the library's settings name; the address of its public API."""
    from django.test.utils import override_settings

    with closing(Gateway(folder)) as server:
        public, admin = server.urls
        with override_settings(
            SYNC_GATEWAY_URL=public,
            SYNC_GATEWAY_ADMIN_URL=admin,
            SYNC_GATEWAY_USER="bench",
            SYNC_GATEWAY_PASSWORD="bench password",
            COUCHBASE_DATABASE="plain",
        ):
            yield public


def gateway(data: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(Gateway(folder)) as server:
        print("\nThe gateway over HTTP, one request after the other:")
        print(f"{'':<44}{'requests/s':>12}{'documents/s':>12}{'ms':>10}{'SQLite':>10}{'V8':>10}")
        many(server, data)
        one(server, folder)


def show(what: str, cost: Cost, documents: int = 1) -> None:
    rate = 1 / cost.seconds
    milliseconds = "".join(f"{seconds * 1000:>10.2f}" for seconds in cost)
    print(f"{what:<44}{rate:>12.1f}{rate * documents:>12.0f}{milliseconds}", flush=True)


def many(server: Gateway, data: list[dict[str, Any]]) -> None:
    """Requests for many documents."""
    documents = [
        {"_id": f"apt_{airport['icao']}", "doc_type": "airport", "channels": [airport["country"]],
         **airport}
        for airport in data
    ]  # fmt: skip
    batches = [
        {"docs": documents[start : start + BATCH]}
        for start in range(0, len(documents) - BATCH, BATCH)
    ]
    server.ask("PUT", "/synced/", {"bucket": "synced", "sync": SYNC}, 201)
    loading = server.costs("POST", "/bench/_bulk_docs", batches, 201)
    show(f"_bulk_docs of {BATCH}", min(loading), BATCH)
    server.ask("POST", "/bench/_bulk_docs", {"docs": documents[len(batches) * BATCH :]}, 201)
    loading = server.costs("POST", "/synced/_bulk_docs", batches[:5], 201)
    show(f"_bulk_docs of {BATCH}, through a sync function", min(loading), BATCH)
    keys = {"keys": [document["_id"] for document in documents[:: len(documents) // BATCH][:BATCH]]}
    reading = server.costs("POST", "/bench/_all_docs?include_docs=true", [keys] * 10)
    show(f"_all_docs by keys, {BATCH} of {len(data)}", min(reading), BATCH)
    for path in ("_changes", "_changes?include_docs=true"):
        assert server.ask("GET", f"/bench/{path}").count(b'"changes":[') == len(data)
        show(path, min(server.costs("GET", f"/bench/{path}", [None] * 4)), len(data))


def one(server: Gateway, folder: str) -> None:
    """Requests for one document, side by side, since the machine may change its pace."""
    numbers = itertools.count()

    def ping() -> None:
        server.ask("GET", "/_ping")

    def get() -> None:
        server.ask("GET", "/bench/article0")

    def put() -> None:
        server.ask("PUT", f"/bench/article{next(numbers)}", DOCUMENT, 201)

    def put_as_user() -> None:
        server.ask("PUT", f"/bench/article{next(numbers)}", DOCUMENT, 201, login=True)

    def put_through_v8() -> None:
        server.ask("PUT", f"/synced/article{next(numbers)}", DOCUMENT, 201)

    server.ask("PUT", "/bench/_user/alice", USER, 201)
    for work in (put, put_as_user, put_through_v8):
        work()
    with closing(bare_transactions(folder)) as transactions:
        works: dict[str, Callable[[], Any]] = {
            "GET of /_ping": ping,
            "GET of a document": get,
            "PUT of a document": put,
            "PUT of a document by a user": put_as_user,
            "PUT through a sync function": put_through_v8,
        }
        costs: dict[str, list[Cost]] = {name: [] for name in works}
        bare = float("inf")
        for _ in range(ROUNDS):
            bare = min(bare, timed(lambda: times(REQUESTS, lambda: next(transactions))) / REQUESTS)
            for name, work in works.items():
                costs[name].append(server.cost(lambda work=work: times(REQUESTS, work), REQUESTS))
    best = {name: min(found) for name, found in costs.items()}
    for name, cost in best.items():
        show(name, cost)
    put_seconds = best["PUT of a document"].seconds
    empty = best["GET of /_ping"].seconds
    report(
        "PUT, beside a bare transaction and an empty round trip", put_seconds, bare + empty, aim=3
    )
    print(f"  (the transaction: {bare * 1000:.2f} ms, the round trip: {empty * 1000:.2f} ms)")
    report(
        "PUT through a sync function, beside one without",
        best["PUT through a sync function"].seconds, put_seconds,
    )  # fmt: skip


def times(count: int, work: Callable[[], Any]) -> None:
    for _ in range(count):
        work()


def bare_transactions(folder: str) -> Iterator[None]:
    """With each step, the rows that a PUT writes, written to a file like the gateway's."""
    from django_cbtools.embedded import schema

    database = sqlite3.connect(os.path.join(folder, "bare.sqlite3"), isolation_level=None)
    schema.ensure(database, timeout=5)
    database.execute("ATTACH ? AS gateway", [os.path.join(folder, "bench.sqlite3")])
    columns = [
        name
        for (name,) in database.execute("SELECT name FROM pragma_table_info('cbtools_documents')")
        if name != "id"
    ]
    database.execute("INSERT INTO cbtools_databases SELECT * FROM gateway.cbtools_databases")
    row = database.execute(
        f"SELECT {', '.join(columns)} FROM gateway.cbtools_documents WHERE uid = 'article0'"
    ).fetchone()
    database.execute("DETACH gateway")
    insert = (
        f"INSERT INTO cbtools_documents ({', '.join(columns)}) "
        f"VALUES ({', '.join(f':{name}' for name in columns)})"
    )
    values = dict(zip(columns, row, strict=True))
    try:
        for number in itertools.count():
            changes = {"uid": f"article{number}", "sequence": number}
            database.execute("BEGIN IMMEDIATE")
            database.execute(
                "UPDATE cbtools_databases SET sequence = :sequence, last_version = :sequence "
                "WHERE name = 'bench'", changes,
            )  # fmt: skip
            database.execute(insert, values | changes)
            database.execute("COMMIT")
            yield
    finally:
        database.close()
