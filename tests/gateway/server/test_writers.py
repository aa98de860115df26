"""Many threads of several processes write into one SQLite file at once, and follow its changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.counts import TORTURE
from tests.gateway.fuzz import store
from tests.gateway.fuzz.process import ROOT

pytestmark = pytest.mark.torture

PROCESSES = 4 if TORTURE else 2
THREADS = 16 if TORTURE else 6
ROUNDS = 20 if TORTURE else 2


def _start(file, name):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.gateway.fuzz.writer",
         str(file), name, str(THREADS), str(ROUNDS)],
        cwd=ROOT, env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _tell_all(processes):
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.stdout.readline() for process in processes]


def test_threads_and_processes_write_at_once(tmp_path):
    file = tmp_path / "documents.sqlite3"
    processes = [_start(file, f"p{number}") for number in range(PROCESSES)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * PROCESSES
    assert _tell_all(processes) == ["written\n"] * PROCESSES
    writers = [writer for line in _tell_all(processes) for writer in json.loads(line)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert len(writers) == PROCESSES * THREADS

    # Nobody was refused anything: 409 apart, on which a counter is tried again.
    assert sum((Counter(writer["statuses"]) for writer in writers), Counter()) == Counter()
    rows = store.rows(file, "SELECT uid, rev, deleted, body, sequence FROM cbtools_documents")
    stored = {uid: (rev, deleted) for uid, rev, deleted, _, _ in rows}
    counted = sum((Counter(writer["counts"]) for writer in writers), Counter())
    assert sum(counted.values()) == PROCESSES * THREADS * ROUNDS
    bodies = {uid: json.loads(body) for uid, _, _, body, _ in rows}
    assert {uid: bodies[uid]["n"] for uid in counted} == counted
    assert {uid: int(stored[uid][0].partition("-")[0]) for uid in counted} == counted

    revs = {uid: rev for writer in writers for uid, rev in writer["revs"].items()}
    assert len(revs) == PROCESSES * THREADS * ROUNDS * 3
    assert stored.keys() == revs.keys() | counted.keys()
    assert {uid for uid, (_, deleted) in stored.items() if deleted} == {
        uid for uid, rev in revs.items() if not rev
    }
    assert {uid: stored[uid][0] for uid, rev in revs.items() if rev} == {
        uid: rev for uid, rev in revs.items() if rev
    }
    # Whoever follows the changes has seen each document at its last revision.
    feed = {uid: [rev, bool(deleted)] for uid, (rev, deleted) in stored.items()}
    for writer in writers:
        assert {uid: row for uid, row in writer["feed"].items() if row[0]} == feed
    store.check(file)
