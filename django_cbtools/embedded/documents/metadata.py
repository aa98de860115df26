"""The metadata that a real gateway keeps beside a document, for ``_raw`` and similar requests."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from ..database import Database
from ..errors import GatewayError
from ..principals import grants
from . import documents, expiry
from .documents import BRANCHED, DELETED, HIDDEN, Document, Stay


def of(database: Database, document: Document) -> dict[str, Any]:
    """Return a document's metadata. Takes one query for its revisions and one for its grants."""
    version, source = _version(document.cv)
    checksum = "0x00000000" if document.deleted else f"0x{_crc32c(document.body.encode()):08x}"
    recent = [*_kept_sequences(database, document), document.sequence][-20:]
    sync = {
        "cas": version,
        "rev": {"rev": document.rev, "src": source, "ver": version},
        "sequence": document.sequence,
        "recent_sequences": recent,
        "history": _history(document),
        "channels": {
            **{
                name: {
                    "seq": left.end,
                    "rev": dict(
                        zip(("rev", "ver", "src"), (left.rev, *_version(left.cv)), strict=True)
                    ),
                    **({"del": True} if left.deleted else {}),
                }
                for name, left in document.removals.items()
            },
            **dict.fromkeys(document.channels),
        },
        "channel_set": _channel_set(document) or None,
        "channel_set_history": [_stay(stay) for stay in document.past] or None,
        **_granted(database, document),
        "time_saved": _time(document.cv),
        "value_crc32c": checksum,
    }
    if not sync["channels"]:
        del sync["channels"]
    if document.deleted:
        sync["tombstoned_at"] = _nanoseconds(document.cv) // 10**9
    if document.tree.newest != document.rev:
        sync["new_rev"] = document.tree.newest
    if document.expires is not None:
        sync["exp"] = expiry.shown(document.expires)
    if flags := _flags(document):
        sync["flags"] = flags
    return {
        "$document": {
            "value_crc32c": checksum,
            "revid": str(len(recent)),
            "CAS": f"0x{document.cv.partition('@')[0]}",
        },
        "_globalSync": (
            {"attachments_meta": document.attachments} if document.attachments else None
        ),
        "_mou": None,
        "_sync": sync,
        "_vv": {"cvCas": version, "src": source, "ver": version},
    }


def redact(metadata: dict[str, Any], salt: str) -> None:
    """Replace the names in a document's metadata with digests, in place.

    Like a real gateway, raises a 500 GatewayError for a document without attachments.
    """

    def hidden(names: Mapping[str, Any]) -> dict[str, Any]:
        return {_digest(salt, name): value for name, value in names.items()}

    sync = metadata["_sync"]
    for key in ("channel_set", "channel_set_history"):
        for entry in sync[key] or ():
            entry["name"] = _digest(salt, entry["name"])
    if "channels" in sync:
        sync["channels"] = hidden(sync["channels"])
    for key in ("access", "role_access"):
        if key in sync:
            sync[key] = hidden({name: hidden(opened) for name, opened in sync[key].items()})
    if metadata["_globalSync"] is None:
        raise GatewayError(
            500,
            "Internal error: couldn't redact global sync data: couldn't unmarshal sync data: "
            "unexpected end of JSON input",
        )
    known = metadata["_globalSync"]["attachments_meta"]
    metadata["_globalSync"] = {"attachments_meta": hidden(known)}


def _digest(salt: str, name: str) -> str:
    return hashlib.sha1((salt + name).encode(), usedforsecurity=False).hexdigest()


def _flags(document: Document) -> int:
    hidden = document.tree.newest != document.rev
    branched = len(document.tree.leaves()) > 1
    return document.deleted * DELETED | hidden * HIDDEN | branched * BRANCHED


def _stay(stay: Stay) -> dict[str, Any]:
    """Return an earlier stay in a channel in a real gateway's form."""
    shown = {"name": stay.name, "start": stay.start, "end": stay.end}
    return {**shown, "compacted": True} if stay.compacted else shown


def _version(cv: str) -> tuple[str, str]:
    """Split a version into its number and its source.

    The number is written as in Couchbase Server, lowest byte first.
    """
    number, _, source = cv.partition("@")
    return f"0x{bytes.fromhex(number)[::-1].hex()}", source


def _nanoseconds(cv: str) -> int:
    return int(cv.partition("@")[0], 16)


def _time(cv: str) -> str:
    seconds, rest = divmod(_nanoseconds(cv), 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"


def _kept_sequences(database: Database, document: Document) -> list[int]:
    """Return the sequences of earlier revisions whose bodies are kept."""
    rows = database.rows(
        "SELECT sequence FROM cbtools_revisions "
        "WHERE keyspace = %s AND uid = %s AND superseded >= %s ORDER BY sequence",
        [database.keyspace, document.uid, documents.oldest_kept(database)],
    )
    return [sequence for (sequence,) in rows]


def _history(document: Document) -> dict[str, Any]:
    nodes = document.tree.nodes
    revs = list(reversed(nodes))
    places = {rev: place for place, rev in enumerate(revs)}
    deleted = [place for rev, place in places.items() if nodes[rev].deleted]
    return {
        "revs": revs,
        "parents": [places.get(nodes[rev].parent, -1) for rev in revs],
        **({"deleted": deleted} if deleted else {}),
    }


def _channel_set(document: Document) -> list[dict[str, Any]]:
    left = [
        {"name": name, "start": removal.start, "end": removal.end}
        for name, removal in document.removals.items()
    ]
    current = [{"name": name, "start": start} for name, start in document.channels.items()]
    return sorted([*left, *current], key=lambda entry: entry["start"])


def _granted(database: Database, document: Document) -> dict[str, dict[str, dict[str, int]]]:
    opened: dict[str, dict[str, dict[str, int]]] = {}
    for principal, kind, name, sequence in grants.by_document(database, document.uid):
        member = "access" if kind == grants.CHANNEL else "role_access"
        name = name if kind == grants.CHANNEL else grants.ROLE_PREFIX + name
        opened.setdefault(member, {}).setdefault(principal, {})[name] = sequence
    return opened


def _crc32c_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC32C = _crc32c_table()


def _crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) checksum, which Couchbase Server keeps of a body."""
    checksum = 0xFFFFFFFF
    for byte in data:
        checksum = checksum >> 8 ^ _CRC32C[(checksum ^ byte) & 0xFF]
    return checksum ^ 0xFFFFFFFF
