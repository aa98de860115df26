"""Finds out whether a write was done if its answer was lost.

The id of a revision is a digest of its parent's id and its body (``rev-digest-examples.json``
beside the recordings), so the id that a write creates is known in advance. Two writes of exactly
the same JSON on the same parent cannot be told apart. This only concerns a document that is created
again with its old uid and body. (Models store the time of saving in the body.)
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from django_cbtools import canonical
from django_cbtools.exceptions import (
    SyncGatewayAnswerLost,
    SyncGatewayConflict,
    SyncGatewayException,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
    shown,
)

from ..calls.client import PUBLIC, dumps, load_rows, loads, quote_uid, request
from ..calls.matching import check_document, check_rows, other
from ..calls.multipart import load_parts


class Write(NamedTuple):
    """A document's body as it is sent. ``_rev`` in it is its parent revision."""

    uid: str
    body: Mapping[str, Any]

    @property
    def parent(self) -> str:
        return self.body.get("_rev") or ""

    def misfit(self, row: Mapping[str, Any], tombstone: str = "") -> str | None:
        """Return how the gateway's row shows that it belongs to another write, or None if it fits.

        ``tombstone`` is the revision that a new document goes on from, or '' if there is none.
        """
        if row.get("id", self.uid) != self.uid or ("rev" in row and "id" not in row):
            return f"it is not about document {shown(self.uid)}"
        if "rev" not in row:
            return None
        parent = self.parent or tombstone
        # The digest of a body with attachments differs between gateways.
        wanted = canonical.generation(parent) + 1
        is_made = (
            str(row["rev"]).startswith(f"{wanted}-")
            if self.body.get("_attachments")
            else row["rev"] == canonical.revision_id(parent, self.texts()[0])
        )
        return None if is_made else f"it has another revision of document {shown(self.uid)}"

    def revs(self) -> list[str]:
        """Return the revision ids that the write can have made."""
        return [canonical.revision_id(self.parent, text) for text in self.texts()]

    def texts(self) -> list[str]:
        """Return the texts that the revision's digest may be computed from."""
        body, _ = canonical.loads(dumps(self.body).decode())
        texts = [canonical.digest_body(body)]
        if body.get("_attachments"):
            # Gateways before 3.0 also include attachments in the digest.
            kept = {key: body[key] for key in body if key not in canonical.SPECIAL}
            texts.append(canonical.dumps({**kept, "_attachments": body["_attachments"]}))
        return texts


#: The outcome of a write: its revision id, None if it has not been done and may be sent again, or
#: the reason why it may not.
Outcome: TypeAlias = "str | SyncGatewayException | None"


