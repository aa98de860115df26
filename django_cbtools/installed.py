"""A system check that INSTALLED_APPS contains the library. Documents work without that, but not the
library's commands, checks and receivers."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Warning, register

APP = "django_cbtools"


# An app registers its checks when it is ready. This check is registered by modules that can be
# imported without the app: documents, and the database backends.
@register("cbtools")
def check_installed(**kwargs: Any) -> list[CheckMessage]:
    """Check that the library is in INSTALLED_APPS."""
    if apps.is_installed(APP):
        return []
    return [
        Warning(
            f"{APP!r} is not in INSTALLED_APPS, and its documents or its database ENGINE are used: "
            "its commands, its other checks and its receivers are missing.",
            hint=f"Add {APP!r} to INSTALLED_APPS.",
            id="cbtools.W023",
        )
    ]
