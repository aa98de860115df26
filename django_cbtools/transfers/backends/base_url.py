"""Files at a base URL of another server, under their own names."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django_cbtools import conf

from ..names import safe_name


def public_download_url(file: Any) -> str | None:
    """PUBLIC_DOWNLOADS_URL_BASE with the file's name behind it.

    Raises ImproperlyConfigured where the settings do not have it, SuspiciousFileOperation for a
    name that leads elsewhere.
    """
    base: str = conf.require("PUBLIC_DOWNLOADS_URL_BASE", "files have their URLs there")
    return f"{base.rstrip('/')}/{quote(safe_name(file))}"
