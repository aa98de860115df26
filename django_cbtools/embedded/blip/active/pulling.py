"""Pulls changes: the other side offers them, and sends the revisions that this side wants."""

from __future__ import annotations

from typing import Any

from django_cbtools import canonical

from ...documents import documents, purge
from ...errors import GatewayError, bad_request
from .. import pushing
from ..messages import Message
from ..session import Place, Profile
from ..steps import Ask, Steps
from . import resolving
from .checkpoints import Checkpoint, error_of, object_in
from .progress import Moment
from .session import ActivePlace
from .task import BATCH

#: How many revisions may be on their way before no more are asked for.
MOST_ASKED = 400
#: How many changes the other side may offer at once.
_MOST_OFFERED = 1000
#: The bits that tell a change of a document that we no longer get.
_GONE = 2 | 4


def begin(place: ActivePlace, checkpoint: Checkpoint) -> Steps[None]:
    """Ask for the feed."""
    task = place.session.task
    request = place.message("subChanges", batch=str(BATCH), client_sgr2="true")
    properties = request.properties
    since = checkpoint.since or "0"
    properties["since"] = since if since.isdigit() else f'"{since}"'
    properties["sendReplacementRevs"] = "true"
    if task.is_continuous:
        properties["continuous"] = "true"
    if place.part.channels:
        properties["filter"] = "sync_gateway/bychannel"
        properties["channels"] = ",".join(place.part.channels)
    if task.removes:
        properties["revocations"] = "true"
    if task.uids:
        request.body = canonical.dumps({"docIDs": list(task.uids)}).encode()
    reply = yield Ask(request)
    if reply.is_error:
        raise error_of(reply)


def _changes(given: Place, request: Message) -> Steps[Message]:
    place = _active(given)
    try:
        return (yield from _wanted(place, request))
    except GatewayError as error:
        # Changes that are not taken now are not offered again in this feed.
        place.session.fail(error)
        raise


def _wanted(place: ActivePlace, request: Message) -> Steps[Message]:
    """Answer with the revisions that we know for each change that we want, and 0 for others."""
    session = place.session
    rows = pushing.changes_in(request, texts=slice(1, 3))
    if not rows:
        place.caught_up_at = request.number
        session.moved()
        return Message()
    if len(rows) > _MOST_OFFERED:
        raise bad_request(f"The other gateway offers more than {_MOST_OFFERED} changes at once")
    if not all(type(row[0]) in (int, str) for row in rows):
        raise bad_request("The other gateway offers changes with malformed sequences")
    # In the order of the feed, so before anything is waited for.
    place.progress.expect(str(row[0]) for row in rows)
    session.moved()
    while len(place.asked) >= MOST_ASKED and not session.must_end:
        yield Moment(session.signal, lambda: len(place.asked) < MOST_ASKED or session.must_end)
    session.counts.checked += len(rows)
    answers = pushing.wanted(place, [row[1:] for row in rows])
    for number, row in enumerate(rows):
        sequence, uid, rev = str(row[0]), row[1], row[2]
        if not _may_want(place, row):
            answers[number] = 0
        if answers[number] == 0:
            place.settle(sequence)
        else:
            place.asked[sequence] = uid, rev
    return pushing.listed(answers)


def _may_want(place: ActivePlace, row: list[Any]) -> bool:
    """Return whether a change can be taken; remove a document that we no longer get."""
    uid, rev, flags = row[1], row[2], row[3] if len(row) > 3 else 0
    if type(flags) is int and flags & _GONE:
        if place.session.task.removes:
            _remove(place, uid)
        return False
    try:
        documents.check_id(uid)
    except GatewayError as error:
        place.refuse(uid, rev, error)
        return False
    return True


def _remove(place: ActivePlace, uid: str) -> None:
    place.session.counts.removed += len(purge.purge(place.database, [uid]))


def _rev(given: Place, request: Message) -> Steps[Message]:
    """Write a revision that we have asked for."""
    place = _active(given)
    sequence = _asked(place, request)
    uid, rev = request.properties["id"], request.properties.get("rev", "")
    try:
        if object_in(request).get("_removed") is True:
            if place.session.task.removes:
                _remove(place, uid)
        else:
            yield from _write(place, request)
    except GatewayError as error:
        place.refuse(uid, rev, error)
        if place.session.failure is None:
            place.settle(sequence)
        raise
    place.settle(sequence)
    return Message()


def _write(place: ActivePlace, request: Message) -> Steps[None]:
    edit = yield from pushing.received(place, request, is_pulled=True)
    is_resolved = yield from resolving.save(place, edit, place.session.task.resolve)
    counts = place.session.counts
    counts.resolved += is_resolved
    counts.documents += 1
    counts.attachments += len(edit.uploads)


def _no_rev(given: Place, request: Message) -> Steps[Message]:
    """Settle a revision that we have asked for and that the other side cannot send."""
    yield from ()
    place = _active(given)
    sequence = _asked(place, request)
    place.settle(sequence)
    return Message()


def _asked(place: ActivePlace, request: Message) -> str:
    """Return the sequence of a revision; raise a 400 GatewayError if we have not asked for it."""
    properties = request.properties
    sequence = properties.get("sequence", "").strip('"')
    rev = properties.get("replacedRev") or properties.get("rev", "")
    if place.asked.get(sequence) != (properties.get("id"), rev):
        raise bad_request("The revision was not asked for")
    return sequence


def _active(place: Place) -> ActivePlace:
    assert isinstance(place, ActivePlace)  # noqa: S101
    return place


#: The requests that the other side may send us.
PROFILES: dict[str, Profile] = {
    "changes": _changes, "rev": _rev, "norev": _no_rev,
}  # fmt: skip
