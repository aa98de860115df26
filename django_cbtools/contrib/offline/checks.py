"""Checks of OFFLINE_MANIFEST."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, get_resolver, reverse

from . import files, manifests, webapp


@register("cbtools")
def check_offline(**kwargs: Any) -> list[CheckMessage]:
    """Check that the manifests are well formed, name existing URLs and files, and have a URL."""
    try:
        names = manifests.names()
    except ImproperlyConfigured as error:
        return [_error(str(error))]
    if names and not _has_urls():
        return []  # Django's own checks report wrong URLs
    errors: list[CheckMessage] = []
    warnings: list[CheckMessage] = []
    for name in names:
        try:
            manifest = manifests.get(name)
            manifest.urls()
            webapp.icons(manifest)
            webapp.start_picture(manifest)
        except ImproperlyConfigured as error:
            errors.append(_error(str(error)))
        else:
            warnings += [_warning(name, pattern) for pattern in files.unmatched(manifest.cache)]
    if names and not errors and not _are_mounted(names[0]):
        hint = 'Add path("offline/", include("django_cbtools.contrib.offline.urls")) to the URLs.'
        errors.append(_error("No browser can ask for the manifests: they have no URL.", hint))
    return errors + warnings


def _has_urls() -> bool:
    try:
        return bool(get_resolver().url_patterns)
    except Exception:
        return False


def _are_mounted(name: str) -> bool:
    try:
        reverse("offline:worker", args=[name])
    except NoReverseMatch:
        return False
    return True


def _error(message: str, hint: str | None = None) -> CheckMessage:
    return Error(message, hint=hint, id="cbtools.E031")


def _warning(name: str, pattern: str) -> CheckMessage:
    return Warning(
        f"The pattern {pattern!r} of the manifest {name!r} matches no static file.",
        hint="It is a regular expression that has to match a name as a whole, such as "
        r"r'site\.css' or r'images/.*'.",
        id="cbtools.W019",
    )
