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
    """Hidden inputs for the data that ``prepare_upload()`` gives beside the URL."""
    return format_html_join(
        "", '<input type="hidden" name="{}" value="{}">', (upload_data or {}).items()
    )


@register.filter
def public_download_url(file: Any, backend: str | None = None) -> str | None:
    """A URL that anybody can load the file from; None where there is none."""
    return transfers.public_download_url(file, backend)
