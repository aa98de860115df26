"""A phone's replication over BLIP, beside the same documents over REST; and many open pulls."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from .feeds import allow_files
from .gateway import LOGIN, USER, Gateway
from .timing import report, timed

DOCUMENTS, BATCH, PULLS = 5000, 200, 200
REV = "1-a"


def phones(count: int = DOCUMENTS, pulls: int = PULLS) -> None:
    allow_files(pulls + 200)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = stack.enter_context(closing(Gateway(folder)))
        server.ask("PUT", "/bench/_user/alice", USER, 201)
        print(f"\n{count} documents of a phone, beside REST in batches of {BATCH}:")
        bodies = [{"channels": ["a"], "n": n, "text": "x" * 300} for n in range(count)]
        by_rest = timed(lambda: push_by_rest(server, bodies))
        by_phone = timed(lambda: push(server.urls[0], bodies))
        report("pushed, beside _bulk_docs", by_phone, by_rest)
        by_rest = timed(lambda: pull_by_rest(server, 2 * count))
        by_phone = timed(lambda: pull(server.urls[0], 2 * count))
        report("pulled, beside _changes and _bulk_get", by_phone, by_rest)
        follow(server, stack, pulls)


def push_by_rest(server: Gateway, bodies: list[dict[str, Any]]) -> None:
    history = {"start": 1, "ids": [REV.partition("-")[2]]}
    for start in range(0, len(bodies), BATCH):
        docs = [
            {**body, "_id": f"rest{body['n']}", "_revisions": history}
            for body in bodies[start : start + BATCH]
        ]
        server.ask("POST", "/bench/_bulk_docs", {"docs": docs, "new_edits": False}, 201, login=True)


def pull_by_rest(server: Gateway, count: int) -> None:
    rows = json.loads(server.ask("GET", "/bench/_changes", login=True))["results"]
    asked = [{"id": row["id"]} for row in rows if not row["id"].startswith("_")]
    assert len(asked) == count
    for start in range(0, count, BATCH):
        docs = {"docs": asked[start : start + BATCH]}
        server.ask("POST", "/bench/_bulk_get?revs=true", docs, login=True)


class Phone:
    """A connection; ``take`` is called with each message that comes."""

    def __init__(self, url: str, take: Callable[[Phone, Any], Any]) -> None:
        from websockets.sync.client import connect

        from django_cbtools.embedded.blip.connection import Connection

        self.take, self.connection, self._stack = take, Connection(), ExitStack()
        self.socket = self._stack.enter_context(
            connect(
                f"{url.replace('http', 'ws', 1)}/bench/_blipsync", additional_headers=LOGIN,
                subprotocols=["BLIP_3+CBMobile_3"], compression=None, proxy=None,
            )  # type: ignore[arg-type]
        )  # fmt: skip

    def close(self) -> None:
        self._stack.close()

    def send(self, body: Any = None, **properties: str) -> None:
        from django_cbtools.embedded.blip.messages import Message

        data = b"" if body is None else json.dumps(body).encode()
        self.connection.send(Message(properties, data, compressed=True))

    def flush(self) -> None:
        while (frame := self.connection.next_frame()) is not None:
            self.socket.send(frame)

    def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.flush()
            message = self.connection.receive(self.socket.recv())  # type: ignore[arg-type]
            if message is not None:
                self.take(self, message)


def push(url: str, bodies: list[dict[str, Any]]) -> None:
    replies: list[Any] = []
    with closing(Phone(url, lambda phone, reply: replies.append(reply.is_error))) as phone:
        for start in range(0, len(bodies), BATCH):
            some = bodies[start : start + BATCH]
            phone.send([[f"phone{b['n']}", REV] for b in some], Profile="proposeChanges")
            for body in some:
                phone.send(body, Profile="rev", id=f"phone{body['n']}", rev=REV)
            wanted = len(replies) + 1 + len(some)
            phone.until(lambda wanted=wanted: len(replies) == wanted)  # type: ignore[misc]
    assert not any(replies)


class _Pull:
    """Answers the gateway as a phone without documents does; counts what comes."""

    def __init__(self) -> None:
        self.revs = 0
        self.has_caught_up = False

    def __call__(self, phone: Phone, message: Any) -> None:
        from django_cbtools.embedded.blip.messages import Message

        if message.profile == "rev":
            self.revs += 1
        elif message.profile == "changes":
            offered = json.loads(message.body)
            self.has_caught_up = self.has_caught_up or offered is None
            phone.connection.reply(
                message, Message({}, json.dumps([[]] * len(offered or ())).encode())
            )


def pull(url: str, count: int) -> None:
    pulled = _Pull()
    with closing(Phone(url, pulled)) as phone:
        phone.send(Profile="subChanges")
        phone.until(lambda: pulled.revs == count)


def follow(server: Gateway, stack: ExitStack, count: int) -> None:
    """Open pulls: the memory of each, and how long a change takes to reach all of them."""
    last = json.loads(server.ask("GET", "/bench/"))["update_seq"]
    before, opened = _memory(server), []
    for _ in range(count):
        pulled = _Pull()
        phone = stack.enter_context(closing(Phone(server.urls[0], pulled)))
        phone.send(Profile="subChanges", continuous="true", since=str(last))
        phone.until(lambda pulled=pulled: pulled.has_caught_up)  # type: ignore[misc]
        opened.append((phone, pulled))
    each = (_memory(server) - before) / count
    started = time.perf_counter()
    server.ask("PUT", "/bench/news", {"channels": ["a"]}, 201)
    for phone, pulled in opened:
        phone.until(lambda pulled=pulled: pulled.revs == 1)  # type: ignore[misc]
    seconds = time.perf_counter() - started
    print(f"{count} open pulls: {each / 1024:.0f} KB each; a change reaches all of them in "
          f"{seconds * 1000:.0f} ms", flush=True)  # fmt: skip


def _memory(server: Gateway) -> int:
    """The bytes that the server's process has in memory."""
    pages = Path(f"/proc/{server._process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


if __name__ == "__main__":
    phones(*map(int, sys.argv[1:]))
