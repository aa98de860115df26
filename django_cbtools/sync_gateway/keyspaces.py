"""The keyspace that documents are in: ``"scope.collection"``, or None for the default one."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django_cbtools import conf

_DEFAULT = "_default"
#: Couchbase Server's rule for the names of scopes and collections.
_NAME = re.compile(r"[A-Za-z0-9-][A-Za-z0-9_%-]{0,250}")

_keyspace: ContextVar[str | None] = ContextVar("django_cbtools_keyspace", default=None)


def current() -> str | None:
    """Return the keyspace of requests in this context."""
    return _keyspace.get()


@contextmanager
def inside(keyspace: str | None) -> Generator[None, None, None]:
    """Use a keyspace for requests in this context, in this thread or task."""
    token = _keyspace.set(keyspace)
    try:
        yield
    finally:
        _keyspace.reset(token)


def checked(keyspace: Any) -> str | None:
    """Return a keyspace, or None for the default one, whichever name it has. Raise ValueError if it
    is not valid."""
    if keyspace is None:
        return None
    parts = keyspace.split(".") if isinstance(keyspace, str) else ()
    if len(parts) != 2 or not all(part == _DEFAULT or _NAME.fullmatch(part) for part in parts):
        raise ValueError(
            f"{keyspace!r} is no keyspace: it is 'scope.collection', two names of letters, digits, "
            "'_', '-' and '%'."
        )
    return None if list(parts) == [_DEFAULT, _DEFAULT] else keyspace


def split(keyspace: str | None) -> tuple[str, str]:
    """Return the scope and the collection of a keyspace. Raise ValueError if it is not valid."""
    scope, _, collection = (checked(keyspace) or f"{_DEFAULT}.{_DEFAULT}").partition(".")
    return scope, collection


def nested(values: Iterable[tuple[str | None, Any]]) -> dict[str, dict[str, Any]]:
    """Return values of keyspaces in the form of the gateway's configurations, by scope and
    collection."""
    found: dict[str, dict[str, Any]] = {}
    for keyspace, value in values:
        scope, collection = split(keyspace)
        found.setdefault(scope, {})[collection] = value
    return found


def of_class(model: Any) -> str | None:
    """Return the keyspace of a document class."""
    found = model.keyspace
    # A model may have a field with this name.
    is_named = isinstance(found, str) and found != f"{_DEFAULT}.{_DEFAULT}"
    return found if is_named else None


def of_settings() -> list[str | None]:
    """Return the keyspaces that SYNC_GATEWAY_DATABASE names, or the default one if it names
    none."""
    scopes = conf.get("SYNC_GATEWAY_DATABASE").get("scopes") or {}
    found = [
        checked(f"{scope}.{collection}")
        for scope, has in scopes.items()
        for collection in has["collections"]
    ]
    return found or [None]
