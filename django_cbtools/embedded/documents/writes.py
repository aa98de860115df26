"""Writes documents: plans edits, then carries them out in batches, each in one transaction."""

from __future__ import annotations

import json
import logging
import math
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, cast

from django.db import DatabaseError

from .. import callers
from ..access import Reader
from ..database import Database, Ticket
from ..errors import GatewayError
from ..turns import Turns
from . import attachments, documents, plans, syncfunction, unused
from .documents import NEVER, Document
from .plans import Edit, Plan, Saved, ancestor

__all__ = ["Edit", "Saved", "ancestor", "save"]

logger = logging.getLogger(__name__)

#: The limits of one transaction: the number of documents, their characters, and its duration
#: (seconds).
BATCH = 1000
BATCH_LENGTH = 16 * 1024 * 1024
COMMIT_TIME = 1.0
#: How many documents a transaction writes before it ends because somebody else waits to write.
FAIR_BATCH = 50
#: How long (seconds) planning, which includes the sync function, may take: for a whole request
#: (administrators have no such limit), and for one transaction.
PLANNING_TIME = 60.0
ROUND_TIME = 1.0
#: Batches of more edits than this are planned in turns, at most two at a time and one for each
#: user, so that small requests do not compete with many busy threads.
FEW = 20
_many = Turns(places=2, each=1)


def save(database: Database, edits: Sequence[Edit], author: Reader) -> list[Saved | GatewayError]:
    """Write documents in order, and return a result for each: what was saved, or its error.

    An error in one edit does not affect the others. Saved documents are committed. An error that
    stops the whole request is raised if nothing has been written yet; otherwise it is the result
    for all remaining documents.
    """
    writing = _Writing(database, edits, author)
    try:
        while writing.waiting:
            planned = writing.plan()
            while planned:
                planned = writing.write(planned)
    except (GatewayError, DatabaseError) as error:
        if not writing.has_written or database.connection.in_atomic_block:
            raise
        if isinstance(error, DatabaseError):
            logger.exception("Of a batch, %s documents were not written", len(writing.waiting))
            error = GatewayError(503, "The embedded gateway's database failed: try again")
        writing.give_up(error)
    return [writing.results[place] for place in range(len(edits))]


#: An edit's index, and its plan or result.
_Planned = tuple[int, Plan | Saved | GatewayError]


class _Writing:
    """The state of a request: the indexes of waiting edits, and the results so far, by index."""

    def __init__(self, database: Database, edits: Sequence[Edit], author: Reader) -> None:
        self.results: dict[int, Saved | GatewayError] = {}
        self.waiting = deque(range(len(edits)))
        self.has_written = False
        self._database = database
        self._edits = edits
        self._author = author
        self._most = BATCH
        self._left = math.inf if author.name is None else PLANNING_TIME

    def plan(self) -> list[_Planned]:
        """Plan the next edits. The batch ends before the second change to the same document."""
        places = self._next()
        if len(places) <= FEW:
            return self._plan(places)
        with callers.turn(_many, self._author.name):
            return self._plan(places)

    def _plan(self, places: list[int]) -> list[_Planned]:
        uids = {self._edits[place].uid for place in places}
        known = documents.find(self._database, list(uids))
        changing = set()
        planned: list[_Planned] = []
        started = time.monotonic()
        for place in places:
            edit = self._edits[place]
            if edit.uid in changing:
                break
            if time.monotonic() - started > self._left:
                self.give_up(GatewayError(503, "The request took too long: send this again"))
                break
            self.waiting.popleft()
            plan: Plan | Saved | GatewayError
            try:
                plan = plans.make(self._database, edit, known.get(edit.uid), self._author)
            except GatewayError as error:
                # With its traceback, it would be in a cycle with this frame.
                plan = error.with_traceback(None)
            if isinstance(plan, Plan):
                changing.add(edit.uid)
            planned.append((place, plan))
            if time.monotonic() - started > ROUND_TIME:
                break
        self._left -= time.monotonic() - started
        return planned

    def _next(self) -> list[int]:
        places: list[int] = []
        length = 0
        for place in self.waiting:
            if len(places) >= self._most or length > BATCH_LENGTH:
                break
            places.append(place)
            body = self._edits[place].body
            length += sum(len(value) for value in body.values() if isinstance(value, str))
        return places

    def write(self, planned: list[_Planned]) -> list[_Planned]:
        """Carry plans out in one transaction; return those that are left for the next one.

        If a document or the author's access has changed since the plans were made, the remaining
        plans are dropped, and their edits are planned again.
        """
        done: dict[int, Saved | GatewayError] = {}
        wanted = [plan for _, plan in planned if isinstance(plan, Plan)]
        if not wanted:
            self.results |= cast("dict[int, Saved | GatewayError]", dict(planned))
            return []
        is_over = is_another = False
        with self._database.atomic():
            batch = _Batch(self._database, wanted)
            started = time.monotonic()
            for number, (place, plan) in enumerate(planned, 1):
                result = batch.write(plan) if isinstance(plan, Plan) else plan
                is_over = result is None
                if result is not None:
                    done[place] = result
                is_another = batch.has_changed_grants and self._author.name is not None
                is_late = time.monotonic() - started > COMMIT_TIME
                is_awaited = number % FAIR_BATCH == 0 and self._database.is_awaited()
                if is_over or is_another or is_late or is_awaited:
                    break
            batch.store()
        self.results |= done
        self.has_written = self.has_written or bool(done)
        left = planned[len(done) :]
        if is_another:
            # The author's permission to write the remaining documents may depend on it.
            self._author = self._author.again()
        if is_over or is_another:
            self.waiting.extendleft(place for place, _ in reversed(left))
            left = []
        # If many plans had to be dropped, the next batch is smaller.
        self._most = min(BATCH, max(2 * len(done), 1))
        return left

    def give_up(self, error: GatewayError) -> None:
        """Give all remaining edits the same result."""
        for place in range(len(self._edits)):
            self.results.setdefault(place, error)
        self.waiting.clear()


