"""Reads the feed of changes, response by response."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from django_cbtools.exceptions import SyncGatewayUnavailable

from .. import deadline, keyspaces
from ..calls.client import PUBLIC, request
from .change import Change

logger = logging.getLogger(__name__)

NORMAL, LONGPOLL, CONTINUOUS = "normal", "longpoll", "continuous"


class Feed:
    """A changes feed, read by one request after another. ``since`` is the position that has been
    reached."""

    def __init__(self, since: Any, feed: str, limit: int, timeout: float | None, **asked: Any):
        from ..transport import transport

        # The feed is read later, perhaps by another thread.
        self._acting = partial(transport.acting_as, transport.login())
        self._inside = partial(keyspaces.inside, keyspaces.current())
        self.since = str(since or "0")
        self.feed = feed
        self.is_over = False
        self.longest_wait = math.inf
        #: True if a response may wait for changes.
        self.waits = feed != NORMAL
        self._left: float = limit or math.inf
        self._asked = asked
        self._timeout = math.inf if timeout is None else timeout
        self._until = time.monotonic() + self._timeout

    def answer(self) -> Iterator[Change]:
        """Yield the rows of the next response. If it breaks off, it is requested again from that
        position.

        Raises SyncGatewayUnavailable if that does not help, and the errors of :func:`request`.
        """
        from ..calls.retries import Attempts
        from ..transport.transport import transport
        from .streaming import rows

        options = transport().options
        attempts = Attempts(options, options.retries)
        found = 0
        while True:
            before = self.since
            query = self._query(options.timeout[1])
            with self._acting(), self._inside():
                response = request(PUBLIC, *self._method(), **self._sent(query), stream=True)
            members: dict[str, Any] = {}
            count = 0
            try:
                for row in rows(response, options.max_bytes, members):
                    count += 1
                    self.since = row.seq
                    if not row.uid.startswith("_"):  # those are the gateway's own
                        found += 1
                        self._left -= 1
                        yield row
            except SyncGatewayUnavailable as error:
                if self._left == 0:  # all that was wanted is there
                    self.is_over = True
                    return
                if self.since != before:
                    attempts = Attempts(options, options.retries)
                if not attempts.again():
                    raise
                logger.warning("%s Going on from %s.", error, self.since)
                continue
            self.since = str(members.get("last_seq") or self.since)
            self._decide(found, is_cut=count == query.get("limit"))
            return

    def _decide(self, found: int, is_cut: bool) -> None:
        """Set ``is_over`` if this answer was the last one.

        ``found`` is the number of changes in the answer. ``is_cut`` is true if its limit has cut
        it. Raise SyncGatewayUnavailable if the feed is not over when the deadline passes.
        """
        now = time.monotonic()
        if self._left == 0:
            self.is_over = True
        elif self.feed == NORMAL:
            self.is_over = not is_cut
        elif self.feed == LONGPOLL:
            self.is_over = found > 0 or now >= self._until
        elif found:
            self._until = now + self._timeout
        else:
            self.is_over = now >= self._until
        if not self.is_over and deadline.remaining() == 0:
            raise SyncGatewayUnavailable("There were no changes before the deadline passed.")

    def _query(self, read_timeout: float) -> dict[str, Any]:
        query: dict[str, Any] = {"since": self.since, **self._asked}
        if self._left != math.inf:
            query["limit"] = self._left
        if self.waits:
            # The gateway has to respond before the connection counts as broken.
            wait = min(
                read_timeout * 2 / 3,
                self.longest_wait,
                self._until - time.monotonic(),
                deadline.remaining(),
            )
            # For a gateway, 0 means for ever.
            query |= {"feed": LONGPOLL, "timeout": max(int(wait * 1000), 1)}
        return query

    def _method(self) -> tuple[str, str]:
        # Lists may be too long for a URL. But only GET accepts ``revocations``.
        return "POST" if "filter" in self._asked else "GET", "_changes"

    def _sent(self, query: dict[str, Any]) -> dict[str, Any]:
        if "filter" in query:
            return {"body": query}
        return {"query": {name: _text(value) for name, value in query.items()}}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
