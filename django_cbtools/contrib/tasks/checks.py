"""Checks of TASKS, where it has a DocumentsBackend, and of e-mails that are queued."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core import mail
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from .api import task_backends


@register("cbtools")
def check_tasks(**kwargs: Any) -> list[CheckMessage]:
    """Whether the back ends in TASKS can be made."""
    found = getattr(settings, "TASKS", {})
    messages: list[CheckMessage] = []
    for alias in found if isinstance(found, Mapping) else ():
        try:
            task_backends[alias]
        except ImproperlyConfigured as error:
            messages.append(Error(str(error), id="cbtools.E034"))
    return messages


@register("cbtools")
def check_email(**kwargs: Any) -> list[CheckMessage]:
    """Whether e-mails that are queued can be delivered."""
    from .mail import EmailBackend

    mailers = getattr(settings, "MAILERS", {})
    kinds = {
        **{alias: (config or {}).get("BACKEND") for alias, config in mailers.items()},
        None: None if mailers else settings.EMAIL_BACKEND,
    }
    messages: list[CheckMessage] = []
    for alias, path in kinds.items():
        try:
            if isinstance(path, str) and import_string(path) is EmailBackend:
                EmailBackend() if alias is None else mail.mailers[alias]
        except ImproperlyConfigured as error:
            messages.append(Error(str(error), id="cbtools.E033"))
        except ImportError:  # Django says so
            continue
    return messages
