"""Relations to another database, which are queried separately."""

from __future__ import annotations

from typing import Any


class _Alone:
    """A part of a QuerySet of what points to something in another database."""

    def select_related(self, *fields: Any) -> Any:
        """Nothing is joined: the admin's pages would have what is pointed to with it."""
        return self


def alone(found: Any) -> Any:
    """Have a QuerySet join nothing."""
    cls = type(found)
    if not issubclass(cls, _Alone):
        found.__class__ = type(cls.__name__, (_Alone, cls), {})
    return found


def asked_in(found: Any, alias: str) -> Any:
    """A QuerySet of what points to something, asked in an alias: alone where that is another one
    than the QuerySet's own."""
    return found if found.db == alias else alone(found.using(alias))
