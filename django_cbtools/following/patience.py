"""Retries, with pauses, while the gateway is unavailable."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connections

from django_cbtools.exceptions import SyncGatewayException, SyncGatewayUnavailable

from .health import Report
from .stopping import Stop, Stopped

T = TypeVar("T")

#: The first pause, in seconds, while the gateway is down, and the longest. Pauses double.
DOWN, LONGEST_DOWN = 1.0, 30.0


class Patience:
    """Repeats work while the gateway is down, until a stop is requested.

    ``tell`` is called before each pause, with the error and the seconds. Errors of the classes
    ``final`` never mean that the gateway is down.
    """

    def __init__(
        self,
        stop: Stop,
        tell: Callable[[SyncGatewayException, float], None],
        final: tuple[type[SyncGatewayException], ...] = (),
    ) -> None:
        self._stop, self._tell, self._final = stop, tell, final
        #: True if the gateway has answered before. Then any error may mean that it is down: a
        #: gateway that restarts may answer anything.
        self.has_worked = False

    def persist(
        self,
        work: Callable[[], T],
        progress: Callable[[], Any] = lambda: None,
        *,
        once: bool = False,
    ) -> T:
        """Return the result of ``work()``, which is called until it succeeds; with ``once``, one
        time.

        Raises Stopped, and errors that do not mean that the gateway is down. Pauses are short again
        after ``progress()`` has changed.
        """
        pause = DOWN
        while True:
            before = progress()
            try:
                return work()
            except SyncGatewayException as error:
                if once or not self._is_down(error):
                    raise
                pause = DOWN if progress() != before else pause
                self._tell(error, pause)
            self._stop.sleep(pause)
            pause = min(pause * 2, LONGEST_DOWN)

    def _is_down(self, error: SyncGatewayException) -> bool:
        if isinstance(error, self._final):
            return False
        return self.has_worked or isinstance(error, SyncGatewayUnavailable)


@contextmanager
def reported(health: Report, say: Callable[[str], None]) -> Generator[None, None, None]:
    """Run the block and report its states: "starting", and "stopped" at its end. Stopped ends it
    quietly. Any other error is recorded in ``health`` and raised."""
    say("starting")
    try:
        yield
    except Stopped:
        pass
    except Exception as error:
        health.error = str(error)
        raise
    finally:
        say("stopped")


def close_old_connections() -> None:
    """Close old connections as Django does around requests, except those in a caller's
    transaction."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
