"""Retries, with pauses, while the gateway is unavailable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connections

from django_cbtools.exceptions import SyncGatewayException

from .stopping import Stop

T = TypeVar("T")

#: Seconds between two attempts while the gateway is down; these double, up to the last.
DOWN, LONGEST_DOWN = 1.0, 30.0


class Patience:
    """Tries again what fails since the gateway is down, for as long as nobody asks to stop.

    ``tell`` is called before each pause, with the error and the seconds.
    """

    def __init__(self, stop: Stop, tell: Callable[[SyncGatewayException, float], None]) -> None:
        self._stop, self._tell = stop, tell

    def persist(
        self,
        work: Callable[[], T],
        is_down: Callable[[SyncGatewayException], bool],
        progress: Callable[[], Any] = lambda: None,
    ) -> T:
        """Do it, and return what it returns. Raises what does not mean that the gateway is down,
        and Stopped. Pauses are short again where there was ``progress``."""
        pause = DOWN
        while True:
            before = progress()
            try:
                return work()
            except SyncGatewayException as error:
                if not is_down(error):
                    raise
                pause = DOWN if progress() != before else pause
                self._tell(error, pause)
            self._stop.sleep(pause)
            pause = min(pause * 2, LONGEST_DOWN)


def close_old_connections() -> None:
    """As Django does around requests; not within a transaction, which is the caller's."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
