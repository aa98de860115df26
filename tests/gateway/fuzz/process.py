"""A server in a process of its own, as its parent sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.settings",
    # Else each thread has a pool of memory of its own, and large bodies stay in them: what leaks
    # could not be told from that.
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}


class ServerProcess:
    """A running ``tests.gateway.fuzz.server``, or a ``module`` like it.

    ``urls`` are the addresses of its ports.
    """

    def __init__(
        self, file: Path, *options: str, module: str = "tests.gateway.fuzz.server"
    ) -> None:
        self._log = file.with_name("server.log").open("a+b")
        self._log.seek(0, os.SEEK_END)
        self._start = self._log.tell()
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", module, str(file), *options],
            cwd=ROOT,
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._in, self._out = self._process.stdin, self._process.stdout
        self.urls = self._out.readline().split()
        assert self.urls, self.log()

    def memory(self) -> int:
        """What the process takes, in bytes."""
        self._in.write("\n")
        self._in.flush()
        return int(self._out.readline())

    @property
    def pid(self) -> int:
        return self._process.pid

    def log(self) -> str:
        """What the server has written to standard error."""
        self._log.flush()
        return os.pread(self._log.fileno(), 1 << 20, self._start).decode()

    def kill(self, number: int = signal.SIGKILL) -> None:
        self._process.send_signal(number)
        self._close()

    def stop(self) -> int:
        """End it in good order; its exit status."""
        self._in.close()
        return self._close()

    def stacks(self) -> str:
        """What the threads of a server that hangs are doing; it is killed then."""
        self._process.send_signal(signal.SIGUSR1)
        self.kill_soon()
        return self.log()

    def kill_soon(self) -> None:
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self.kill()

    def _close(self) -> int:
        status = self._process.wait()
        self._in.close()
        self._out.close()
        return status

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *args: object) -> None:
        if self._process.poll() is None:
            self.kill()
        self._close()
        self._log.close()
