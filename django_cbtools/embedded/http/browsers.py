"""What keeps a browser from running, as a part of the site, what a user has stored.

A gateway that is mounted in a site shares its origin: a script in an attachment could do there
whatever the reader may do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

#: For every answer: the type is the one that is given, and a page may neither run scripts nor count
#: as the site's.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
#: A sandbox would keep Chromium from showing a PDF, whose scripts do not belong to the site anyway.
_PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"

#: Media types that browsers show, and that cannot hold anything that they run.
_INERT = frozenset((
    "application/json", "application/pdf", "text/plain",
    "image/apng", "image/avif", "image/bmp", "image/gif", "image/heic", "image/jpeg", "image/png",
    "image/tiff", "image/vnd.microsoft.icon", "image/webp", "image/x-icon",
    "audio/aac", "audio/aiff", "audio/flac", "audio/midi", "audio/mp4", "audio/mpeg", "audio/ogg",
    "audio/wav", "audio/wave", "audio/webm", "audio/x-wav",
    "video/avi", "video/mp4", "video/mpeg", "video/ogg", "video/quicktime", "video/webm",
))  # fmt: skip
# Browsers are not of one mind about what has commas, comments or control characters.
_TYPE = re.compile(r"([a-z]+/[a-z0-9.+-]+)( ?; ?[a-z]+=[a-z0-9._+-]+)?;?", re.IGNORECASE)


def media_type(content_type: str) -> str:
    """The media type in a Content-Type that all browsers read in the same way; '' for another."""
    found = _TYPE.fullmatch(content_type)
    return found[1].lower() if found else ""


def is_inert(content_type: str) -> bool:
    """Whether a browser may show a stored file of this type beside the site's pages."""
    return media_type(content_type) in _INERT


def protect(headers: dict[str, str], asked: Mapping[str, str]) -> None:
    """Complete the headers of an answer; the names of those of the request are in lower case."""
    content_type = headers.get("Content-Type", "")
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if media_type(content_type) == "application/pdf":
        headers["Content-Security-Policy"] = _PDF_POLICY
    # Firefox shows each part as what its own Content-Type says.
    if content_type.startswith("multipart/") and "text/html" in asked.get("accept", ""):
        headers.setdefault("Content-Disposition", "attachment")
