"""Processes that fork, and threads: connections are their own, and so are answers."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests

from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import PUBLIC, loads, request
from tests.counts import TORTURE
from tests.sync_gateway.scripted import HTTP, reply, save_answer, use
from tests.testapp.models import CBArticle

ROOT = Path(__file__).parents[2]
THREADS = 16
#: How often each thread asks.
TIMES = 20 if TORTURE else 4


def with_tls(scheme):
    """With TLS, or without; with both where TORTURE=1 is set."""
    return pytest.mark.parametrize("tls", ["http", "https"] if TORTURE else [scheme], indirect=True)


@pytest.fixture
def tls(request, ca, monkeypatch):
    """The server's TLS, None where it has none; the programs trust it."""
    monkeypatch.setenv("TRUSTED", "")
    if request.param == "http":
        return None
    monkeypatch.setenv("TRUSTED", ca.file)
    return ca.server()


def name_of(request):
    """The document that a request is about."""
    if request.place == "_all_docs":
        return request.json["keys"][0]
    if request.place == "_bulk_get":
        return request.json["docs"][0]["id"]
    return unquote(request.place)


def users(server, who):
    """By connection, who has used it."""
    found = defaultdict(set)
    for peer, asked in zip(server.peers, server.seen, strict=True):
        found[peer].add(who(name_of(asked)))
    return found


@with_tls("https")
def test_forks(tls, monkeypatch):
    waiting, been = threading.Event(), threading.Event()

    def answer(request):
        name = name_of(request)
        if name == "parent's thread" and not been.is_set():
            waiting.set()
            been.wait()
        if name == "child of one who waits":
            been.set()
        return save_answer(request)

    with HTTP(answer, tls) as server:
        monkeypatch.setenv("GATEWAY", server.url)
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning",
             "-m", "tests.sync_gateway.forks.program"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        # One that hangs is what the guard is for.
        guard = threading.Timer(60, os.killpg, [process.pid, signal.SIGKILL])
        guard.start()
        with process:
            threading.Thread(target=_go_on, args=[process, waiting]).start()
            output = process.stdout.read().splitlines()
            waiting.set()  # where it has failed
            been.set()
        guard.cancel()
        assert process.returncode == 0, output
    assert output[:4] == ["parent", "child", "grandchild", "go on"]
    assert set(output[4:6]) == {"child of one who waits", "parent's thread"}
    assert output[6:] == ["child of locks", "grandchild of locks", "worker", "parent again"]
    processes = users(server, lambda name: "parent" if name.startswith("parent") else name)
    assert all(len(names) == 1 for names in processes.values()), processes
    counts = Counter(name for names in processes.values() for name in names)
    # The thread may have taken the connection that there was.
    assert counts.pop("parent") == 1
    assert set(counts.values()) == {1}
    assert len(counts) == 6


def _go_on(process, waiting):
    waiting.wait()
    if process.poll() is None:
        process.stdin.write("go on\n")
        process.stdin.flush()


@with_tls("http")
def test_forked_server(tls, tmp_path, monkeypatch):
    """Two workers, of a process that has asked the gateway already."""
    log = tmp_path / "log"
    with HTTP(save_answer, tls) as server, log.open("w") as output:
        monkeypatch.setenv("GATEWAY", server.url)
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--threads", "2",
             "--bind", "127.0.0.1:0", "tests.sync_gateway.forks.wsgi"],
            cwd=ROOT, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        try:
            workers = _ask_workers(process, log)
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    assert "Traceback" not in log.read_text()
    processes = users(server, lambda name: int(name.partition(" ")[0]))
    assert all(len(found) == 1 for found in processes.values()), processes
    counts = Counter(number for found in processes.values() for number in found)
    assert set(counts) == workers | {process.pid}
    # Connections are kept: there is one for each thread at most.
    assert counts[process.pid] == 1
    assert all(counts[worker] <= 2 for worker in workers)


def _ask_workers(process, log):
    """Ask until both have answered; their numbers."""
    while not (
        (found := re.search(r"Listening at: (http://\S+)", log.read_text()))
        and log.read_text().count("Booting worker") == 2
    ):
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)

    def ask(text):
        answer = requests.get(f"{found[1]}/{text}", timeout=60)
        assert answer.status_code == 200, log.read_text()
        return answer.json()["process"]

    workers = set()
    with ThreadPoolExecutor(8) as pool:
        while len(workers) < 2:
            workers.update(pool.map(ask, map(str, range(8))))
    return workers


