"""Stops a process: at once while it waits, otherwise after the current item."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """Raised when a stop has been requested. It is no Exception, so that receivers do not catch
    it."""


class Stop:
    """A request to stop, by SIGTERM or SIGINT. A second signal ends the process."""

    def __init__(self) -> None:
        self.requested = False
        self._is_waiting = False

    @contextmanager
    def listening(self) -> Generator[None, None, None]:
        """Listen to the signals. Only the main thread can; in other threads, nothing happens."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: Any) -> None:
        self.requested = True
        signal.signal(number, signal.SIG_DFL)
        if self._is_waiting:
            raise Stopped

    @contextmanager
    def waiting(self) -> Generator[None, None, None]:
        """Let a request to stop interrupt the block by Stopped. Raise it at once if the request has
        come before."""
        self._is_waiting = True
        try:
            if self.requested:
                raise Stopped
            yield
        finally:
            self._is_waiting = False

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds. Raise Stopped if a stop is requested."""
        with self.waiting():
            time.sleep(seconds)
