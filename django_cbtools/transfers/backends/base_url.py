"""A back end for files at a base URL of another server, by their names."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django_cbtools import conf

from ..names import safe_name


def public_download_url(file: Any) -> str | None:
    """Return PUBLIC_DOWNLOADS_URL_BASE followed by the name of the file.

    Raises ImproperlyConfigured without this setting, and SuspiciousFileOperation if the name leads
    elsewhere.
    """
    base: str = conf.require("PUBLIC_DOWNLOADS_URL_BASE", "files have their URLs there")
    return f"{base.rstrip('/')}/{quote(safe_name(file))}"
