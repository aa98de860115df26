"""The replications that are stored with a database, and the processes that run them."""

from __future__ import annotations

import time

import pytest

from django_cbtools.embedded.databases import replications
from django_cbtools.embedded.server.pools import Pools
from django_cbtools.embedded.server.replicators.manager import Manager

from .sides import PASSWORD, Side

#: How long (seconds) a test waits for what must come.
PATIENCE = 30


def _until(condition):
    until = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    assert condition()


@pytest.fixture
def manager(http_gateway):
    """Functions that end the process's manager, and that start another one."""
    http_gateway._manager.stop()
    pools, started = Pools(), []

    def start():
        started.append(Manager("default", pools))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        if one._thread.is_alive():
            one.stop()
    pools.close()
    http_gateway._manager = Manager("default", http_gateway._pools)
    http_gateway._manager.start()


@pytest.fixture
def config(pair):
    return {
        "remote": f"{pair.url}/theirs", "remote_username": "rep", "remote_password": PASSWORD,
        "direction": "pushAndPull", "continuous": True,
    }  # fmt: skip


def _status(id="r"):
    return Side("test_documents").ask("GET", f"/_replicationStatus/{id}")


def test_it_comes_back_with_the_process(pair, manager, config):
    pair.ours.ask("PUT", "/_replication/r", config, status=201)
    assert _status()["status"] == "unassigned"
    first = manager()
    pair.theirs.put("t1")
    _until(lambda: "t1" in pair.ours.documents())
    assert _status()["status"] == "running"
    first.stop()
    assert _status()["status"] == "unassigned"
    pair.theirs.put("t2")
    pair.ours.put("o")
    manager()
    _until(lambda: {"t2", "o"} <= pair.ours.documents().keys() & pair.theirs.documents().keys())
    # What has been replicated before is not looked at again.
    _until(lambda: _status()["docs_checked_pull"] == 3)
    assert _status()["docs_read"] == 2
    assert _status()["status"] == "running"


def test_one_of_several_processes_runs_it(pair, manager, config, monkeypatch):
    monkeypatch.setattr(replications, "SILENCE", 0.5)
    monkeypatch.setattr("django_cbtools.embedded.server.replicators.stored.BEAT", 0.1)
    pair.ours.ask("PUT", "/_replication/r", config, status=201)
    first = manager()
    _until(lambda: first._running)
    second = manager()
    time.sleep(0.3)
    assert not second._running
    first._stored.leave = lambda: None  # as if it were killed
    first.stop()
    _until(lambda: second._running)
    pair.theirs.put("t")
    _until(lambda: "t" in pair.ours.documents())


def test_one_that_is_deleted_forgets_its_checkpoint(pair, manager, config):
    running = manager()
    pair.theirs.put("t")
    once = {**config, "continuous": False, "direction": "pull"}
    for _ in range(2):
        pair.ours.ask("PUT", "/_replication/r", once, status=201)
        _until(lambda: _status().get("docs_checked_pull") == 1)
        _until(lambda: _status()["status"] == "stopped")
        pair.ours.ask("DELETE", "/_replication/r")
        _until(lambda: not running._known)


def test_a_database_that_is_offline_or_gone(pair, manager, config):
    running = manager()
    pair.ours.ask("PUT", "/_replication/r", config, status=201)
    _until(lambda: _status()["status"] == "running")
    pair.ours.ask("POST", "/_offline")
    _until(lambda: not running._running)
    pair.ours.ask("POST", "/_online", {})
    _until(lambda: _status()["status"] == "running")
    pair.theirs.ask("DELETE", "/")
    pair.ours.put("o")
    _until(lambda: _status()["status"] == "reconnecting")
    assert PASSWORD not in str(_status())
