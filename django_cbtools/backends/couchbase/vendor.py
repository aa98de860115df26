"""Registers all expressions and lookups that this backend compiles in its own way."""

from __future__ import annotations

from . import array_lookups, expressions, functions, json_lookups, lookups, members


def register() -> None:
    """Register them with Django, by its hook for vendors."""
    for module in (array_lookups, expressions, functions, json_lookups, lookups, members):
        module.register()
