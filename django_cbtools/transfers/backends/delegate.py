"""A back end that delegates uploads to one of two others: for private and for public files."""

from __future__ import annotations

from typing import Any

from django_cbtools import conf

from .. import api


def prepare_upload(request: Any, url: str, private: bool = False) -> tuple[str, dict[str, str]]:
    """Call PRIVATE_PREPARE_UPLOAD_BACKEND or PUBLIC_PREPARE_UPLOAD_BACKEND.

    Raises ImproperlyConfigured without the setting.
    """
    setting = f"{'PRIVATE' if private else 'PUBLIC'}_PREPARE_UPLOAD_BACKEND"
    backend = conf.require(setting, "uploads are delegated to it")
    return api.prepare_upload(request, url, private=private, backend=backend)
