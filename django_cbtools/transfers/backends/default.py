"""A back end for files that Django serves itself."""

from __future__ import annotations

from typing import Any

from ..responses import respond


def prepare_upload(request: Any, url: str, private: bool = False) -> tuple[str, dict[str, str]]:
    """Return the URL of the view: files are sent to Django."""
    return url, {}


def serve_file(
    request: Any,
    file: Any,
    save_as: bool | str = False,
    content_type: str | None = None,
    trusted: bool = False,
) -> Any:
    """Return the file as a streamed response. Supports ranges and conditional requests."""
    return respond(request, file, save_as, content_type, trusted)


def public_download_url(file: Any) -> str | None:
    """Return None: all files are served by a view."""
    return None
