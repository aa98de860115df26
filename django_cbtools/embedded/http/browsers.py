"""Response headers that keep browsers from executing content that users have stored.

A gateway that is mounted in a site shares the site's origin.
"""

from __future__ import annotations

from collections.abc import Mapping

from django_cbtools.inert import HEADERS, headers_of, is_inert

__all__ = ["HEADERS", "adapt", "is_inert"]


def adapt(headers: dict[str, str], asked: Mapping[str, str]) -> None:
    """Adapt the protecting headers of an answer to its Content-Type.

    ``asked`` are the headers of the request, with their names in lower case.
    """
    content_type = headers.get("Content-Type", "")
    headers.update(headers_of(content_type))
    # Firefox displays each part according to its own Content-Type.
    if content_type.startswith("multipart/") and "text/html" in asked.get("accept", ""):
        headers.setdefault("Content-Disposition", "attachment")
