"""REST: the change feed."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from enum import Enum

from ..errors import GatewayError
from ..feed.changes import Entry, Feed
from ..feed.waiting import Writes
from ..http.messages import Answer, Call
from . import feed_options
from .feed_options import CONTINUOUS, NORMAL

#: How many characters are gathered before they are sent.
_PIECE = 1 << 18
_NO_CACHE = "private, max-age=0, no-cache, no-store"


class _Sign(Enum):
    """What a feed says between its entries."""

    CAUGHT_UP = 0
    HEARTBEAT = 1


def changes(call: Call) -> Answer:
    writes = Writes(call.database)
    upto = call.database.sequence
    # After that, see Feed.read().
    call.log_in()
    options = feed_options.read(call)
    follower = _Follower(call, options, writes, upto)
    headers = {"Content-Type": "application/json", "Cache-Control": _NO_CACHE}
    if options.feed == CONTINUOUS:
        headers["Content-Type"] = "application/octet-stream"
        return Answer(200, headers=headers, stream=_packed(follower.lines()))
    pieces = _packed(follower.results())
    if options.feed != NORMAL:
        return Answer(200, headers=headers, stream=pieces)
    first, second = next(pieces), next(pieces, b"")
    if not second:
        return Answer(200, first, headers)
    return Answer(200, headers=headers, stream=_chained(first, second, rest=pieces))


class _Follower:
    """A client on his way through a feed."""

    def __init__(
        self, call: Call, options: feed_options.Options, writes: Writes, upto: int
    ) -> None:
        self.call = call
        self.options = options
        self.writes = writes
        self.upto = upto
        self.reader = call.log_in()
        self.feed = Feed(call.database, options.wish)

    def results(self) -> Iterator[str]:
        """The feed as one JSON object: all that there is, or as soon as there is anything.

        '' is where the client should get what there is.
        """
        by_version = self.options.wish.by_version
        yield '{"results":[\r\n'
        if self.options.feed != NORMAL:
            yield ""
        comma = ""
        # Where the user is gone, or the database closed: he is told so when he asks again.
        with suppress(GatewayError):
            for entry in self._entries():
                if isinstance(entry, Entry):
                    yield f"{comma}{entry.text(by_version=by_version)}\n"
                    comma = ","
                elif entry is _Sign.HEARTBEAT:
                    yield "\n"
                    yield ""
                elif comma or self.options.feed == NORMAL:
                    break
        yield f'],\n"last_seq":"{self.feed.last}"}}\n'

    def lines(self) -> Iterator[str]:
        """The feed as lines of JSON, '' as above, for as long as the client stays."""
        by_version = self.options.wish.by_version
        try:
            for entry in self._entries():
                if isinstance(entry, Entry):
                    yield entry.text(by_version=by_version) + "\n"
                else:
                    yield "\n"
                    yield ""
        except GatewayError as error:
            yield Answer.of_error(error).body.decode()

    def _entries(self) -> Iterator[Entry | _Sign]:
        """The feed until it is full, or nothing has happened for too long."""
        heartbeat = self.options.heartbeat
        until = _after(heartbeat or self.options.timeout)
        is_first = True
        while True:
            has_sent = False
            for entry in self.feed.read(self.reader, self.upto):
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
            while not self._has_more(until):
                if not heartbeat or self.call.is_gone():
                    return
                yield _Sign.HEARTBEAT
                until = _after(heartbeat)

    def _looks_twice(self) -> bool:
        """Whether a real gateway says twice that it has caught up (13-changes.json, step 50)."""
        is_continuous = self.options.feed == CONTINUOUS
        return is_continuous and self.feed.was_written_to(self.reader, self.upto)

    def _has_more(self, until: float) -> bool:
        """Wait for a write that can concern the client; False where there is none in time.

        Raises a GatewayError where he may read no more, or the database is closed.
        """
        while self.writes.wait(until, self.call.is_gone):
            before = self.upto, self.reader
            self.upto = self.call.database.sequence
            self.reader = self.reader.again()
            if (self.upto, self.reader) != before:
                return True
        return False


def _after(seconds: float) -> float:
    """The time (of time.monotonic()) in so many seconds; 0: never."""
    return time.monotonic() + seconds if seconds else math.inf


def _packed(texts: Iterable[str]) -> Generator[bytes, None, None]:
    """Texts in larger pieces; '' ends one."""
    gathered: list[str] = []
    size = 0
    for text in texts:
        gathered.append(text)
        size += len(text)
        if size >= _PIECE or (size and not text):
            yield "".join(gathered).encode()
            gathered, size = [], 0
    if size:
        yield "".join(gathered).encode()


def _chained(*pieces: bytes, rest: Iterable[bytes]) -> Generator[bytes, None, None]:
    yield from pieces
    yield from rest
