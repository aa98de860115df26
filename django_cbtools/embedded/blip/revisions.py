"""The revisions that are sent to a client which follows a feed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..access import STAR, Reader
from ..documents import documents, listing
from ..documents.documents import Document
from ..errors import GatewayError, missing
from ..feed.changes import Entry
from . import contents
from .messages import Message
from .session import Place
from .steps import OnReply

if TYPE_CHECKING:
    from .pulling import Pull


class Wanted(NamedTuple):
    """A revision that the client wants, and the revisions that it has of the document."""

    entry: Entry
    known: frozenset[str]


def requests(
    place: Place, pull: Pull, wanted: Sequence[Wanted], limit: int
) -> Iterator[tuple[Message, OnReply]]:
    """Yield a request for each revision, and what to do with its reply.

    ``limit`` is the largest number of ancestors that the client wants, 0 for all of them.
    """
    reader = place.reader()
    found = listing.named(place.database, [it.entry.uid for it in wanted])
    for item, (_, current) in zip(wanted, found, strict=True):
        try:
            document = _shown(place, pull, reader, item.entry, current)
        except GatewayError as error:
            yield _no_rev(place, item.entry, error), None
            pull.answered(item.entry, None)
            continue
        request = _rev(place, item, document, limit)
        if pull.is_own:
            request.properties["noconflicts"] = "true"
        elif not document.attachments:
            request.no_reply = True
            yield request, None
            continue
        contents.open_to_client(place.session, document)

        def close(reply: Message, item: Wanted = item, document: Document = document) -> None:
            contents.close_to_client(place.session, document)
            pull.answered(item.entry, reply)

        yield request, close


def _shown(
    place: Place, pull: Pull, reader: Reader, entry: Entry, current: Document | None
) -> Document:
    """Return a revision as the client may see it.

    Raises a 404 GatewayError if its body is not kept; a client can ask for the current revision
    in its place. Raises a 403 GatewayError if an option of the database hides what a client may not
    read.
    """
    if current is None:
        raise missing()
    try:
        document = documents.revision_of(place.database, current, entry.rev)
    except GatewayError:
        is_followed = STAR in pull.wish.channels or not set(pull.wish.channels).isdisjoint(
            current.channels
        )  # fmt: skip
        if not pull.replaces or not is_followed or not reader.may_read(current.channels):
            raise
        return current
    hides = bool(place.database.option("unsupported.force_api_forbidden_errors"))
    return document.shown_to(reader, asked=not hides)


def _rev(place: Place, item: Wanted, document: Document, limit: int) -> Message:
    entry = item.entry
    request = place.message("rev", id=entry.uid, rev=document.rev, sequence=entry.seq.json)
    history = _history(document, item.known, limit)
    if history:
        request.properties["history"] = ",".join(history)
    if document.deleted:
        request.properties["deleted"] = "1"
    if document.rev != entry.rev:
        request.properties["replacedRev"] = entry.rev
    request.properties["Content-Type"] = "application/json"
    request.body, request.compressed = body_of(document).encode(), True
    return request


def body_of(document: Document) -> str:
    """Return the body of a revision as JSON, with its attachments."""
    if document.removed:
        return '{"_removed":true}'
    if document.attachments:
        return document.text({"_attachments": document.stubs()})
    return document.body


def _history(document: Document, known: frozenset[str], limit: int) -> Sequence[str]:
    """Return a revision's ancestors, newest first, up to the first one that the client knows."""
    ancestors = document.history[1:]
    place = next((place for place, rev in enumerate(ancestors) if rev in known), len(ancestors))
    return ancestors[: min(place + 1, limit or place + 1)]


def _no_rev(place: Place, entry: Entry, error: GatewayError) -> Message:
    request = place.message(
        "norev", id=entry.uid, rev=entry.rev, sequence=entry.seq.json,
        error=str(error.status), reason=error.reason,
    )  # fmt: skip
    request.no_reply = True
    return request
