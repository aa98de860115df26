"""The progress of a replication, and the signals by which its steps wait for each other."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ...http.streams import Waiting


class Refusal(NamedTuple):
    """A revision that could not be replicated."""

    uid: str
    rev: str
    status: int
    reason: str


@dataclass
class Counts:
    """The numbers of a replication, in one direction."""

    checked: int = 0
    documents: int = 0
    attachments: int = 0
    removed: int = 0
    resolved: int = 0
    #: Revisions that were refused: all, those in conflict, and those that were not allowed.
    refused: int = 0
    conflicts: int = 0
    rejected: int = 0


class Progress:
    """The sequences of a feed that are to be replicated, in the order of the feed."""

    def __init__(self) -> None:
        self._expected: deque[str] = deque()
        self._settled: set[str] = set()
        #: The last sequence before which all is settled, None before the first one.
        self.last: str | None = None

    @property
    def is_settled(self) -> bool:
        return not self._expected

    def expect(self, sequences: Iterable[str]) -> None:
        self._expected.extend(sequences)

    def settle(self, sequence: str) -> None:
        self._settled.add(sequence)
        while self._expected and self._expected[0] in self._settled:
            self.last = self._expected.popleft()
            self._settled.discard(self.last)


class Signal:
    """Wakes the steps that wait for something that has come true."""

    def __init__(self) -> None:
        self.waiting: set[Moment] = set()

    def set(self) -> None:
        for moment in list(self.waiting):
            if moment.has_come():
                moment.wake()


class Moment(Waiting):
    """A pause until a condition holds, or until some seconds are over."""

    def __init__(
        self, signal: Signal, has_come: Callable[[], bool], seconds: float = math.inf
    ) -> None:
        self.has_come = has_come
        self.wake: Callable[[], None] = lambda: None
        self.until = time.monotonic() + seconds
        self._signal = signal

    def begin(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self._signal.waiting.add(self)
        if self.has_come():
            wake()

    def end(self) -> None:
        self._signal.waiting.discard(self)
