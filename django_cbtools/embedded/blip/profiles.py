"""The requests that the replicator answers, by their profiles."""

from __future__ import annotations

from ..documents import documents
from ..errors import GatewayError, missing
from ..http.messages import Call
from . import checkpoints, contents, pushing
from .messages import Message
from .pulling import sub_changes, unsub_changes
from .revisions import body_of
from .session import PROTOCOLS, Place, Profile, Session
from .steps import Steps


def _get_rev(place: Place, request: Message) -> Steps[Message]:
    """Send the current revision of a document, unless the client has it."""
    yield from ()
    document = documents.current(place.database, request.properties.get("id", ""))
    document = document.shown_to(place.reader(), asked=False)
    if document.rev == request.properties.get("ifNotRev"):
        raise GatewayError(304, "Not Modified")
    if document.deleted:
        raise missing("Deleted")
    return Message({"rev": document.rev}, body_of(document).encode(), compressed=True)


def _ping(place: Place, request: Message) -> Steps[Message]:
    yield from ()
    return Message()


#: The handlers of requests.
PROFILES: dict[str, Profile] = {
    "getCheckpoint": checkpoints.get_checkpoint,
    "setCheckpoint": checkpoints.set_checkpoint,
    "getCollections": checkpoints.get_collections,
    "subChanges": sub_changes,
    "unsubChanges": unsub_changes,
    "changes": pushing.changes,
    "proposeChanges": pushing.propose_changes,
    "rev": pushing.rev,
    "putRev": pushing.rev,
    "norev": pushing.no_rev,
    "getRev": _get_rev,
    "getAttachment": contents.get_attachment,
    "proveAttachment": contents.prove_attachment,
    "PING": _ping,
}
#: The profiles whose handlers write; revisions are written by a step of their own.
WRITERS = frozenset(("setCheckpoint",))
#: The profiles whose replies can be large.
LARGE = frozenset(("getAttachment", "getRev"))


def opened(call: Call, protocol: str) -> Session:
    """Return the session of a connection that was opened with a sub-protocol."""
    return Session(call, PROTOCOLS[protocol], PROFILES)


def chosen(header: str) -> str | None:
    """Return the first sub-protocol in a Sec-WebSocket-Protocol header that is known, or None."""
    offered = (name.strip() for name in header.split(","))
    return next((name for name in offered if name in PROTOCOLS), None)