class _Batch:
    """Carries plans out in one transaction, which the caller has opened."""

    def __init__(self, database: Database, planned: Sequence[Plan]) -> None:
        self.has_changed_grants = False
        self._database = database
        self._known = documents.find(database, [plan.uid for plan in planned])
        self._tickets = iter(database.tickets(len(planned)))
        self._written: list[Document] = []
        self._bereft: list[str] = []

    def write(self, plan: Plan) -> Saved | None:
        """Carry a plan out; return None if its document has changed since the plan was made."""
        database = self._database
        if self._known.get(plan.uid) != plan.old:
            return None
        ticket = next(self._tickets)
        document = plan.document(ticket)
        if plan.grants is not None and syncfunction.store(
            database, plan.uid, plan.grants, ticket.sequence
        ):
            self.has_changed_grants = True
        attachments.store(database, plan.uid, plan.uploads)
        if _keep(database, _kept(database, plan, ticket)):
            self._bereft.append(plan.uid)
        self._written.append(document)
        return Saved(plan.uid, plan.new.rev, ticket.cv, plan.current.rev)

    def store(self) -> None:
        """Store the documents. Call this last."""
        _store(self._database, self._written)
        if self._bereft:
            unused.collect(self._database, self._bereft)


def _kept(database: Database, plan: Plan, ticket: Ticket) -> list[tuple[Any, ...]]:
    """Return the rows of the revisions to keep beside the current one."""
    kept: list[tuple[Any, ...]] = []
    if not plan.is_current:
        new = plan.new
        kept.append(
            (database.keyspace, plan.uid, new.rev, new.deleted, new.body,
             json.dumps(plan.new_verdict.channels, ensure_ascii=False), NEVER, ticket.sequence,
             new.attachments)
        )  # fmt: skip
    if plan.tombstone:
        kept.append(
            (database.keyspace, plan.uid, plan.tombstone, True, "{}", "[]", NEVER, ticket.sequence,
             "{}")
        )  # fmt: skip
    old = plan.old
    if old is not None:
        now = int(time.time())
        if plan.gone:
            _let_go(database, old, plan.gone, now)
        if old.rev != plan.current.rev:
            superseded = NEVER if plan.tree.is_leaf(old.rev) else now
            kept.append(
                (database.keyspace, old.uid, old.rev, old.deleted, old.body,
                 json.dumps(list(old.channels), ensure_ascii=False), superseded, old.sequence,
                 old.attachments_text)
            )  # fmt: skip
    return kept


def _let_go(database: Database, old: Document, gone: Iterable[str], now: int) -> None:
    """Mark the bodies of former leaves as superseded, so that they expire."""
    database.execute(
        "UPDATE cbtools_revisions SET superseded = %s WHERE keyspace = %s AND uid = %s "
        "AND rev IN (SELECT value FROM json_each(%s)) AND superseded = %s",
        [now, database.keyspace, old.uid, json.dumps([*gone]), NEVER],
    )


def _keep(database: Database, kept: Sequence[tuple[Any, ...]]) -> bool:
    """Store revisions and remove expired ones; return whether the latter had attachments."""
    oldest = documents.oldest_kept(database)
    over: list[tuple[Any, ...]] = []
    for row in kept:
        over += database.rows(
            "DELETE FROM cbtools_revisions WHERE keyspace = %s AND uid = %s AND superseded < %s "
            "RETURNING attachments",
            [*row[:2], oldest],
        )
        database.execute(
            "INSERT OR REPLACE INTO cbtools_revisions (keyspace, uid, rev, deleted, body, "
            "channels, superseded, sequence, attachments) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            row,
        )
    return any(held != "{}" for (held,) in over)


def _store(database: Database, written: Iterable[Document]) -> None:
    database.execute_many(
        "INSERT INTO cbtools_documents (keyspace, uid, rev, cv, sequence, deleted, body, history, "
        "channels, removals, attachments, expires, past) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (keyspace, uid) DO UPDATE SET rev = excluded.rev, cv = excluded.cv, "
        "sequence = excluded.sequence, deleted = excluded.deleted, body = excluded.body, "
        "history = excluded.history, channels = excluded.channels, "
        "removals = excluded.removals, attachments = excluded.attachments, "
        "expires = excluded.expires, past = excluded.past",
        [(database.keyspace, *documents.row_of(document)) for document in written],
    )