# --------------------------------------------------------------------- threads


def in_threads(work):
    """Do work in 16 threads at once; each is given its number."""
    barrier = threading.Barrier(THREADS)

    def start(number):
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(start, range(THREADS)))


@pytest.mark.parametrize("pool_size", [1, 4, THREADS])
def test_threads_get_their_own_answers(pool_size, settings):
    """Each answer sets a cookie of its own, too; answers are early and late."""
    numbers = itertools.count()

    def answer(request):
        if next(numbers) % 10 == 0:
            return None
        chance = random.random()
        time.sleep(chance / 200)
        data = save_answer(request)
        if chance > 0.9:
            return [data[:20], data[20:]]
        cookie = f"\r\nSet-Cookie: c{random.randrange(1000)}=1\r\n".encode()
        return data.replace(b"\r\n", cookie, 1)

    def work(number):
        for count in range(TIMES):
            name = f"{number}-{count}"
            assert loads(request(PUBLIC, "GET", name))["name"] == name
            (row,) = SyncGateway.all_docs([name])["rows"]
            assert row["id"] == name

    with HTTP(answer) as server:
        use(settings, server.url, pool_size=pool_size, retries=100)
        in_threads(work)
    assert len(server.seen) > THREADS * TIMES * 2


def test_late_answers_are_nobodys(settings):
    """Who has given up waiting does not leave his answer to the next one."""

    numbers = itertools.count()

    def answer(request):
        if next(numbers) % 10 == 0:
            time.sleep(0.15)
        return save_answer(request)

    def work(number):
        for count in range(TIMES):
            name = f"{number}-{count}"
            assert loads(request(PUBLIC, "GET", name))["name"] == name

    with HTTP(answer) as server:
        use(settings, server.url, timeout=(30, 0.1), retries=1000, deadline=3600)
        in_threads(work)
    assert len(server.seen) > THREADS * TIMES


def test_threads_write(gateway_by_http, settings):
    settings.SYNC_GATEWAY_OPTIONS = {"pool_size": 4}

    def work(number):
        for count in range(TIMES):
            article = CBArticle(uid=f"t{number}-{count}", title=f"{number}", channels=["a"])
            article.save()
            article.title = f"{number}/{count}"
            article.save()
            assert CBArticle(article.uid).title == f"{number}/{count}"
            assert article.rev.startswith("2-")

    in_threads(work)
    rows = SyncGateway.all_docs(None, really_all=True)["rows"]
    assert {row["id"]: row["doc"]["title"] for row in rows} == {
        f"t{number}-{count}": f"{number}/{count}"
        for number in range(THREADS)
        for count in range(TIMES)
    }


def test_connections_are_kept(settings):
    """As many as there are threads, if the pool is large enough; one for who is alone."""
    with HTTP(save_answer) as server:
        use(settings, server.url)
        for number in range(20):
            SyncGateway.save_json(f"d{number}", {})
        assert len(server.accepted) == 1
        use(settings, server.url, pool_size=THREADS)
        in_threads(lambda number: [SyncGateway.all_docs([str(number)]) for _ in range(10)])
        assert len(server.accepted) <= 1 + THREADS


def test_one_session_for_all_threads(settings):
    """Even where all of them are the first to ask."""
    cookie = reply({"_id": "a"}, Set_Cookie="lb=1; Path=/")
    with HTTP(lambda request: cookie) as server:
        use(settings, server.url, pool_size=THREADS)
        in_threads(lambda number: loads(request(PUBLIC, "GET", "a")))
        in_threads(lambda number: loads(request(PUBLIC, "GET", "a")))
    assert set(server.headers("Cookie")[THREADS:]) == {"lb=1"}
    assert len(server.accepted) <= THREADS


def test_restarted_gateway(settings):
    """Connections that it has closed meanwhile are no error, for reads nor for writes."""
    with HTTP(save_answer) as server:
        use(settings, server.url, retries=0)
        for call in (
            lambda: SyncGateway.all_docs(["a"]),
            lambda: SyncGateway.save_json("a", {}),
            lambda: SyncGateway.delete_document("a", "1-a"),
        ):
            call()
            server.hang_up()
            call()
    assert len(server.accepted) == 4
