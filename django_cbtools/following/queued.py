"""Checks SYNC_GATEWAY_CHANGES, and delivers changes to a queue of tasks."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from django_cbtools import conf
from django_cbtools.models import CouchbaseModel
from django_cbtools.sync_gateway.feed.change import Change
from django_cbtools.sync_gateway.options import check

#: The name of the receiver in failures of the queue.
NAME = "SYNC_GATEWAY_CHANGES['enqueue']"

_CHECKS: dict[str, Callable[[Any], bool]] = {
    "cache": lambda value: value is None or (isinstance(value, str) and value in settings.CACHES),
    "enqueue": lambda value: value is None or (isinstance(value, str) and "." in value),
}
_MEANINGS = {
    "cache": "the name of one of CACHES",
    "enqueue": "the dotted path of what puts a change into a queue, such as app.tasks.change.delay",
}


def options() -> Mapping[str, Any]:
    """Return the setting. Raise ImproperlyConfigured if it has an unknown option."""
    found = conf.get("SYNC_GATEWAY_CHANGES")
    if not isinstance(found, Mapping):
        raise ImproperlyConfigured(
            f"SYNC_GATEWAY_CHANGES is a dictionary, not {type(found).__name__}."
        )
    check("SYNC_GATEWAY_CHANGES", found, _CHECKS, _CHECKS, _MEANINGS)
    return found


def queue() -> Callable[..., Any] | None:
    """Return the function that puts a change into the queue, or None if the settings name no queue.

    Raises ImproperlyConfigured if it cannot be found.
    """
    path = options().get("enqueue")
    return None if path is None else find(path)


def find(path: str) -> Callable[..., Any]:
    """Return the callable at a dotted path, such as ``app.tasks.change.delay``. Raise
    ImproperlyConfigured if there is none."""
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            # If an imported module misses another one, the error is raised.
            if error.name and (name == error.name or name.startswith(f"{error.name}.")):
                continue
            raise
        try:
            found = reduce(getattr, parts[length:], module)
        except AttributeError:
            break
        if callable(found):
            return found
        break
    raise ImproperlyConfigured(f"{NAME} is {path!r}: there is nothing there that can be called.")


def payload(
    change: Change, sender: type[CouchbaseModel], by_us: bool, keyspace: str | None = None
) -> Mapping[str, Any]:
    """Return the description of a change for a queue. It can be encoded as JSON. It has no keyspace
    if that is the default one."""
    told = {
        "uid": change.uid,
        "rev": change.rev,
        "seq": change.seq,
        "model": sender._meta.label,
        "deleted": change.deleted,
        "lost": change.is_lost,
        "by_us": by_us,
    }
    return told if keyspace is None else {**told, "keyspace": keyspace}
