"""Quoting of names and uids as segments of a URL's path."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django_cbtools.exceptions import SyncGatewayBadRequest, shown

MAX_ID_BYTES = 250


def quote_name(name: str, what: str) -> str:
    """Return the name of a user or a view as a path segment.

    Raises SyncGatewayBadRequest for a name that cannot be one. A gateway does not unescape a slash
    in a segment, and would use another name.
    """
    if not _is_text(name) or name in ("", ".", "..") or "/" in name:
        raise SyncGatewayBadRequest(f"{name!r} cannot be the name of a {what}.")
    return quote(name, safe="")


def quote_uid(uid: str) -> str:
    """Return a document's uid as a path segment.

    Raises SyncGatewayBadRequest for a uid that cannot be one, since it would be another address.
    """
    if (
        not _is_text(uid)
        or not uid
        or uid.startswith("_")
        or len(uid.encode()) > MAX_ID_BYTES
        or not {".", ".."}.isdisjoint(uid.split("/"))
    ):
        raise SyncGatewayBadRequest(
            f"{uid!r} cannot be a document's uid: it has 1 to {MAX_ID_BYTES} bytes, does not "
            "begin with '_', and has no '.' or '..' between slashes.",
            uid=uid if isinstance(uid, str) else None,
        )
    # A gateway unescapes a path with no slash in the id twice (04-doc-ids.json).
    once = quote(uid, safe="")
    return quote(once, safe="") if "%" in uid and "/" not in uid else once


def quote_place(uid: str, name: str) -> tuple[str, str]:
    """Return a document's uid and the name of one of its attachments as path segments.

    Raises SyncGatewayBadRequest for a name that cannot be one.
    """
    quote_uid(uid)
    if not _is_text(name) or not name or not {".", "..", ""}.isdisjoint(name.split("/")):
        raise SyncGatewayBadRequest(
            f"document {shown(uid)}: {name!r} cannot be the name of an attachment: it is a text "
            "with no '.', no '..' and no empty part between slashes.",
            uid=uid,
        )
    uid, name = quote(uid, safe=""), quote(name, safe="")
    # A gateway unescapes a path with an escaped slash once, and any other twice.
    if "%2F" in uid + name:
        return uid, name
    return quote(uid, safe=""), quote(name, safe="")


def _is_text(value: Any) -> bool:
    """Return whether the value is a string that UTF-8 can encode."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False
