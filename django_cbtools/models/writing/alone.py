"""Relations to another database, which are queried separately."""

from __future__ import annotations

from typing import Any


class _Alone:
    """A part of a QuerySet whose relations lead to another database."""

    def select_related(self, *fields: Any) -> Any:
        """Join nothing. The admin's pages would otherwise join the related objects."""
        return self


def alone(found: Any) -> Any:
    """Let a QuerySet join nothing, and return it."""
    cls = type(found)
    if not issubclass(cls, _Alone):
        found.__class__ = type(cls.__name__, (_Alone, cls), {})
    return found


def asked_in(found: Any, alias: str) -> Any:
    """Return a QuerySet that uses the alias. If that is another one than its own, it joins
    nothing."""
    return found if found.db == alias else alone(found.using(alias))
