"""Workers that are killed: each task is run at least once, and again only where its worker was
killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from random import Random

import pytest

from tests.counts import SEED, TORTURE
from tests.programs import ROOT

pytestmark = pytest.mark.torture

WORKERS, KILLS, TASKS = (4, 30, 1500) if TORTURE else (4, 3, 60)
LONGEST = 0.05


class Workers:
    """Processes of workers, by a program that forks them."""

    def __init__(self, folder):
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.contrib.tasks.settings",
            "DOCUMENTS": str(folder / "documents.sqlite3"),
            "DONE": str(folder / "done"),
        }
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self._program = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "tests.contrib.tasks.forking"],
                cwd=ROOT, env={**os.environ, **environment},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        self.pids = []

    def ask(self, *words):
        self._program.stdin.write(" ".join(map(str, words)) + "\n")
        self._program.stdin.flush()
        said = self._program.stdout.readline()
        assert said, self.log.read_text()
        return int(said)

    def fork(self):
        self.pids.append(self.ask("fork"))

    def end(self, pid, number):
        os.kill(pid, number)
        self.pids.remove(pid)
        return self.ask("wait", pid)

    def close(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
        self._program.communicate()


def runs(folder):
    """What was begun and ended, by task: pairs of a word and a process."""
    found = defaultdict(list)
    path = folder / "done"
    for line in path.read_text().splitlines() if path.exists() else ():
        word, name, pid = line.split()
        found[name].append((word, int(pid)))
    return found


def wait_until(folder, enough):
    while sum(any(word == "end" for word, _ in each) for each in runs(folder).values()) < enough:
        log = (folder / "log").read_text()
        assert "Traceback" not in log, log
        time.sleep(0.02)


def test_killed_workers(tmp_path):
    print(f"seed {SEED}")
    random = Random(SEED)
    workers, killed = Workers(tmp_path), set()
    try:
        assert workers.ask("enqueue", TASKS, LONGEST) == TASKS
        for _ in range(WORKERS):
            workers.fork()
        for number in range(KILLS):
            wait_until(tmp_path, TASKS * (number + 1) // (KILLS + 2))
            time.sleep(random.random() * 2 * LONGEST)
            victim = random.choice(workers.pids)
            killed.add(victim)
            assert workers.end(victim, signal.SIGKILL) == -signal.SIGKILL
            workers.fork()
        wait_until(tmp_path, TASKS)
        statuses = [workers.end(pid, signal.SIGTERM) for pid in list(workers.pids)]
    finally:
        workers.close()
    log = workers.log.read_text()
    assert statuses == [0] * WORKERS, log
    again = 0
    for name, found in runs(tmp_path).items():
        *former, last = [pid for word, pid in found if word == "begin"]
        again += len(former)
        assert killed.issuperset(former), (name, found, killed, log)
        # Whoever was not killed has finished what it has begun, also when it was stopped.
        assert last in killed or ("end", last) in found, (name, found)
    assert again <= KILLS
    print(f"{KILLS} kills, {TASKS} tasks, {again} of them run again")
