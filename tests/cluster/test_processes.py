"""Threads, forks, and the end of a process that has asked a cluster."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import couchbase.cluster
import pytest
import requests
from couchbase.exceptions import UnAmbiguousTimeoutException

from django_cbtools import cluster
from django_cbtools.cluster import connection
from django_cbtools.exceptions import SyncGatewayUnavailable
from django_cbtools.query import query_view
from tests.cluster import site
from tests.cluster.asking import BY_N, refused, write
from tests.counts import TORTURE
from tests.programs import forked_server, run


def test_threads_share_the_cluster(mock, monkeypatch):
    cluster.deploy("threads", {f"v{number}": BY_N for number in range(16)})
    write({uid: {"n": n} for n, uid in enumerate("abcde")})
    cluster.close()
    made = []
    make = couchbase.cluster.Cluster

    def spy(*arguments):
        made.append(make(*arguments))
        return made[-1]

    monkeypatch.setattr(couchbase.cluster, "Cluster", spy)
    barrier = threading.Barrier(16)

    def ask(number):
        barrier.wait()
        # The mock loses and doubles rows of a view that is asked twice at once, and takes a key
        # of 0 for none.
        return [query_view(f"threads/v{number}", n) for n in range(1, 5)]

    with ThreadPoolExecutor(16) as pool:
        for found in pool.map(ask, range(16)):
            assert found == [["b"], ["c"], ["d"], ["e"]]
    assert len(made) == 1


def test_threads_share_the_wait(cluster_settings, monkeypatch):
    """Where there is no cluster, they do not wait for it one after the other."""
    cluster_settings.COUCHBASE_HOSTS = "127.0.0.1:1"
    attempts = []

    def waiting():
        (made,) = connection._connections.values()
        return len(made._condition._waiters)

    def fail(*arguments):
        attempts.append(arguments)
        while len(attempts) == 1 and waiting() < 15:
            pass
        raise UnAmbiguousTimeoutException(message="no answer")

    monkeypatch.setattr(couchbase.cluster, "Cluster", fail)
    barrier = threading.Barrier(16)

    def ask(number):
        barrier.wait()
        refused(SyncGatewayUnavailable)

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == [None] * 16
    assert len(attempts) == 1
    refused(SyncGatewayUnavailable)
    assert len(attempts) == 2


def test_forks(mock):
    assert run("-m", "tests.cluster.forks", mock.hosts).splitlines() == [
        "parent", "child", "grandchild", "child of a parent that is asking", "worker",
        "parent again", "last child", "last grandchild",
    ]  # fmt: skip


def test_forked_server(mock, tmp_path):
    with forked_server("tests.cluster.wsgi", tmp_path / "log", HOSTS=mock.hosts) as server:
        url = server.address()

        def ask(number):
            answer = requests.get(f"{url}/{number}", timeout=60)
            assert answer.status_code == 200, server.log()
            assert answer.json()["found"] == site.ROWS
            return answer.json()["process"]

        server.ask_both(ask)


PROGRAM = """
import sys
from tests.cluster import site
site.configure(sys.argv[1])
print(site.ask(sys.argv[2]), flush=True)
"""
EXITS_OF_EACH = 4 if TORTURE else 1
EXITS = {
    "at its end": ("", 0),
    "by an exception": ("raise SystemExit(3)", 3),
    "with a thread that goes on": (
        "import contextlib, threading\n"
        "from django_cbtools.exceptions import SyncGatewayUnavailable\n"
        "started = threading.Event()\n"
        "def go_on():\n"
        "    with contextlib.suppress(SyncGatewayUnavailable):\n"
        "        while True:\n"
        "            site.ask(sys.argv[2])\n"
        "            started.set()\n"
        "threading.Thread(target=go_on, daemon=True).start()\n"
        "started.wait()",
        0,
    ),
}


@pytest.mark.parametrize(("more", "status"), EXITS.values(), ids=EXITS)
def test_clean_exit(mock, more, status):
    site.prepare()

    def check(number):
        return run("-c", PROGRAM + more, mock.hosts, str(number), status=status)

    # What goes wrong at the end of a program does so in one of a few times.
    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(check, range(EXITS_OF_EACH))) == {"['a', 'b']\n"}


def test_importing_does_not_import_the_sdk():
    assert run("-c", "import sys, django_cbtools.query; print('couchbase' in sys.modules)") == (
        "False\n"
    )
