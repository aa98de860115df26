"""REST API: the change feed (`_changes`), as a list, a long poll or a continuous feed.

A feed that waits for changes does not occupy a thread: it yields a pause to the server that sends
it. The feed is read again only after a write that can concern its reader.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable
from contextlib import suppress
from enum import Enum
from typing import TypeAlias

from django.core.exceptions import ImproperlyConfigured

from django_cbtools import conf

from ..errors import GatewayError, not_implemented
from ..feed.changes import Entry
from ..feed.following import Follower
from ..http.answers import Answer
from ..http.messages import Call
from ..http.streams import Stream, Waiting, blocking
from . import feed_options
from .feed_options import CONTINUOUS, LONGPOLL, NORMAL

#: How many characters are collected before they are sent.
_PIECE = 1 << 18
_NO_CACHE = "private, max-age=0, no-cache, no-store"

#: The output of a feed: text, pauses, and '' to send everything collected so far.
_Texts: TypeAlias = Generator["str | Waiting", None, None]


class _Sign(Enum):
    """An event of a feed other than an entry."""

    CAUGHT_UP = 0
    HEARTBEAT = 1


def changes(call: Call) -> Answer:
    upto = call.database.sequence
    # The login must come after the sequence is read, see Feed.read().
    call.log_in()
    options = feed_options.read(call)
    headers = {"Content-Type": "application/json", "Cache-Control": _NO_CACHE}
    if options.feed == CONTINUOUS:
        if not call.can_follow:
            raise not_implemented(_NO_THREADS)
        headers["Content-Type"] = "application/octet-stream"
        return Answer(200, headers=headers, stream=_packed(_Follower(call, options, upto).lines()))
    pieces = _packed(_Follower(call, options, upto).results())
    if options.feed != NORMAL:
        return Answer(200, headers=headers, stream=pieces)
    # A normal feed does not wait.
    sent = blocking(pieces)
    first, second = next(sent), next(sent, b"")
    if not second:
        return Answer(200, first, headers)
    return Answer(200, headers=headers, stream=_chained(first, second, rest=sent))


_NO_THREADS = (
    "feed=continuous under a server that answers one request at a time: ask for feed=longpoll, or "
    "serve the site with threads (gunicorn --threads) or by ASGI"
)


def _longest_wait(call: Call) -> float:
    """Return the longest time (in seconds) that a feed may wait, whatever its client asks for."""
    limit = conf.get("SYNC_GATEWAY_OPTIONS").get("longpoll_timeout")
    if limit is None:
        return call.longest_wait
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0:
        raise ImproperlyConfigured(
            f"SYNC_GATEWAY_OPTIONS['longpoll_timeout'] cannot be {limit!r}: it is a number of "
            "seconds."
        )
    return float(limit)


class _Follower:
    """Follows a feed for a client, and writes its entries as text."""

    def __init__(self, call: Call, options: feed_options.Options, upto: int) -> None:
        self.options = options
        self.follower = Follower(call, call.database, options.wish, call.log_in(), upto)
        self.feed = self.follower.feed
        #: The time at which a long poll ends even if there is nothing to send.
        self.end = _after(_longest_wait(call)) if options.feed == LONGPOLL else math.inf
        self.is_over = False

    def results(self) -> _Texts:
        """Yield the feed as one JSON object.

        A normal feed has all changes so far. A long poll ends as soon as there are any changes.
        """
        by_version = self.options.wish.by_version
        yield '{"results":[\r\n'
        if self.options.feed != NORMAL:
            yield ""
        comma = ""
        # If the user was deleted or the database closed, the feed just ends. The client gets the
        # error with the next request.
        with suppress(GatewayError):
            for entry in self._entries():
                if isinstance(entry, Waiting):
                    yield entry
                elif isinstance(entry, Entry):
                    yield f"{comma}{entry.text(by_version=by_version)}\n"
                    comma = ","
                elif entry is _Sign.HEARTBEAT:
                    yield "\n"
                    yield ""
                elif comma or self.options.feed == NORMAL:
                    break
        yield f'],\n"last_seq":"{self.feed.last}"}}\n'

    def lines(self) -> _Texts:
        """Yield the feed as lines of JSON, for as long as the client stays connected."""
        by_version = self.options.wish.by_version
        try:
            for entry in self._entries():
                if isinstance(entry, Waiting):
                    yield entry
                elif isinstance(entry, Entry):
                    yield entry.text(by_version=by_version) + "\n"
                else:
                    yield "\n"
                    yield ""
        except GatewayError as error:
            yield Answer.of_error(error).body.decode()

    def _entries(self) -> Generator[Entry | _Sign | Waiting, None, None]:
        """Yield the feed until its limit is reached, or its timeout passes without changes."""
        heartbeat = self.options.heartbeat
        until = _after(heartbeat or self.options.timeout)
        is_first = True
        while True:
            has_sent = False
            for entry in self.feed.read(self.follower.reader, self.follower.upto):
                has_sent = True
                yield entry
            if self.feed.is_full:
                return
            if is_first or has_sent:
                yield _Sign.CAUGHT_UP
                if is_first and self._looks_twice():
                    yield _Sign.CAUGHT_UP
                until = until if heartbeat else _after(self.options.timeout)
            is_first = False
            while not (yield from self._has_more(until)):
                if not heartbeat or self.is_over:
                    return
                yield _Sign.HEARTBEAT
                until = _after(heartbeat)

    def _looks_twice(self) -> bool:
        """Return whether a real gateway signals twice that it has caught up (13-changes.json, step
        50)."""
        is_continuous = self.options.feed == CONTINUOUS
        follower = self.follower
        return is_continuous and self.feed.was_written_to(follower.reader, follower.upto)

    def _has_more(self, until: float) -> Generator[Waiting, None, bool]:
        """Wait for a write that can concern the client; return False if there is none in time.

        Raises a GatewayError if the user lost access or the database was closed.
        """
        while not self.is_over:
            pause = self.follower.pause(min(until, self.end))
            yield pause
            if self.follower.moved():
                return True
            now = time.monotonic()
            self.is_over = pause.is_over or now >= self.end
            if now >= until:
                break
        return False


def _after(seconds: float) -> float:
    """Return the time (of time.monotonic()) after a number of seconds; 0 means never."""
    return time.monotonic() + seconds if seconds else math.inf


def _packed(texts: Iterable[str | Waiting]) -> Stream:
    """Join texts into larger pieces of bytes. '' and a pause end a piece."""
    gathered: list[str] = []
    size = 0
    for text in texts:
        is_wait = isinstance(text, Waiting)
        if not isinstance(text, Waiting):
            gathered.append(text)
            size += len(text)
        if size >= _PIECE or (size and (is_wait or not text)):
            yield "".join(gathered).encode()
            gathered, size = [], 0
        if isinstance(text, Waiting):
            yield text
    if size:
        yield "".join(gathered).encode()


def _chained(*pieces: bytes, rest: Iterable[bytes]) -> Stream:
    yield from pieces
    yield from rest
