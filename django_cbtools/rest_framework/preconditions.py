"""Conditional requests with ETags from revisions, by RFC 9110."""

from __future__ import annotations

from typing import Any

from django.utils.http import parse_etags, quote_etag

_WEAK = "W/"


def etag_of(document: Any) -> str | None:
    """Return the ETag of a document, which is its revision in quotes. None if it was never
    saved."""
    return quote_etag(document.rev) if document.rev else None


def is_match(header: str, etag: str | None) -> bool:
    """Return whether ``If-Match`` holds, by the strong comparison, which is false for weak
    ETags."""
    etags = parse_etags(header)
    return etag is not None and (etags == ["*"] or etag in etags)


def is_none_match(header: str, etag: str | None) -> bool:
    """Return whether ``If-None-Match`` holds, by the weak comparison."""
    etags = parse_etags(header)
    if etag is None:
        return True
    return etags != ["*"] and etag.removeprefix(_WEAK) not in {
        each.removeprefix(_WEAK) for each in etags
    }
