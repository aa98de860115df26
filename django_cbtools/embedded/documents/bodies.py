"""Document bodies: checks of their properties, and the JSON that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_cbtools import canonical

from ..errors import GatewayError, bad_request, missing
from . import documents


def check_reserved(body: Mapping[str, Any]) -> None:
    """Raise a 400 GatewayError if a body contains the gateway's own property ``_sync``.

    Callers check this before anything else.
    """
    if "_sync" in body:
        raise bad_request("document-top level property '_sync' is a reserved internal property")


def check(body: Mapping[str, Any]) -> None:
    """Raise a GatewayError if a body contains properties that a new revision may not have.

    The status is 404 for ``_removed``, and 400 for ``_purged`` and ``_sync_...``.
    """
    if body.get("_removed") is not None:
        raise missing("Document revision is not accessible")
    if "_purged" in body:
        raise bad_request(
            "user defined top-level property '_purged' is not allowed in document body"
        )
    if any(key.startswith("_sync_") for key in body):
        raise bad_request(
            "user defined top-level properties that start with '_sync_' "
            "are not allowed in document body"
        )


def check_values(body: Mapping[str, Any]) -> None:
    """Raise a 413 GatewayError if the strings and numbers in a body exceed the document size limit.

    This cheap check comes before the body is serialized, which takes several times as much memory.
    """
    size = 0
    waiting = [value for key, value in body.items() if key != "_attachments"]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, canonical.Number):
            size += len(value.text)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    if size > documents.MAX_BYTES:
        raise GatewayError(413, "Document too large!")


def stored(body: Mapping[str, Any], digested: str) -> str:
    """Return the JSON to store for a body, without special properties.

    ``digested`` is the JSON from which the revision's digest was computed. Raises a 413
    GatewayError if the JSON is too large.
    """
    if body.get("_deleted") is True:
        return "{}"
    if "_deleted" in body or "_removed" in body:
        digested = canonical.dumps(
            {
                key: value
                for key, value in body.items()
                if key == "_removed" or (key not in canonical.SPECIAL and key != "_deleted")
            }
        )
    return documents.check_size(digested)
