"""Checks of TASKS with a DocumentsBackend, and of queued e-mails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core import mail
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from .api import InvalidTask, task_backends

#: The back end that queues e-mails.
_QUEUE = "django_cbtools.contrib.tasks.mail.EmailBackend"


@register("cbtools")
def check_tasks(**kwargs: Any) -> list[CheckMessage]:
    """Check that the back ends in TASKS can be created."""
    found = getattr(settings, "TASKS", {})
    messages: list[CheckMessage] = []
    for alias in found if isinstance(found, Mapping) else ():
        try:
            task_backends[alias]
        except ImproperlyConfigured as error:
            messages.append(Error(str(error), id="cbtools.E034"))
        except Exception:  # noqa: S112 (an entry of another form: Django says so when it is used)
            continue
    return messages


@register("cbtools")
def check_email(**kwargs: Any) -> list[CheckMessage]:
    """Check that queued e-mails can be delivered."""
    found = getattr(settings, "MAILERS", None)
    mailers = found if isinstance(found, Mapping) else {}
    # Reading EMAIL_BACKEND from ``settings`` is deprecated since Django 6.1.
    unwrapped: Any = vars(settings)["_wrapped"]
    kinds = {
        **{
            alias: config.get("BACKEND")
            for alias, config in mailers.items()
            if isinstance(config, Mapping)
        },
        None: None if mailers else getattr(unwrapped, "EMAIL_BACKEND", None),
    }
    messages: list[CheckMessage] = []
    for alias, path in kinds.items():
        if path != _QUEUE:
            continue
        try:
            # The module defines a task, which wrong TASKS refuse.
            import_string(path)() if alias is None else mail.mailers[alias]
        except (ImproperlyConfigured, InvalidTask) as error:
            messages.append(Error(str(error), id="cbtools.E033"))
    return messages
