"""A registry of functions that merge revisions in conflict, by document class.

Modules ``cb_merges`` of apps register them; these are loaded when Django starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured

#: A merge function. It takes the revisions in conflict, as instances, and returns the one to save.
Merging = Callable[[list[Any]], Any]
F = TypeVar("F", bound=Merging)

_registered: dict[type, Merging] = {}


def register_merge(*models: type) -> Callable[[F], F]:
    """Register a function that resolves conflicts of document classes and of their subclasses.

    It is a decorator, for a module ``cb_merges`` of an app. The function is called unless
    :meth:`CouchbaseModel.resolve_conflict` is given another one, or a winner.

    Raises ImproperlyConfigured if a class has another function already, or is not a document class.
    """

    def register(function: F) -> F:
        for model in models:
            if not hasattr(model, "resolve_conflict"):
                raise ImproperlyConfigured(
                    f"register_merge(): {getattr(model, '__name__', model)} is no document class."
                )
            former = _registered.setdefault(model, function)
            if _name(former) != _name(function):
                raise ImproperlyConfigured(
                    f"Conflicts of {model.__name__} are merged by {_name(former)}, and "
                    f"{_name(function)} is registered for them as well. Only one can be."
                )
            _registered[model] = function
        return function

    return register


def registered_merge(model: type) -> Merging | None:
    """Return the function that is registered for a class or the nearest of its bases, or None."""
    return next((_registered[base] for base in model.__mro__ if base in _registered), None)


def _name(function: Any) -> str:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', '')}.{name}"
