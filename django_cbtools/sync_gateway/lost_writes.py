"""What has become of a write whose answer was lost.

A revision's id is a digest of its parent's id and its body (``rev-digest-examples.json`` beside
the recordings), so we know the id that a write has made, if it has been done. What cannot be told
apart is the very same JSON written twice on the same parent: a document made anew under its old uid
with the very body of its first life (models' have their moment of saving in it).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from django_cbtools import canonical
from django_cbtools.exceptions import (
    SyncGatewayAnswerLost,
    SyncGatewayConflict,
    SyncGatewayException,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
    shown,
)

from .client import PUBLIC, dumps, loads, quote_uid, request
from .errors import no_gateways

if TYPE_CHECKING:
    import requests


class Write(NamedTuple):
    """A document's body as it is sent; ``_rev`` in it is the revision that it starts from."""

    uid: str
    body: Mapping[str, Any]

    @property
    def parent(self) -> str:
        return self.body.get("_rev") or ""

    def texts(self) -> list[str]:
        """What the digest of its revision may be taken over."""
        body, _ = canonical.loads(dumps(self.body).decode())
        texts = [canonical.digest_body(body)]
        if body.get("_attachments"):
            # Gateways before 3.0 took it over them, too.
            kept = {key: body[key] for key in body if key not in canonical.SPECIAL}
            texts.append(canonical.dumps({**kept, "_attachments": body["_attachments"]}))
        return texts


#: What has become of a write: the id of its revision, None where it has not been done and may be
#: sent again, or the reason why it may not.
Outcome: TypeAlias = "str | SyncGatewayException | None"


def settle(writes: Sequence[Write]) -> list[Outcome]:
    """Ask the gateway what has become of writes: in one request for those that have been done, one
    more for updates that have not, and one for each that is doubtful then.

    Raises SyncGatewayUnavailable where it cannot be asked.
    """
    outcomes: list[Outcome] = [None] * len(writes)
    asked = [
        [canonical.revision_id(write.parent, text) for text in write.texts()] for write in writes
    ]
    revs: dict[str, list[str]] = {}
    for write, ids in zip(writes, asked, strict=True):
        revs.setdefault(write.uid, []).extend(ids)
    response = request(PUBLIC, "POST", "_revs_diff", body=revs)
    # It tells only of what is missing: an object of anybody's would tell that all is there.
    diff = _answer(response, lambda found: isinstance(found, dict) and found.keys() <= revs.keys())
    missing = []
    for index, (write, ids) in enumerate(zip(writes, asked, strict=True)):
        unknown = diff.get(write.uid, {}).get("missing") or ()
        there = [rev for rev in ids if rev not in unknown]
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


def _answer(response: requests.Response, is_right: Callable[[Any], bool]) -> Any:
    """The JSON of an answer; raises SyncGatewayUnavailable where it is no gateway's."""
    found = loads(response)
    if not is_right(found):
        raise SyncGatewayUnavailable(no_gateways(response.url, response.status_code))
    return found


def _current(writes: Sequence[Write]) -> dict[str, str]:
    """The current revisions of the documents that are updated."""
    uids = [write.uid for write in writes if write.parent]
    if not uids:
        return {}
    response = request(PUBLIC, "POST", "_all_docs", body={"keys": uids})
    rows = _answer(response, lambda found: isinstance(found, dict) and "rows" in found)["rows"]
    return {row["id"]: row["value"]["rev"] for row in rows if "error" not in row}


def _doubtful(write: Write) -> Outcome:
    """What has become of a write that its own revision does not tell."""
    query = {"open_revs": "all", "revs": "true"}
    try:
        answer = request(PUBLIC, "GET", quote_uid(write.uid), query=query, uid=write.uid)
    except SyncGatewayNotFound as error:
        # There has never been such a document. (One to be updated: the gateway shall say so.)
        return None if error.reason != "deleted" else _conflict(write, "Document deleted")
    except SyncGatewayUnavailable:
        raise
    except SyncGatewayException as error:
        return error
    found = _answer(answer, lambda found: isinstance(found, list) and all("ok" in x for x in found))
    leaves = [item["ok"] for item in found]
    texts = write.texts()
    for leaf in leaves:
        for rev, parent in _links(leaf):
            # A document that was made anew goes on from its tombstone.
            if (not write.parent or parent == write.parent) and (
                any(rev == canonical.revision_id(parent, text) for text in texts)
                or (rev == leaf["_rev"] and _has_same_body(write, leaf))
            ):
                return rev
    live = [leaf for leaf in leaves if not leaf.get("_deleted")]
    wanted = canonical.generation(write.parent) + 1
    if any(write.parent == leaf["_rev"] for leaf in leaves):
        # _all_docs may have told of another a moment ago.
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


def _links(leaf: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The revisions of a branch, newest first, each with its parent; a root's is ''."""
    history = leaf.get("_revisions") or {}
    start, ids = history.get("start", 0), history.get("ids", ())
    revs = [f"{start - n}-{digest}" for n, digest in enumerate(ids)]
    for rev, parent in zip(revs, [*revs[1:], ""], strict=True):
        if parent or canonical.generation(rev) == 1:
            yield rev, parent


def _oldest(leaf: Mapping[str, Any]) -> int:
    """The generation of the oldest revision that is known of a branch."""
    history = leaf.get("_revisions") or {}
    return int(history.get("start", 0)) - len(history.get("ids", ())) + 1


def _has_same_body(write: Write, leaf: Mapping[str, Any]) -> bool:
    """Whether a leaf has our body, for a gateway whose digests with attachments are others."""
    if not write.body.get("_attachments") or "_attachments" not in leaf:
        return False
    ours, _ = canonical.loads(dumps(write.body).decode())
    theirs, _ = canonical.loads(json.dumps(leaf))
    return set(ours["_attachments"]) == set(theirs["_attachments"]) and (
        canonical.digest_body(ours) == canonical.digest_body(theirs)
    )
