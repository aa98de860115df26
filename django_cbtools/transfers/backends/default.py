"""Files that Django serves itself."""

from __future__ import annotations

from typing import Any

from ..responses import respond


def prepare_upload(request: Any, url: str, private: bool = False) -> tuple[str, dict[str, str]]:
    """The view's own URL: files go to Django."""
    return url, {}


def serve_file(
    request: Any,
    file: Any,
    save_as: bool | str = False,
    content_type: str | None = None,
    trusted: bool = False,
) -> Any:
    """The file in pieces: ranges of it, or nothing where the client has it, are served too."""
    return respond(request, file, save_as, content_type, trusted)


def public_download_url(file: Any) -> str | None:
    """None: all files go by way of a view."""
    return None
