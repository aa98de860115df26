"""Finds the static files that match patterns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.signals import setting_changed

Patterns = tuple[str, ...]


def matching(cache: Patterns, exclude: Patterns) -> dict[str, str]:
    """Return the digests of files that a pattern in ``cache`` matches as a whole and none in
    ``exclude`` does, by their names below STATIC_URL.

    If DEBUG is off, static files do not change while a process runs, so they are read once.
    """
    return dict((_matching if settings.DEBUG else _remembered)(cache, exclude))


def unmatched(cache: Patterns) -> list[str]:
    """Return the patterns that match no file."""
    names = [name for name, _, _ in _found()]
    return [pattern for pattern in cache if not any(re.fullmatch(pattern, name) for name in names)]


def read(name: str, length: int = -1) -> bytes | None:
    """Return a static file, or its first ``length`` bytes. None if there is no such file."""
    for found, path, storage in _found():
        if found == name:
            with storage.open(path) as file:
                content: bytes = file.read(length)
                return content
    return None


def _matching(cache: Patterns, exclude: Patterns) -> dict[str, str]:
    wanted, unwanted = ([re.compile(each) for each in which] for which in (cache, exclude))
    digests = {}
    for name, path, storage in _found():
        if _any(wanted, name) and not _any(unwanted, name):
            with storage.open(path) as file:
                digests[name] = sha256(file.read()).hexdigest()
    return dict(sorted(digests.items()))


_remembered = lru_cache(maxsize=None)(_matching)


def _any(patterns: Sequence[re.Pattern[str]], name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in patterns)


def _found() -> Iterator[tuple[str, str, Any]]:
    """Yield the name, path and storage of each static file, as collectstatic finds them."""
    ignored = ["CVS", ".*", "*~"]
    if apps.is_installed("django.contrib.staticfiles"):
        config: Any = apps.get_app_config("staticfiles")
        ignored = config.ignore_patterns
    seen = set()
    for finder in get_finders():
        for path, storage in finder.list(ignored):
            prefix = getattr(storage, "prefix", None)
            name = (os.path.join(prefix, path) if prefix else path).replace("\\", "/")
            if name not in seen:
                seen.add(name)
                yield name, path, storage


def _forget(setting: str, **kwargs: Any) -> None:
    if setting.startswith(("STATIC", "INSTALLED_APPS", "DEBUG")):
        _remembered.cache_clear()


setting_changed.connect(_forget, dispatch_uid="django_cbtools.offline.files")
