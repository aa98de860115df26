"""The server side of a client's pull: it offers changes, and sends the revisions that the client
wants."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import Any

from django_cbtools import canonical

from .. import gojson
from ..access import STAR, Reader, check_channel
from ..documents import documents, listing
from ..errors import GatewayError, bad_request
from ..feed.changes import Entry, Wish
from ..feed.following import Follower
from ..feed.sequences import SequenceId
from ..feed.waiting import Pause
from . import revisions
from .messages import Message
from .session import Place, text_of
from .steps import Goodbye, Join, OnReply, Start, Steps, Tell, Then

#: How many changes are offered at once by default, at least, and at most.
BATCH, MIN_BATCH, MAX_BATCH = 200, 10, 10_000
#: How many offers may be unsettled: the client has not been sent all revisions that it wants.
MAX_OFFERS = 2
#: So many bytes of revisions are sent at once.
_ENOUGH = 256 * 1024
#: The bits that tell a change of a document that the client no longer gets (version 3).
_DELETED, _REVOKED, _REMOVED = 1, 2, 4


@dataclass
class Pull:
    """A feed that the client follows."""

    wish: Wish
    batch: int
    is_continuous: bool
    #: Whether the client is sent the current revision in place of one that is gone.
    replaces: bool
    #: Whether the client is another gateway, which takes changes from this side only if told so.
    is_gateway: bool = False
    is_over: bool = False
    pause: Pause | None = None
    #: Whether the feed is ours, and the other side replies to each revision that it is sent.
    is_own: bool = False
    #: The offers that are not settled yet.
    offers: deque[Any] = field(default_factory=deque)
    #: Whether all changes so far have been offered, how many offers until then the client has not
    #: answered, and whether it has been told that it has caught up.
    is_at_end: bool = False
    unanswered: int = 0
    has_caught_up: bool = False

    def offered(self, entries: Sequence[Entry]) -> None:
        """Note the changes in an offer. Called before it is sent."""

    def unwanted(self, entry: Entry) -> None:
        """Note a change in an offer whose revision is not wanted."""

    def answered(self, entry: Entry, reply: Message | None) -> None:
        """Note the reply to a revision, None if it was not there to be sent."""

    def refused(self, reply: Message) -> None:
        """Note that an offer has been refused."""

    def stop(self) -> None:
        """End the feed, also while it waits."""
        self.is_over = True
        if self.pause is not None:
            self.pause.wake()


def sub_changes(place: Place, request: Message) -> Steps[Message]:
    """Begin a feed. A collection can have one at a time."""
    since, uids = _since(place, request), _uids(request)
    if place.has_pull:
        what = "default collection" if place.index is None else f"collection {place.index}"
        raise GatewayError(
            500,
            f"Internal error: blipHandler for {what} already has an outstanding subChanges. "
            "Cannot open another one",
        )
    # As on a real gateway, a malformed request counts too.
    place.has_pull = True
    properties = request.properties
    is_continuous = properties.get("continuous", "false") != "false"
    if uids and is_continuous:
        raise bad_request("DocIDs filter not supported for continuous subChanges")
    wish = Wish(
        since=since,
        channels=_channels(request),
        uids=uids or None,
        active_only=properties.get("activeOnly") == "true",
        revocations=properties.get("revocations") == "true",
    )
    place.pull = Pull(
        wish,
        _batch(request),
        is_continuous,
        replaces=properties.get("sendReplacementRevs") == "true",
        is_gateway=properties.get("client_sgr2") == "true",
    )
    yield Start(_follow(place, place.pull))
    return Message()


def unsub_changes(place: Place, request: Message) -> Steps[Message]:
    """End the feed."""
    yield from ()
    if place.pull is not None:
        place.pull.stop()
        # The next one may be asked for at once, while this one still ends.
        place.pull, place.has_pull = None, False
    return Message()


def _since(place: Place, request: Message) -> SequenceId:
    if request.properties.get("future") == "true":
        return SequenceId(place.database.sequence)
    try:
        return SequenceId.parse(request.properties.get("since", "").strip('"'))
    except GatewayError:
        raise bad_request("Invalid subChanges parameters") from None


def _uids(request: Message) -> list[str]:
    """Return the ids that the feed is restricted to. As on a real gateway, bad ones are ignored."""
    if not request.body and not request.is_cut:
        return []
    try:
        body = gojson.unmarshal(text_of(request))
    except GatewayError as error:
        if error.status != 400:
            raise
        return []
    uids = body.get("docIDs") if isinstance(body, dict) else None
    is_list = isinstance(uids, list) and all(isinstance(uid, str) for uid in uids)
    return list(uids) if is_list and uids else []


def _channels(request: Message) -> Sequence[str]:
    name = request.properties.get("filter", "")
    if not name:
        return (STAR,)
    if name != "sync_gateway/bychannel":
        raise bad_request("Unknown filter; try sync_gateway/bychannel")
    if "channels" not in request.properties:
        raise bad_request("Missing 'channels' filter parameter")
    names = request.properties["channels"].split(",")
    try:
        return tuple(dict.fromkeys(map(check_channel, names)))
    except GatewayError as error:
        raise bad_request(f"400 {error.reason}") from None


def _batch(request: Message) -> int:
    given = request.properties.get("batch", "")
    if not given.isascii() or not given.isdigit() or len(given) > 18 or not int(given):
        return BATCH
    return min(max(int(given), MIN_BATCH), MAX_BATCH)


# ------------------------------------------------------------------- the feed


def _follow(place: Place, pull: Pull) -> Steps[None]:
    """Offer all changes so far and, in a continuous feed, each that comes."""
    try:
        yield from offers(place, pull)
    except GatewayError as error:
        # The client gets the reason when it connects again.
        raise Goodbye(error.reason) from error
    finally:
        if place.pull is pull:
            place.pull, place.has_pull = None, False


def offers(place: Place, pull: Pull) -> Steps[None]:
    """Make the offers of a feed until it ends. The last ones may be unsettled then."""
    # The reader must be loaded after the sequence, see Feed.read().
    upto = place.database.sequence
    call = place.session.call
    follower = Follower(
        call, place.database, pull.wish, place.reader(), upto, is_gateway=pull.is_gateway
    )  # fmt: skip
    while not pull.is_over:
        offered: list[Entry] = []
        for entry in follower.feed.read(follower.reader, follower.upto):
            if not entry.uid.startswith("_"):
                offered.append(entry)
            if len(offered) >= pull.batch:
                yield from _offer(place, pull, follower.reader, offered)
                offered = []
            if pull.is_over:
                return
        if offered:
            yield from _offer(place, pull, follower.reader, offered)
        if not pull.is_at_end:
            pull.is_at_end = True
            yield from _tell_end(place, pull)
        if not pull.is_continuous:
            return
        while not pull.is_over:
            pull.pause = follower.pause(math.inf)
            yield pull.pause
            pull.is_over = pull.is_over or pull.pause.is_over
            pull.pause = None
            if follower.moved():
                break


def _offer(place: Place, pull: Pull, reader: Reader, entries: list[Entry]) -> Steps[None]:
    """Offer changes, once fewer than a few offers are unsettled."""
    told = [row for entry in entries if (row := _told(place, pull, reader, entry))]
    if not told:
        return
    while len(pull.offers) >= MAX_OFFERS:
        yield Join(pull.offers.popleft())
    text = ",".join(row for _, row in told)
    offered = [entry for entry, _ in told]
    pull.offered(offered)
    is_before_end = not pull.is_at_end
    pull.unanswered += is_before_end
    request = _changes(place, pull, f"[{text}]")
    settle = partial(_settle, place, pull, offered, is_before_end)
    pull.offers.append((yield Then(request, settle)))


def _settle(
    place: Place, pull: Pull, offered: list[Entry], is_before_end: bool, reply: Message
) -> Steps[None]:
    """Send the revisions that the client wants of those that it was offered."""
    pull.unanswered -= is_before_end
    yield from _tell_end(place, pull)
    try:
        answer = gojson.unmarshal(text_of(reply)) if reply.body else []
    except GatewayError:
        answer = None
    if reply.is_error or not isinstance(answer, list):
        pull.refused(reply)
        return
    wanted = []
    for entry, known in zip_longest(offered, answer[: len(offered)]):
        if isinstance(known, list):
            revs = frozenset(rev for rev in known if isinstance(rev, str))
            wanted.append(revisions.Wanted(entry, revs))
        else:
            pull.unwanted(entry)
    limit = reply.properties.get("maxHistory", "")
    most = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 18 else 0
    if wanted:
        requests = revisions.requests(place, pull, wanted, most)
        while some := list(_some(requests)):
            yield Tell(some)


def _tell_end(place: Place, pull: Pull) -> Steps[None]:
    """Tell the client that it has caught up, once it has answered all offers up to the end.

    A gateway works on several messages at a time. If it pulls once, it stops at this one, and would
    lose offers that it has not answered yet.
    """
    if pull.is_at_end and not pull.unanswered and not (pull.has_caught_up or pull.is_over):
        pull.has_caught_up = True
        yield Tell([(_changes(place, pull, "null", no_reply=True), None)])


def _some(
    requests: Iterator[tuple[Message, OnReply]],
) -> Iterator[tuple[Message, OnReply]]:
    """Yield the next requests, until they have enough bytes to be sent."""
    size = 0
    for request in requests:
        yield request
        size += len(request[0].body)
        if size > _ENOUGH:
            return


def _changes(place: Place, pull: Pull, text: str, *, no_reply: bool = False) -> Message:
    request = place.message("changes", **{"Content-Type": "application/json"})
    if pull.is_gateway:
        request.properties["ignoreNoConflicts"] = "true"
    request.body, request.compressed, request.no_reply = text.encode(), True, no_reply
    return request


def _told(place: Place, pull: Pull, reader: Reader, entry: Entry) -> tuple[Entry, str] | None:
    """Return an entry and its row in the offer, None if the client is not told of it."""
    is_removed = bool(entry.removed) and _has_left(place, pull, reader, entry)
    if is_removed and place.session.version >= 3 and not entry.deleted and not entry.revoked:
        if not pull.wish.revocations:
            return None
        document = documents.find(place.database, [entry.uid]).get(entry.uid)
        if document is not None and reader.may_read(document.channels):
            return None
    flags: Any = entry.deleted
    if place.session.version >= 3:
        flags = _DELETED * entry.deleted | _REVOKED * entry.revoked | _REMOVED * is_removed
    row = f"[{entry.seq.json},{canonical.dumps(entry.uid)},{canonical.dumps(entry.rev)}"
    return entry, row + (f",{canonical.dumps(flags)}]" if flags else "]")


def _has_left(place: Place, pull: Pull, reader: Reader, entry: Entry) -> bool:
    """Return whether a document has left all channels that the client follows."""
    found = dict(listing.named(place.database, [entry.uid], bodies=False))
    document = found[entry.uid]
    if document is None or document.sequence != entry.seq.number:
        return True
    followed = pull.wish.channels
    channels = reader.visible(document.channels)
    return not any(STAR in followed or name in followed for name in channels)
