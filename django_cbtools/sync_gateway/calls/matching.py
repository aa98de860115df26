"""Checks that a response belongs to its request.

A proxy may repeat a response, delay one, or swap two. They are recognized by ids, keys and
revisions. A response that does not match is an error, and the connections that it may have used are
closed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django_cbtools.exceptions import SyncGatewayUnavailable, shown

if TYPE_CHECKING:
    import requests


def wrong(
    response: requests.Response,
    message: str,
    kind: type[SyncGatewayUnavailable] = SyncGatewayUnavailable,
    uid: str | None = None,
) -> SyncGatewayUnavailable:
    """Return the exception for a successful response that cannot be right.

    The connection of the response, and the others of that time, are closed: the next response on
    them may also belong to another request.
    """
    adapter: Any = getattr(response, "connection", None)
    if adapter is not None:
        adapter.close()
    return kind(message, status=response.status_code, uid=uid)


def other(
    response: requests.Response,
    what: str,
    kind: type[SyncGatewayUnavailable] = SyncGatewayUnavailable,
    uid: str | None = None,
) -> SyncGatewayUnavailable:
    """Return the exception for a response to another request. ``what`` says how that shows. See
    :func:`wrong`."""
    from .errors import no_gateways

    about = f"is the answer to something else: {what}"
    return wrong(response, no_gateways(response.url, response.status_code, about), kind, uid)


def check_document(response: requests.Response, uid: str, found: Any, rev: str = "") -> None:
    """Raise SyncGatewayUnavailable unless an answer is a document (in that revision)."""
    if not isinstance(found, dict) or found.get("_id") != uid:
        raise other(response, f"it is not document {shown(uid)}", uid=uid)
    if rev and found.get("_rev") != rev:
        raise other(response, f"it is not revision {rev} of document {shown(uid)}", uid=uid)


def check_refusal(
    response: requests.Response, uid: str | None, kind: type[SyncGatewayUnavailable]
) -> None:
    """Raise SyncGatewayUnavailable, or its subclass ``kind``, if an error response is about another
    document."""
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return
    if isinstance(answer, dict) and uid and answer.get("id", uid) not in (uid, well_formed(uid)):
        raise other(response, f"it is not about document {shown(uid)}", kind, uid)


def check_rows(
    response: requests.Response, rows: Sequence[Any], keys: Sequence[str] | None
) -> None:
    """Raise SyncGatewayUnavailable unless rows of ``_all_docs`` are those of the keys, in their
    order (None: whatever there is), each with the document itself, if it has one."""
    for number, row in enumerate(rows):
        is_row = isinstance(row, dict)
        key = well_formed(keys[number]) if keys is not None else is_row and row.get("key")
        if not is_row or row.get("key") != key:
            raise other(response, f"row {number} is not about document {shown(str(key))}")
        if "error" not in row and not _is_whole(row, key):
            raise other(response, f"row {number} has another document than {shown(str(key))}")


def _is_whole(row: Mapping[str, Any], uid: Any) -> bool:
    value, document = row.get("value"), row.get("doc", {"_id": uid})
    return (
        row.get("id") == uid
        and isinstance(value, dict)
        and isinstance(document, dict)
        and document.get("_id") == uid
        and document.get("_rev", value.get("rev")) == value.get("rev")
    )


def check_view(response: requests.Response, rows: Sequence[Any], query: Mapping[str, str]) -> None:
    """Raise SyncGatewayUnavailable if rows do not come from a view, or not from this query."""
    keys = _asked_keys(query)
    # The gateway decides about a limit that is no number.
    limit = re.fullmatch(r"[0-9]{1,18}", query.get("limit", ""))
    if limit and len(rows) > int(limit[0]):
        raise other(response, f"it has more than {limit[0]} rows")
    values = {key for key in keys or () if not isinstance(key, (list, dict))}
    for row in rows:
        if not isinstance(row, dict) or not {"key", "value"} <= row.keys():
            raise other(response, "it has no rows of a view")
        key = row["key"]
        # Reduced rows have no id, and their keys may be parts of the requested keys.
        if keys is None or not row.get("id"):
            continue
        is_asked = key in keys if isinstance(key, (list, dict)) else key in values
        # Different texts may count as equal.
        if not is_asked and all(map(_is_plain, [key, *keys])):
            raise other(response, "it has rows with another key")


def _asked_keys(query: Mapping[str, str]) -> list[Any] | None:
    """Return the keys that a query asks for. None if it asks for any keys, or if its keys are no
    JSON."""
    try:
        keys = [json.loads(query["key"])] if "key" in query else json.loads(query["keys"])
    except (KeyError, ValueError):
        return None
    return keys if isinstance(keys, list) else None


def _is_plain(key: Any) -> bool:
    if isinstance(key, str):
        return key.isascii() and key.isprintable()
    if isinstance(key, list):
        return all(map(_is_plain, key))
    if isinstance(key, dict):
        return all(map(_is_plain, [*key, *key.values()]))
    return True


def well_formed(text: str) -> str:
    """Return the text as a gateway stores it: halves of surrogate pairs are replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
