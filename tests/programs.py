"""Programs in processes of their own: they are run to their end, and one that hangs fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: A program that runs commands of a manage.py one after the other. It starts sooner than a process
#: for each of them.
MANAGE = """
import shlex, sys
from manage import main

for command in sys.argv[1:]:
    sys.argv = ["manage.py", *shlex.split(command)]
    main()
"""
#: Seconds after which a program hangs.
GUARD = 60


def run(*arguments: str, status: int = 0, **environment: str) -> str:
    """Run a Python program: its output. It may not write to standard error."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        timeout=GUARD,
        capture_output=True,
        text=True,
    )
    # Python 3.12 and newer warn of what is tried here: to fork where there are threads.
    errors = re.sub(
        r".*DeprecationWarning: This process .* is multi-threaded.*\n.*\n", "", done.stderr
    )
    assert (done.returncode, errors) == (status, ""), done.stdout + errors
    return done.stdout


def fork(work: Callable[[str], None], *who: str) -> None:
    """A child that does its work, with a child of its own that does; nobody: one that does not."""
    pid = os.fork()
    if pid == 0:
        if who:
            work(who[0])
            if who[1:]:
                fork(work, *who[1:])
        sys.exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


class ForkedServer:
    """A site in two workers, forked from a process that has loaded it: ``gunicorn --preload``."""

    def __init__(self, site: str, log: Path, **environment: str) -> None:
        self._log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2",
                 "--bind", "127.0.0.1:0", site],
                cwd=ROOT, env={**os.environ, **environment},
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    def log(self) -> str:
        return self._log.read_text()

    def address(self) -> str:
        """Where it listens, once both workers are there."""
        while self._process.poll() is None:
            found = re.search(r"Listening at: (http://\S+)", self.log())
            if found and self.log().count("Booting worker") == 2:
                return found[1]
            time.sleep(0.05)
        raise AssertionError(self.log())

    def ask_both(self, ask: Callable[[str], int]) -> None:
        """Ask, eight times at once, until both workers have answered.

        ``ask`` is given a new text each time, and returns the process that has answered.
        """
        workers: set[int] = set()
        with ThreadPoolExecutor(8) as pool:
            number = 0
            while len(workers) < 2:
                workers.update(pool.map(ask, map(str, range(number, number + 8))))
                number += 8
        assert self._process.pid not in workers

    def end(self) -> None:
        """Ask it to end: it does, with its workers, and has had no errors."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(timeout=GUARD) == 0
        assert "Traceback" not in self.log()
        assert "SIGKILL" not in self.log()  # which is for workers that hang

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def forked_server(site: str, log: Path, **environment: str) -> Iterator[ForkedServer]:
    server = ForkedServer(site, log, **environment)
    try:
        yield server
        server.end()
    finally:
        server.kill()
