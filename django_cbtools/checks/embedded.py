"""Checks of the embedded gateway: its dependencies, and its use in production."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.urls import get_resolver

from django_cbtools import conf

from .databases import place

_ADMIN_URLS = "django_cbtools.embedded.urls.admin"


@register("cbtools")
def check_sqlite(**kwargs: Any) -> list[CheckMessage]:
    """Check that Python's SQLite is new enough for the embedded backend."""
    if not any(map(conf.is_embedded_alias, settings.DATABASES)):
        return []
    from django_cbtools.backends.embedded.base import MINIMUM_SQLITE

    if sqlite3.sqlite_version_info >= MINIMUM_SQLITE:
        return []
    return [
        Error(
            f"The embedded backend needs SQLite {'.'.join(map(str, MINIMUM_SQLITE))} or newer; "
            f"this Python has {sqlite3.sqlite_version}.",
            hint="Use a newer build of Python, or of the SQLite library that it loads.",
            id="cbtools.E004",
        )
    ]


@register("cbtools")
def check_javascript(**kwargs: Any) -> list[CheckMessage]:
    """Check that the engine of views and sync functions is installed if the embedded gateway is
    used."""
    if not place(conf.uses_embedded_gateway) or find_spec("py_mini_racer") is not None:
        return []
    return [
        Warning(
            "mini-racer is not installed: the embedded gateway can neither answer views nor run a "
            "sync function.",
            hint="pip install 'django-cbtools[embedded]'",
            id="cbtools.W008",
        )
    ]


@register("cbtools", Tags.security, deploy=True)
def check_debug(**kwargs: Any) -> list[CheckMessage]:
    """Check that the embedded gateway is not used if DEBUG is off.

    For deployments only: Django's test runner turns DEBUG off too.
    """
    if settings.DEBUG or not place(conf.uses_embedded_gateway):
        return []
    return [
        Warning(
            "Documents are kept by the embedded gateway, which is made for development and tests.",
            hint="Set SYNC_GATEWAY_URL, and another ENGINE in DATABASES.",
            id="cbtools.W009",
        )
    ]


@register("cbtools", Tags.security, Tags.urls)
def check_admin_urls(**kwargs: Any) -> list[CheckMessage]:
    """Check that the site's URLs do not expose the embedded gateway's admin API."""
    try:
        views = list(_views(get_resolver()))
    except Exception:
        return []  # Django's own checks report wrong URLs
    # It has been imported if the urls include it.
    admin = sys.modules.get(_ADMIN_URLS)
    if admin is None or not any(pattern.callback in views for pattern in admin.urlpatterns):
        return []
    return [
        Error(
            f"The site's urls include {_ADMIN_URLS}, which asks for no password: whoever reaches "
            "the site may read and change every document and user.",
            hint="Include django_cbtools.embedded.urls.public. For the admin API on a port of its "
            "own, on this machine only, there is `manage.py run_sync_gateway`.",
            id="cbtools.E005",
        )
    ]


def _views(resolver: Any) -> Iterator[Any]:
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            yield from _views(pattern)
        else:
            yield getattr(pattern, "callback", None)
