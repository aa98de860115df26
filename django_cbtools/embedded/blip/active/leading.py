"""The steps that lead a replication, from the checkpoint to the end of the feed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from ...database import Database
from ...errors import GatewayError
from ...http.messages import ADMIN_PORT, PUBLIC_PORT, Call
from ...principals import users
from ..session import PROTOCOLS
from ..steps import Steps
from . import checkpoints, pulling, pushing
from .checkpoints import Checkpoint
from .progress import Counts, Moment, Refusal
from .session import ActivePlace, ActiveSession
from .task import PULL, Task, UnknownCollection

#: The interval (in seconds) at which checkpoints are written while something happens.
INTERVAL = 1.0
#: How long (in seconds) nothing may happen while revisions or replies are awaited.
PATIENCE = 60.0


def opened(
    database: Database,
    task: Task,
    protocol: str,
    counts: Counts,
    report: Callable[[Refusal], None],
) -> ActiveSession:
    """Return the session of a connection to the other gateway. Raises what :func:`check` does."""
    port = PUBLIC_PORT if task.run_as else ADMIN_PORT
    path = f"/{database.name}/_replication/{task.id}"
    call = Call(port, database.alias, "GET", path, trusted=task.run_as or None)
    call.database = database
    check(database, task)
    profiles = pulling.PROFILES if task.direction == PULL else pushing.PROFILES
    session = ActiveSession(call, PROTOCOLS[protocol], profiles, task, counts, report)
    for index, part in enumerate(task.parts):
        session.places.append(
            ActivePlace(
                session, replace(database, collection=part.local), part,
                None if part.remote is None else index,
            )
        )  # fmt: skip
    return session


def check(database: Database, task: Task) -> None:
    """Raise a 404 GatewayError if there is no such user or collection as a task names."""
    if task.run_as and users.find(database, task.run_as) is None:
        raise GatewayError(404, f"run_as user {task.run_as} not found")
    known = database.collections()
    for part in task.parts:
        if part.local not in known:
            raise UnknownCollection(404, f"There is no collection {'.'.join(part.local)}")


def lead(session: ActiveSession) -> Steps[None]:
    """Replicate until all is done, or until the session must end."""
    try:
        yield from _lead(session)
    except GatewayError as error:
        session.fail(error)


def _lead(session: ActiveSession) -> Steps[None]:
    kept = [Checkpoint(place) for place in session.places]
    theirs = (yield from checkpoints.opened(session)) if _names_collections(session) else None
    for number, checkpoint in enumerate(kept):
        yield from checkpoint.begin(theirs[number] if theirs else None)
    begin = pulling.begin if session.task.direction == PULL else pushing.begin
    for place, checkpoint in zip(session.places, kept, strict=True):
        yield from begin(place, checkpoint)

    def is_over() -> bool:
        is_done = not session.task.is_continuous and all(p.is_done for p in session.places)
        return is_done or session.must_end

    def is_busy() -> bool:
        return is_over() or _is_owed(session) or any(checkpoint.is_old for checkpoint in kept)

    while not is_over():
        yield Moment(session.signal, is_busy)
        yield Moment(session.signal, is_over, INTERVAL)
        for checkpoint in kept:
            yield from checkpoint.keep()
        _check_patience(session)
    for checkpoint in kept:
        yield from checkpoint.keep()
    for place in session.places:
        if place.pull is not None:
            place.pull.stop()


def _names_collections(session: ActiveSession) -> bool:
    return any(place.part.remote is not None for place in session.places)


def _is_owed(session: ActiveSession) -> bool:
    """Return whether the other side must send something."""
    return any(
        not place.progress.is_settled or not (place.is_caught_up or session.task.is_continuous)
        for place in session.places
    )


def _check_patience(session: ActiveSession) -> None:
    """Raise a 504 GatewayError if the other side does not do what it has to."""
    if _is_owed(session) and time.monotonic() - session.last_moved > PATIENCE:
        raise GatewayError(504, f"The other gateway was silent for {PATIENCE:.0f} seconds")
