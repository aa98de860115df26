"""The session of the active side: its collections, its progress, and its errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ...database import Database
from ...errors import GatewayError, bad_request
from ...http.messages import Call
from ..messages import Message
from ..session import Place, Profile, Session
from ..steps import Steps
from .progress import Counts, Progress, Refusal, Signal
from .task import Part, Task

#: Statuses that say nothing against a revision: it is sent again later.
TRANSIENT = frozenset((429, 502, 503, 504))
#: What a gateway says, with a status of 500, when its sync function throws anything else than a
#: refusal.
_FAILED = "JS sync function"


class ActivePlace(Place):
    """A collection that is replicated."""

    session: ActiveSession

    def __init__(self, session: ActiveSession, database: Database, part: Part, index: int | None):
        super().__init__(session, database, index)
        self.part = part
        self.progress = Progress()
        #: The revisions that we have asked for, by sequence: the id and the revision.
        self.asked: dict[str, tuple[str, str]] = {}
        #: The number of the request that says that all changes so far have been offered; 0 if we
        #: offer them, None before that.
        self.caught_up_at: int | None = None

    @property
    def is_caught_up(self) -> bool:
        """True if all changes so far have been offered."""
        return self.caught_up_at is not None and self.session.arrived >= self.caught_up_at

    @property
    def is_done(self) -> bool:
        return self.is_caught_up and self.progress.is_settled

    def settle(self, sequence: str) -> None:
        """Note that a change needs nothing more."""
        self.asked.pop(sequence, None)
        self.progress.settle(sequence)
        self.session.moved()

    def refuse(self, uid: str, rev: str, error: GatewayError) -> None:
        """Note that a revision could not be replicated.

        If that says nothing against the revision, the connection ends, so that it is tried again.
        """
        if error.status in TRANSIENT:
            self.session.fail(error)
            return
        counts = self.session.counts
        counts.refused += 1
        counts.conflicts += error.status == 409
        has_failed = error.status == 500 and _FAILED in error.reason
        counts.rejected += error.status == 403 or has_failed
        self.session.report(Refusal(uid, rev, error.status, error.reason))


class ActiveSession(Session):
    """A connection that we have opened. ``report`` is called with revisions that are refused."""

    def __init__(
        self,
        call: Call,
        version: int,
        profiles: Mapping[str, Profile],
        task: Task,
        counts: Counts,
        report: Callable[[Refusal], None],
    ) -> None:
        super().__init__(call, version, profiles)
        self.task = task
        self.counts = counts
        self.report = report
        self.places: list[ActivePlace] = []
        self.signal = Signal()
        #: All of the other side's requests up to this number have arrived.
        self.arrived = 0
        self._early: set[int] = set()
        self.is_stopping = False
        #: Why the connection ends before its time.
        self.failure: GatewayError | None = None
        #: When something last happened (of time.monotonic()).
        self.last_moved = time.monotonic()

    def answer(self, request: Message) -> Steps[Message]:
        # A short request can overtake a long one, which is sent in several frames.
        self._early.add(request.number)
        while self.arrived + 1 in self._early:
            self.arrived += 1
            self._early.discard(self.arrived)
        reply = yield from super().answer(request)
        self.signal.set()
        return reply

    def place(self, request: Message) -> Place:
        given = request.properties.get("collection")
        for place in self.places:
            if given == (None if place.index is None else str(place.index)):
                return place
        raise bad_request("The collection is not one of this replication")

    def moved(self) -> None:
        self.last_moved = time.monotonic()
        self.signal.set()

    def fail(self, error: GatewayError) -> None:
        """End the connection because of an error. The first one counts."""
        self.failure = self.failure or error
        self.signal.set()

    def stop(self) -> None:
        """End the connection soon. May be called on any thread."""
        self.is_stopping = True
        self.signal.set()

    @property
    def must_end(self) -> bool:
        return self.is_stopping or self.failure is not None
