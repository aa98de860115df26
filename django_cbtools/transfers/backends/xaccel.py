"""A back end for files that nginx serves from an internal location (X-Accel-Redirect)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.http import HttpResponse

from django_cbtools import conf

from ..names import safe_name
from ..responses import protecting


def serve_file(
    request: Any,
    file: Any,
    save_as: bool | str = False,
    content_type: str | None = None,
    trusted: bool = False,
) -> Any:
    """Return an empty response that tells nginx which file to serve.

    Its name is SERVE_FILE_XACCEL_URL, an internal location, followed by the name of the file.
    Raises ImproperlyConfigured without this setting, and SuspiciousFileOperation if the name leads
    elsewhere.
    """
    base: str = conf.require("SERVE_FILE_XACCEL_URL", "nginx has the files under it")
    response = HttpResponse(headers=protecting(save_as, file.name, content_type or "", trusted))
    response.headers["X-Accel-Redirect"] = f"{base.rstrip('/')}/{quote(safe_name(file))}"
    return response
