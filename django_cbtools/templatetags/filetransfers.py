"""Uploads and downloads in templates: ``{% load filetransfers %}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from django_cbtools import transfers

register = template.Library()


@register.simple_tag
def render_upload_data(upload_data: Mapping[str, Any]) -> SafeString:
    """Render the extra data of ``prepare_upload()`` as hidden inputs."""
    return format_html_join(
        "", '<input type="hidden" name="{}" value="{}">', (upload_data or {}).items()
    )


@register.filter
def public_download_url(file: Any, backend: str | None = None) -> str | None:
    """Return a URL from which anybody can download the file, or None if there is none."""
    return transfers.public_download_url(file, backend)
