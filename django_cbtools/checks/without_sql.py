"""Checks of caches, tasks, sessions and users in documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_cbtools import conf, function_files

#: A sync function that handles users contains one of these: the prefix of their uids, or their
#: type.
_OF_USERS = ("duser", "django_user")


@register("cbtools")
def check_stores(**kwargs: Any) -> list[CheckMessage]:
    """Check that caches, tasks and sessions in documents have a place for their documents."""
    stores = list(_stores())
    try:
        conf.uses_embedded_gateway()
    except ImproperlyConfigured as error:
        return [
            Error(f"{setting} keeps documents. {error}", id="cbtools.E024") for setting in stores
        ]
    options = conf.get("SYNC_GATEWAY_CHANGES")
    noting = options.get("cache") if isinstance(options, Mapping) else None
    if f"CACHES[{noting!r}]" not in stores:
        return []
    return [
        Error(
            f"SYNC_GATEWAY_CHANGES['cache'] is {noting!r}, which keeps documents: each write of a "
            "document is to be noted in that cache, which would write another one.",
            hint="Name a cache of another back end.",
            id="cbtools.E025",
        )
    ]


@register("cbtools", deploy=True)
def check_sync_function(**kwargs: Any) -> list[CheckMessage]:
    """Check that the sync function mentions users, which phones must not write."""
    if not apps.is_installed("django_cbtools.contrib.auth"):
        return []
    try:
        found = function_files.files()
        text = function_files.read(found[None]) if None in found else ""
    except function_files.FunctionFileError:
        return []  # the command that deploys it reports this
    if any(name in text for name in _OF_USERS):
        return []
    return [
        Warning(
            "sync_function.js is silent about users, or there is none: phones may write documents "
            "of users then. These count for nothing, as they are not signed, but a user whose "
            "document is written over cannot log in.",
            hint="docs/without-sql.rst has what keeps phones from users and groups. Silence the "
            "check where something else does.",
            id="cbtools.W018",
        )
    ]


def _stores() -> Iterator[str]:
    """Yield the settings that store documents."""
    for setting in ("CACHES", "TASKS"):
        configs = getattr(settings, setting, {})
        for alias, config in configs.items() if isinstance(configs, Mapping) else ():
            try:
                found = import_string(config["BACKEND"])
            except Exception:  # noqa: S112 (Django says what is wrong with it when it is used)
                continue
            if getattr(found, "keeps_documents", False):
                yield f"{setting}[{alias!r}]"
    try:
        engine = import_module(settings.SESSION_ENGINE)
    except Exception:
        return
    if getattr(getattr(engine, "SessionStore", None), "keeps_documents", False):
        yield "SESSION_ENGINE"
