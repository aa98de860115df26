"""Requests beside clients that wait for changes: how much slower the slowest of them are."""

from __future__ import annotations

import itertools
import json
import resource
import socket
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

from .gateway import Gateway
from .timing import report

FEEDS = 1000
#: Requests a second, for so many seconds, from so many clients.
RATE, SECONDS, CLIENTS = 100, 10, 4
DOCUMENT = {"channels": ["written"], "n": 1}


def feeds(count: int = FEEDS) -> None:
    """The 99th percentile of 100 requests a second, without feeds and beside 1,000 idle ones."""
    allow_files(count + 200)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = stack.enter_context(closing(Gateway(folder)))
        print(f"\n{RATE} requests a second, half of them writes, beside {count} feeds:")
        server.ask("PUT", "/bench/_user/GUEST", {"disabled": False, "admin_channels": ["quiet"]})
        numbers = itertools.count()
        without = latencies(server.urls[1], numbers)
        for _ in range(count):
            stack.enter_context(follow(server.urls[0]))
        beside = latencies(server.urls[1], numbers)
        report("median", statistics.median(beside), statistics.median(without))
        report("99th percentile", percentile(beside), percentile(without), aim=3)


def allow_files(count: int) -> None:
    """Let this process, and those that it starts, open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def follow(url: str) -> socket.socket:
    """A continuous feed that has caught up."""
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname, parts.port))
    sock.sendall(b"GET /bench/_changes?feed=continuous&timeout=0 HTTP/1.1\r\nHost: x\r\n\r\n")
    received = b""
    while not received.endswith(b"\n\r\n") or b"\r\n\r\n" not in received[:-3]:
        data = sock.recv(65536)
        assert data, received
        received += data
    return sock


def latencies(url: str, numbers: itertools.count[int]) -> list[float]:
    """Seconds of each request; a request that is late begins when it should have."""
    seconds: list[float] = []
    begin = time.perf_counter() + 0.1

    def run(client: int) -> None:
        with closing(HTTPConnection(urlsplit(url).netloc)) as connection:
            for turn in range(client, RATE * SECONDS, CLIENTS):
                due = begin + turn / RATE
                time.sleep(max(0.0, due - time.perf_counter()))
                if turn % 2:
                    path = f"/bench/article{next(numbers)}"
                    connection.request("PUT", path, json.dumps(DOCUMENT))
                else:
                    connection.request("GET", "/bench/")
                answer = connection.getresponse()
                answer.read()
                assert answer.status < 300, answer.status
                seconds.append(time.perf_counter() - due)

    threads = [threading.Thread(target=run, args=[client]) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seconds) == RATE * SECONDS
    return seconds


def percentile(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


if __name__ == "__main__":
    feeds(*map(int, sys.argv[1:]))
