"""Repeats reads that have failed, by the same rules as for the gateway."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import requests

from django_cbtools.sync_gateway import deadline
from django_cbtools.sync_gateway.calls.retries import Attempts

from .errors import Error
from .options import Options
from .rows import Rows

logger = logging.getLogger("django_cbtools.query_service")

#: The statuses of a service, or of a proxy in front of it, that is busy: they mean "again later".
BUSY = frozenset((429, 502, 503, 504))


class Failed(Exception):
    """A failed attempt. ``may_repeat`` is true if another attempt does no harm and may succeed."""

    def __init__(
        self, error: Error, may_repeat: bool, response: requests.Response | None = None
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.code = error.code
        self.may_repeat = may_repeat
        self.response = response


def repeated(once: Callable[[], Rows], options: Options, seconds: float) -> Rows:
    """Return the result of ``once``, which is called again after Failed, for at most
    ``seconds``."""
    # Another address may answer at once.
    retrying: Any = options
    attempts = Attempts(retrying, max(options.retries, len(options.urls) - 1))
    with deadline.within(seconds):
        while True:
            try:
                return once()
            except Failed as failed:
                failure = failed
            if not (failure.may_repeat and attempts.again(failure.response)):
                raise failure.error from failure.__cause__
            logger.warning("%s Trying again.", str(failure.error).partition("\n")[0])
