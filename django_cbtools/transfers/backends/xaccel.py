"""Files that nginx serves from an internal location (X-Accel-Redirect)."""

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
    """An empty answer that names the file to nginx: SERVE_FILE_XACCEL_URL, an internal location,
    with the file's name behind it. Raises ImproperlyConfigured where the settings do not have it,
    SuspiciousFileOperation for a name that leads elsewhere.
    """
    base: str = conf.require("SERVE_FILE_XACCEL_URL", "nginx has the files under it")
    response = HttpResponse(headers=protecting(save_as, file.name, content_type or "", trusted))
    response.headers["X-Accel-Redirect"] = f"{base.rstrip('/')}/{quote(safe_name(file))}"
    return response
