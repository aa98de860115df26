"""A back end for files that the web server reads from disk (X-Sendfile of Apache or lighttpd)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.http import HttpResponse

from ..responses import protecting


def serve_file(
    request: Any,
    file: Any,
    save_as: bool | str = False,
    content_type: str | None = None,
    trusted: bool = False,
) -> Any:
    """Return an empty response that tells the web server which file to serve: ``file.path``."""
    response = HttpResponse(headers=protecting(save_as, file.name, content_type or "", trusted))
    # Both servers decode the header.
    response.headers["X-Sendfile"] = quote(file.path)
    return response
