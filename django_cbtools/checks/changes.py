"""A check of the setting for following changes."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.following import queued


@register("cbtools")
def check_changes(**kwargs: Any) -> list[CheckMessage]:
    """Check that SYNC_GATEWAY_CHANGES names a cache and a queue that exist."""
    try:
        queued.queue()
    except ImproperlyConfigured as error:
        message = str(error)
    except Exception as error:  # of the module that is imported
        message = f"{queued.NAME} cannot be imported: {type(error).__name__}: {error}"
    else:
        return []
    hint = "docs/phones.rst says what it takes."
    return [Error(message, hint=hint, id="cbtools.E018")]
