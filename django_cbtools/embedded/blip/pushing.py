"""The server side of a client's push: `proposeChanges` (or `changes`), then `rev` for each
change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_cbtools import canonical

from .. import gojson
from ..documents import bodies, conflicts, documents, expiry, listing
from ..documents.documents import Document
from ..documents.plans import Edit
from ..errors import GatewayError, bad_request, conflict
from ..principals import users
from . import contents, messages
from .messages import Message
from .session import Place, json_of, text_of
from .steps import Save, Steps

#: The special properties that a revision has in the properties of its message instead.
_RESERVED = ("_sync", "_id", "_rev", "_deleted", "_revisions")
_BOOLEANS = frozenset(
    ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"]
)
_UNREADABLE = "Internal error: Unable to unmarshal document body into raw body : "


def propose_changes(place: Place, request: Message) -> Steps[Message]:
    """Answer with a status for each change: 0 to send it, or why it is not wanted."""
    yield from ()
    changes = changes_in(request, texts=slice(0, 3))
    if not changes:
        return Message()
    found = listing.named(place.database, [change[0] for change in changes], bodies=False)
    shows_rev = request.properties.get("conflictIncludesRev") == "true"
    statuses: list[Any] = []
    for (uid, rev, *rest), (_, document) in zip(changes, found, strict=True):
        if uid.startswith("_design/"):
            statuses.append(0)
            continue
        status = conflicts.proposed(document, rev, rest[0] if rest else "")
        if status == conflicts.CONFLICT and shows_rev and document is not None:
            statuses.append({"status": status, "rev": document.rev})
        else:
            statuses.append(status)
    while statuses and statuses[-1] == 0:
        statuses.pop()
    return listed(statuses)


def changes(place: Place, request: Message) -> Steps[Message]:
    """Answer with the revisions that we know for each change that we want, and 0 for others."""
    yield from ()
    if request.properties.get("ignoreNoConflicts") != "true":
        raise conflict("Use 'proposeChanges' instead")
    given = [change[1:] for change in changes_in(request, texts=slice(1, 3))]
    return listed(wanted(place, given)) if given else Message()


def wanted(place: Place, offered: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the revisions that we know for each offer that we want, and 0 for others.

    An offer begins with a document's id and a revision of it.
    """
    found = listing.named(place.database, [offer[0] for offer in offered], bodies=False)
    answers: list[Any] = []
    for (uid, rev, *_), (_, document) in zip(offered, found, strict=True):
        difference = {} if uid.startswith("_design/") else listing.difference(document, [rev])
        answers.append(difference.get("possible_ancestors", []) if difference else 0)
    return answers


def changes_in(request: Message, texts: slice) -> list[list[Any]]:
    """Return the changes in a message. ``texts`` is where each has its id and its revisions."""
    given = json_of(request)
    if given is None:
        return []
    is_list = isinstance(given, list) and all(
        isinstance(change, list)
        and len(change[texts]) >= 2
        and all(isinstance(text, str) for text in change[texts])
        for change in given
    )
    if not is_list:
        raise bad_request(f"Invalid body of {request.profile}")
    return list(given)


def listed(items: list[Any]) -> Message:
    """Return a reply that is a list."""
    return Message({}, canonical.dumps(items).encode(), compressed=True)


def no_rev(place: Place, request: Message) -> Steps[Message]:
    """Accept that the client cannot send a revision that it has proposed."""
    yield from ()
    return Message()


def rev(place: Place, request: Message) -> Steps[Message]:
    """Write a revision."""
    edit = yield from received(place, request)
    saved = yield Save(place, edit)
    if isinstance(saved, GatewayError):
        raise saved
    return Message()


def received(place: Place, request: Message, *, is_pulled: bool = False) -> Steps[Edit]:
    """Return the write of a revision that the other side sends, with its attachments.

    ``is_pulled`` says that we have asked for the revision, so that it may conflict with ours.
    Raises a GatewayError if it is malformed, or if an attachment is not to be had.
    """
    properties = request.properties
    uid, rev = properties.get("id"), properties.get("rev")
    if uid is None or rev is None:
        raise bad_request("Missing docID or rev")
    _check_writable(place, uid, rev)
    if "deltaSrc" in properties:
        raise bad_request("Deltas are disabled for this peer")
    body = _body(request)
    noconflicts = properties.get("noconflicts", "true")
    if noconflicts not in _BOOLEANS:
        raise bad_request(
            "Invalid value for noconflicts: strconv.ParseBool: "
            f"parsing {messages.quoted(noconflicts)}: invalid syntax"
        )
    history = (rev, *filter(None, properties.get("history", "").split(",")))
    uploads = {}
    if body.get("_attachments") is not None:
        asked = _asked(place, uid, body["_attachments"], history, is_pulled=is_pulled)
        for name, meta in asked.items():
            uploads[name] = yield from contents.fetched(place, uid, name, meta)
    documents.check_id(uid)
    if not all(map(documents.REV.fullmatch, history)):
        raise bad_request("Invalid revision ID")
    documents.check_metadata(history)
    return Edit(uid, body, history=history, uploads=uploads)


def _check_writable(place: Place, uid: str, rev: str) -> None:
    user = place.session.call.identify()
    is_guest = user is not None and user.name == users.GUEST
    if is_guest and place.database.option("unsupported.guest_read_only"):
        raise GatewayError(
            403, f"Replication context is read-only, docID: {uid}, rev:{rev}"
        )  # fmt: skip


def _body(request: Message) -> dict[str, Any]:
    """Return the body of a revision, with `_deleted` as in its message's properties."""
    if not request.body and not request.is_cut:
        raise GatewayError(500, _UNREADABLE + "Unexpected empty JSON input to body.Unmarshal")
    try:
        body = gojson.decode_object(text_of(request))
    except GatewayError as error:
        if error.status != 400:
            raise
        raise GatewayError(500, _UNREADABLE + error.reason.removeprefix("Bad JSON: ")) from None
    for name in _RESERVED:
        if name in body:
            raise GatewayError(
                404, f"top-level property '{name}' is a reserved internal property"
            )  # fmt: skip
    bodies.check_values(body)
    expiry.parse(body.get("_exp"))
    if request.properties.get("deleted", "0") not in ("0", "false"):
        body["_deleted"] = True
    return body


def _asked(
    place: Place, uid: str, given: Any, history: tuple[str, ...], *, is_pulled: bool
) -> dict[str, Any]:
    old: Document | None = documents.find(place.database, [uid]).get(uid)
    if is_pulled and (old is None or old.rev not in history):
        # Nothing is known of the branch that the revision is on.
        old, history = None, history[:1]
    return dict(contents.missing_contents(given, old, history[0], history))
