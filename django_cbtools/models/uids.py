"""Generates uids of new documents."""

from __future__ import annotations

import uuid

# The alphabet of shortuuid, which 1.x used: no letters and digits that look alike.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LENGTH = 22


def new_uid(prefix: str, source: str = "") -> str:
    """Return ``<prefix>_<shortuuid>``: a random UUID in 22 letters and digits. With ``source``, the
    UUID is computed from it.

    A letter follows the underscore of a random uid. Django's admin takes ``_3B`` in a URL for a
    quoted character, so that a URL which somebody wrote without ``quote()`` would fail for a few
    documents only.
    """
    if source:
        return f"{prefix}_{_short(uuid.uuid5(uuid.NAMESPACE_OID, source))}"
    while (short := _short(uuid.uuid4()))[0].isdigit():
        pass
    return f"{prefix}_{short}"


def _short(found: uuid.UUID) -> str:
    number = found.int
    letters = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)
