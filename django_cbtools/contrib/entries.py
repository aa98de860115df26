"""Small documents for the server only: the entries of caches and sessions.

They are in no channel, so that no phone gets them. An entry is invalid after ``expires`` (seconds
since 1970). The gateway deletes it then, because of ``_exp``.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django_cbtools.conflicts import waits
from django_cbtools.exceptions import SyncGatewayConflict, SyncGatewayNotFound
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import PUBLIC, load_rows, request
from django_cbtools.sync_gateway.calls.matching import check_rows
from django_cbtools.sync_gateway.documents.documents import BULK_COUNT, batches, row_exception

#: The number of attempts of a write if others write the same document, the seconds before the third
#: attempt, and the factor of each further pause.
ATTEMPTS, DELAY, BACKOFF = 20, 0.01, 1.3
#: The largest ``_exp`` that a gateway takes.
_MAX_EXP = (1 << 32) - 1


class Entry(NamedTuple):
    """An entry's revision and document."""

    rev: str
    body: Mapping[str, Any]

    @property
    def is_live(self) -> bool:
        """True if the entry has not expired. The gateway may delete it later than that."""
        expires = self.body.get("expires")
        return not isinstance(expires, (int, float)) or expires > time.time()


#: The body that deletes a document.
GONE: Mapping[str, Any] = {"_deleted": True}

#: A function that takes a uid and the present entry (None if there is none), and returns the body
#: to write, or None to write nothing.
Decide = Callable[[str, "Entry | None"], "Mapping[str, Any] | None"]


def body(doc_type: str, expires: float | None, **members: Any) -> dict[str, Any]:
    """Return the JSON of an entry. It contains a random stamp, so that equal entries of two
    programs have different revisions."""
    found = {"doc_type": doc_type, "channels": [], "expires": expires, **members}
    if expires is not None and (seconds := math.ceil(expires)) <= _MAX_EXP:
        # A number of seconds that is smaller than now would be taken for a time to live.
        found["_exp"] = max(seconds, math.ceil(time.time()) + 1)
    return {**found, "stamp": secrets.token_hex(8)}


def read(uids: Iterable[str]) -> dict[str, Entry]:
    """Load the entries with these uids, including expired ones, in one request for each
    thousand."""
    found = {}
    for batch in batches(dict.fromkeys(uids)):
        for row in SyncGateway.all_docs(batch)["rows"]:
            if "doc" in row:
                found[row["id"]] = Entry(row["value"]["rev"], row["doc"])
            elif row.get("status") != 404 and row.get("error") != "not_found":
                raise row_exception(row["key"], row)
    return found


def write(uids: Iterable[str], decide: Decide, there: Mapping[str, Entry] | None = None) -> None:
    """Write the document that ``decide`` returns for each uid and its present entry. None means to
    write nothing. If somebody else was faster, decide again with the new entry.

    ``there`` are the expected entries (``{}``: none), which are not read first. Then it takes one
    request if they are right, three if not. Without ``there``, it takes two. Raises
    SyncGatewayConflict if others were faster too often.
    """
    for batch in batches(dict.fromkeys(uids)):
        _write(batch, decide, read(batch) if there is None else there)


def _write(uids: list[str], decide: Decide, there: Mapping[str, Entry]) -> None:
    for number, wait in enumerate(waits(ATTEMPTS, DELAY, BACKOFF)):
        docs = []
        for uid in uids:
            entry = there.get(uid)
            decided = decide(uid, entry)
            if decided is not None:
                rev = {} if entry is None else {"_rev": entry.rev}
                docs.append({**decided, **rev, "_id": uid})
        rows = SyncGateway.bulk_docs(docs) if docs else []
        refused = {}
        for doc, row in zip(docs, rows, strict=True):
            if "rev" not in row:
                refused[doc["_id"]] = row_exception(doc["_id"], row)
        for error in refused.values():
            if wait is None or not isinstance(error, (SyncGatewayConflict, SyncGatewayNotFound)):
                raise error
        if not refused:
            return
        if number and wait is not None:
            time.sleep(wait)
        uids = list(refused)
        there = read(uids)


def listed(prefix: str, *, bodies: bool = False) -> Iterator[dict[str, Entry]]:
    """Yield the entries whose uids are a prefix and hexadecimal digits, in batches. They have no
    bodies, unless ``bodies`` is true."""
    start = prefix
    query = {"endkey": json.dumps(prefix + "g"), "limit": str(BULK_COUNT)}
    if bodies:
        query["include_docs"] = "true"
    while True:
        response = request(
            PUBLIC, "GET", "_all_docs", query={**query, "startkey": json.dumps(start)}
        )
        rows = load_rows(response)["rows"]
        check_rows(response, rows, None)
        found = {row["id"]: Entry(row["value"]["rev"], row.get("doc", {})) for row in rows}
        if found:
            yield found
        if len(rows) < BULK_COUNT:
            return
        start = rows[-1]["id"] + "0"


def remove(entries: Mapping[str, Entry]) -> None:
    """Delete entries, except those that have been written since they were read."""
    if not entries:
        return
    docs = [{**GONE, "_id": uid, "_rev": entry.rev} for uid, entry in entries.items()]
    for doc, row in zip(docs, SyncGateway.bulk_docs(docs), strict=True):
        if "rev" not in row and row.get("status") not in (404, 409):
            raise row_exception(str(doc["_id"]), row)
