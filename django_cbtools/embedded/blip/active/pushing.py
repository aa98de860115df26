"""Pushes changes: this side offers its feed to the other side, as to a client that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...access import STAR
from ...errors import GatewayError
from ...feed.changes import Entry, Wish
from ...feed.sequences import SequenceId
from .. import contents, pulling
from ..messages import Message
from ..pulling import Pull
from ..session import Place, Profile
from ..steps import Join, Start, Steps
from .checkpoints import Checkpoint, error_of
from .session import ActivePlace
from .task import BATCH


@dataclass
class Push(Pull):
    """The feed of our changes, in one collection."""

    place: ActivePlace = field(kw_only=True)

    def offered(self, entries: Sequence[Entry]) -> None:
        self.place.progress.expect(str(entry.seq) for entry in entries)
        self.place.session.counts.checked += len(entries)
        self.place.session.moved()

    def unwanted(self, entry: Entry) -> None:
        self.place.settle(str(entry.seq))

    def answered(self, entry: Entry, reply: Message | None) -> None:
        place = self.place
        if reply is not None and reply.is_error:
            place.refuse(entry.uid, entry.rev, error_of(reply))
            if place.session.failure is not None:
                return
        elif reply is not None:
            place.session.counts.documents += 1
        place.settle(str(entry.seq))

    def refused(self, reply: Message) -> None:
        error = error_of(reply) if reply.is_error else GatewayError(400, "Malformed answer")
        self.place.session.fail(error)


def begin(place: ActivePlace, checkpoint: Checkpoint) -> Steps[None]:
    """Begin to offer our changes."""
    task = place.session.task
    wish = Wish(
        since=SequenceId.parse(checkpoint.since),
        channels=place.part.channels or (STAR,),
        uids=task.uids or None,
    )
    place.pull = push = Push(
        wish, BATCH, task.is_continuous, replaces=True, is_gateway=True, is_own=True, place=place
    )
    yield Start(_follow(place, push))


def _follow(place: ActivePlace, push: Push) -> Steps[None]:
    try:
        yield from pulling.offers(place, push)
        while push.offers:
            yield Join(push.offers.popleft())
    except GatewayError as error:
        place.session.fail(error)
    else:
        place.caught_up_at = 0
        place.session.moved()


def _get_attachment(place: Place, request: Message) -> Steps[Message]:
    reply = yield from contents.get_attachment(place, request)
    assert isinstance(place, ActivePlace)  # noqa: S101
    place.session.counts.attachments += 1
    place.session.moved()
    return reply


#: The requests that the other side may send us.
PROFILES: dict[str, Profile] = {
    "getAttachment": _get_attachment,
    "proveAttachment": contents.prove_attachment,
}
