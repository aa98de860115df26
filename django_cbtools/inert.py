"""Headers that keep browsers from executing files that users have stored.

Everything that a site serves has the site's origin. Without these headers, a script in an uploaded
file could act on the site with the rights of the user who opens the file.
"""

from __future__ import annotations

import re

#: The headers of answers with what users have stored. They keep browsers from guessing another
#: content type, and keep a page from running scripts and from belonging to the site's origin.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
#: Chromium does not show a PDF in a sandbox. A PDF needs none, since its scripts do not run in the
#: site's origin.
_PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"

#: Media types that browsers display and that cannot contain anything that browsers execute.
_INERT = frozenset((
    "application/json", "application/pdf", "text/plain",
    "image/apng", "image/avif", "image/bmp", "image/gif", "image/heic", "image/jpeg", "image/png",
    "image/tiff", "image/vnd.microsoft.icon", "image/webp", "image/x-icon",
    "audio/aac", "audio/aiff", "audio/flac", "audio/midi", "audio/mp4", "audio/mpeg", "audio/ogg",
    "audio/wav", "audio/wave", "audio/webm", "audio/x-wav",
    "video/avi", "video/mp4", "video/mpeg", "video/ogg", "video/quicktime", "video/webm",
))  # fmt: skip
# Browsers parse a Content-Type with commas, comments or control characters in different ways.
_TYPE = re.compile(r"([a-z]+/[a-z0-9.+-]+)( ?; ?[a-z]+=[a-z0-9._+-]+)?;?", re.IGNORECASE)


def media_type(content_type: str) -> str:
    """Return the media type, in lower case, in a Content-Type that all browsers parse alike.

    Returns '' if browsers might parse it differently.
    """
    found = _TYPE.fullmatch(content_type)
    return found[1].lower() if found else ""


def is_inert(content_type: str) -> bool:
    """Return whether a browser may display a stored file of this type in the site's origin."""
    return media_type(content_type) in _INERT


def headers_of(content_type: str) -> dict[str, str]:
    """Return the headers of a response with a stored file of this type."""
    if media_type(content_type) == "application/pdf":
        return {**HEADERS, "Content-Security-Policy": _PDF_POLICY}
    return HEADERS
