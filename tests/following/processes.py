"""A gateway and a follower in processes of their own, which may be killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Process:
    """``manage.py`` with arguments; what it says goes to ``log``."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "django", *arguments],
                cwd=ROOT,
                env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.following.settings",
                     **environment},
                stdout=output,
                stderr=output,
            )  # fmt: skip

    def wait_until(self, ask: Callable[[], Any]) -> None:
        while not ask():
            assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.02)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end: the exit status."""
        self._process.send_signal(number)
        return self._process.wait()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class GatewayProcess(Process):
    def __init__(self, folder: Path, port: int, admin_port: int) -> None:
        ports = [f"--port={port}", f"--admin-port={admin_port}"]
        super().__init__(
            folder / "gateway.log", "run_sync_gateway", *ports,
            DOCUMENTS=str(folder / "documents.sqlite3"),
        )  # fmt: skip
        self.port = port
        self.wait_until(self._is_listening)

    def _is_listening(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0


class FollowerProcess(Process):
    """It notes what it handles in ``folder / "handled"``."""

    def __init__(self, folder: Path, url: str, *arguments: str) -> None:
        self._health = folder / "health.json"
        self._health.unlink(missing_ok=True)
        super().__init__(
            folder / "follower.log", "follow_sg_changes", f"--health-file={self._health}",
            *arguments, SYNC_GATEWAY_URL=url, HANDLED=str(folder / "handled"),
        )  # fmt: skip

    def health(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._health.read_text())
        except FileNotFoundError:
            return {"state": None}
        return found
