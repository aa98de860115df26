"""Generates uids of new documents."""

from __future__ import annotations

import uuid

# The alphabet of shortuuid, which 1.x used: no letters and digits that look alike.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LENGTH = 22


def new_uid(prefix: str, source: str = "") -> str:
    """Return ``<prefix>_<shortuuid>``: a random UUID in 22 letters and digits. With ``source``, the
    UUID is computed from it."""
    found = uuid.uuid5(uuid.NAMESPACE_OID, source) if source else uuid.uuid4()
    number = found.int
    letters = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(letters)}"
