"""A back end for files at their own URLs on another server."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseRedirect


def serve_file(
    request: Any,
    file: Any,
    save_as: bool | str = False,
    content_type: str | None = None,
    trusted: bool = False,
) -> Any:
    """Redirect to ``file.url``."""
    return HttpResponseRedirect(file.url)


def public_download_url(file: Any) -> str | None:
    """Return ``file.url``, which anybody can load."""
    url: str = file.url
    return url