def misfits(writes: Sequence[Write], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield how the gateway's rows show that they are about other writes than these.

    A new document goes on from its tombstone, if there is one. Its revision tells whether it is
    ours together with the tombstone's, for which the gateway is asked: once for all of them.
    """
    pairs = list(zip(writes, rows, strict=True))
    revived = [
        (write.uid, str(row["rev"]))
        for write, row in pairs
        if not write.parent and not str(row.get("rev", "1-")).startswith("1-")
    ]
    tombstones = _parents(revived) if revived else {}
    for write, row in pairs:
        what = write.misfit(row, tombstones.get((write.uid, str(row.get("rev"))), ""))
        if what:
            yield what


def _parents(revs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the parents of documents' revisions, as far as the gateway knows them."""
    query = {"revs": "true", "attachments": "false"}
    body = {"docs": [{"id": uid, "rev": rev} for uid, rev in revs]}
    found = {}
    try:
        response = request(
            PUBLIC, "POST", "_bulk_get", query=query, body=body, accept="multipart/mixed"
        )
        for part in load_parts(response):
            if isinstance(part, dict) and "error" not in part:
                for rev, parent in links(part):
                    found[str(part.get("_id")), rev] = parent
    except SyncGatewayException as error:
        raise SyncGatewayAnswerLost(str(error), status=error.status) from error
    return found


def settle(writes: Sequence[Write]) -> list[Outcome]:
    """Return the outcomes of writes, as the gateway tells them.

    This takes one request for writes that have been done, one more for updates that have not, and
    one for each write that is doubtful then. Raises SyncGatewayUnavailable if the gateway cannot be
    asked.
    """
    outcomes: list[Outcome] = [None] * len(writes)
    asked = [write.revs() for write in writes]
    revs: dict[str, list[str]] = {}
    for write, ids in zip(writes, asked, strict=True):
        revs.setdefault(write.uid, []).extend(ids)
    # The response only lists missing revisions, so an empty object from any server would mean that
    # none is missing. A revision that nobody can have made shows that the response belongs to this
    # request.
    nobodys = f"1-{secrets.token_hex(16)}"
    question = {uid: [*ids, nobodys] for uid, ids in revs.items()}
    response = request(PUBLIC, "POST", "_revs_diff", body=question)
    diff = loads(response)
    if not isinstance(diff, dict) or any(
        nobodys not in _missing(diff, uid) or not _missing(diff, uid) <= {*ids}
        for uid, ids in question.items()
    ):
        raise other(response, "it is not about these revisions")
    missing = []
    for index, (write, ids) in enumerate(zip(writes, asked, strict=True)):
        there = [rev for rev in ids if rev not in _missing(diff, write.uid)]
        if there:
            outcomes[index] = there[0]
        else:
            missing.append(index)
    current = _current([writes[index] for index in missing])
    for index in missing:
        write = writes[index]
        if not write.parent or current.get(write.uid) != write.parent:
            outcomes[index] = _doubtful(write)
    return outcomes


def _missing(diff: Mapping[str, Any], uid: str) -> set[str]:
    told = diff.get(uid)
    missing = told.get("missing") if isinstance(told, dict) else None
    return {rev for rev in missing if isinstance(rev, str)} if isinstance(missing, list) else set()


def _current(writes: Sequence[Write]) -> dict[str, str]:
    """Return the current revisions of the documents that are updated."""
    uids = [write.uid for write in writes if write.parent]
    if not uids:
        return {}
    response = request(PUBLIC, "POST", "_all_docs", body={"keys": uids})
    rows = load_rows(response, len(uids))["rows"]
    check_rows(response, rows, uids)
    return {row["id"]: row["value"]["rev"] for row in rows if "error" not in row}


def _doubtful(write: Write) -> Outcome:
    """Return the outcome of a write whose own revision does not show it."""
    query = {"open_revs": "all", "revs": "true"}
    try:
        answer = request(PUBLIC, "GET", quote_uid(write.uid), query=query, uid=write.uid)
    except SyncGatewayNotFound as error:
        # The document has never existed. (If it was to be updated, the gateway reports that later.)
        return None if error.reason != "deleted" else _conflict(write, "Document deleted")
    except SyncGatewayUnavailable:
        raise
    except SyncGatewayException as error:
        return error
    found = loads(answer)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise other(answer, f"it has no revisions of document {shown(write.uid)}")
    leaves = [item.get("ok") for item in found]
    for leaf in leaves:
        check_document(answer, write.uid, leaf)
    texts = write.texts()
    for leaf in leaves:
        for rev, parent in links(leaf):
            # A document that was created again goes on from its tombstone.
            if (not write.parent or parent == write.parent) and (
                any(rev == canonical.revision_id(parent, text) for text in texts)
                or (rev == leaf["_rev"] and _has_same_body(write, leaf))
            ):
                return rev
    live = [leaf for leaf in leaves if not leaf.get("_deleted")]
    wanted = canonical.generation(write.parent) + 1
    if any(write.parent == leaf["_rev"] for leaf in leaves):
        # _all_docs may have returned another revision a moment ago.
        return None
    if leaves and all(_oldest(leaf) > wanted for leaf in leaves):
        return _unknown(write)
    return _conflict(write, "Document revision conflict" if live else "Document deleted")


def _conflict(write: Write, reason: str) -> SyncGatewayConflict:
    if write.parent or reason != "Document deleted":
        what = (
            "somebody has written it in between. The answer to our write was lost, and it has not "
            "been done. Load the document again, apply the change, and save."
        )
    else:
        what = (
            "there is a deleted document under its uid. The answer to our write was lost, and it "
            "has not been done; it may be that somebody has deleted it since. Save once more to "
            "make it all the same."
        )
    return SyncGatewayConflict(
        f"document {shown(write.uid)}: {what}",
        status=409,
        error="conflict",
        reason=reason,
        uid=write.uid,
    )


def _unknown(write: Write) -> SyncGatewayAnswerLost:
    return SyncGatewayAnswerLost(
        f"document {shown(write.uid)}: the answer to our write was lost, and so many have "
        "followed that the gateway (its revs_limit) no longer knows whether it was done. Load it "
        "and look.",
        uid=write.uid,
    )


def links(leaf: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the revisions of a branch, newest first, each with its parent. The root's parent is
    ''."""
    history = leaf.get("_revisions") or {}
    start, ids = history.get("start", 0), history.get("ids", ())
    revs = [*(f"{start - n}-{digest}" for n, digest in enumerate(ids)), ""]
    for rev, parent in pairwise(revs):
        if parent or canonical.generation(rev) == 1:
            yield rev, parent


def _oldest(leaf: Mapping[str, Any]) -> int:
    """Return the generation of the oldest known revision of a branch."""
    history = leaf.get("_revisions") or {}
    return int(history.get("start", 0)) - len(history.get("ids", ())) + 1


def _has_same_body(write: Write, leaf: Mapping[str, Any]) -> bool:
    """Return whether a leaf revision has the write's body. Digests do not tell this for gateways
    that compute them otherwise, such as old gateways for bodies with attachments."""
    ours, _ = canonical.loads(dumps(write.body).decode())
    theirs, _ = canonical.loads(json.dumps(leaf))
    return set(ours.get("_attachments") or ()) == set(theirs.get("_attachments") or ()) and (
        canonical.digest_body(ours) == canonical.digest_body(theirs)
    )
