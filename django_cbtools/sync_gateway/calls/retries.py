"""Retries: how often, and after which pauses, by the rules of urllib3."""

from __future__ import annotations

import time
from contextlib import suppress

import requests
from urllib3.exceptions import InvalidHeader, MaxRetryError
from urllib3.util import Retry

from ..deadline import remaining
from ..options import Options

_MOST_SECONDS = 5.0


class Attempts:
    """The attempts of one call. If ``total`` is None, only the deadline limits them."""

    def __init__(self, options: Options, total: int | None) -> None:
        self._options, self._total = options, total
        self._retry: Retry | None = None  # most things need no second attempt
        #: The number of pauses so far.
        self.made = 0
        #: True if the deadline leaves no time for another attempt.
        self.out_of_time = False

    def again(self, response: requests.Response | None = None) -> bool:
        """Pause before another attempt, and return True. Return False at once if there is none
        left.

        ``response`` is a response that may tell how long to wait (Retry-After).
        """
        try:
            self._retry = (self._retry or self._first()).increment("GET")
        except MaxRetryError:
            return False
        pause = self._retry.get_backoff_time()
        after = response.headers.get("Retry-After") if response is not None else None
        if after:
            with suppress(InvalidHeader):
                pause = self._retry.parse_retry_after(after)
        if pause >= remaining():
            self.out_of_time = True
            return False
        time.sleep(pause)
        self.made += 1
        return True

    def _first(self) -> Retry:
        backoff = self._options.backoff
        return Retry(
            total=self._total,
            backoff_factor=backoff,
            backoff_jitter=backoff,
            backoff_max=_MOST_SECONDS,
        )
