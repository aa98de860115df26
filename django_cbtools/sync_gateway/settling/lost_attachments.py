"""Finds out whether a change of an attachment was done if its answer was lost.

Neither the digest of a revision nor its body depends on attachments. So a revision is taken as ours
if its parent is our revision, it has the same body, and it has the attachment that was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django_cbtools import canonical
from django_cbtools.exceptions import (
    SyncGatewayAnswerLost,
    SyncGatewayConflict,
    SyncGatewayNotFound,
    shown,
)

from ..calls.client import PUBLIC, dumps, loads, quote_uid, request
from ..calls.matching import check_document, other
from .lost_writes import links


class Change(NamedTuple):
    """A write or deletion of a document's attachment."""

    uid: str
    #: The parent revision, or '' if the document does not exist yet.
    parent: str
    name: str
    #: A function that returns the attachment's digest after the change. None if it was deleted, or
    #: never sent as a whole.
    digest: Callable[[], str | None]


def revision_made(change: Change) -> list[str]:
    """Return a list with the revision that a change has made, or an empty list if the change has to
    be sent again.

    Raises SyncGatewayConflict if somebody else has written in between, and SyncGatewayAnswerLost if
    the gateway no longer knows the outcome.
    """
    query = {"open_revs": "all", "revs": "true"}
    try:
        answer = request(PUBLIC, "GET", quote_uid(change.uid), query=query, uid=change.uid)
    except SyncGatewayNotFound:
        return []
    leaves: list[Any] = [item.get("ok") for item in loads(answer) if isinstance(item, dict)]
    for leaf in leaves:
        check_document(answer, change.uid, leaf)
    if not leaves:
        raise other(answer, f"it has no revisions of document {shown(change.uid)}")
    is_open = change.parent in [leaf["_rev"] for leaf in leaves]
    for leaf in leaves:
        for rev, parent in links(leaf):
            if parent == change.parent and _is_ours(change, rev, leaf):
                return [rev]
    if is_open or (not change.parent and all(leaf.get("_deleted") for leaf in leaves)):
        return []
    raise SyncGatewayConflict(
        f"document {shown(change.uid)}: somebody has written it in between. The answer to our "
        f"write of attachment {shown(change.name)} was lost, and it has not been done. Load the "
        "document again, and write the attachment once more.",
        status=409,
        error="conflict",
        reason="Document revision conflict",
        uid=change.uid,
    )


def _is_ours(change: Change, rev: str, leaf: Mapping[str, Any]) -> bool:
    made = leaf if rev == leaf["_rev"] else _revision(change, rev)
    before = _revision(change, change.parent) if change.parent else {}
    stub = (made.get("_attachments") or {}).get(change.name) or {}
    return stub.get("digest") == change.digest() and _text(made) == _text(before)


def _revision(change: Change, rev: str) -> dict[str, Any]:
    try:
        answer = request(PUBLIC, "GET", quote_uid(change.uid), query={"rev": rev}, uid=change.uid)
    except SyncGatewayNotFound as error:
        raise SyncGatewayAnswerLost(
            f"document {shown(change.uid)}: the answer to our write of attachment "
            f"{shown(change.name)} was lost, and the gateway no longer has revision {rev}, which "
            "would tell whether it was done. Load the document and look.",
            uid=change.uid,
        ) from error
    found: dict[str, Any] = loads(answer)
    check_document(answer, change.uid, found, rev)
    return found


def _text(document: Mapping[str, Any]) -> str:
    return canonical.digest_body(canonical.loads(dumps(document).decode())[0])
