"""The result of ``str()`` for documents, which is safe even if a phone has written odd values."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from reprlib import recursive_repr
from typing import Any

#: What a ``__str__`` raises of values that it does not expect.
_ODD = (TypeError, AttributeError, ValueError, ArithmeticError, LookupError)


def whatever_is_there(original: Callable[[Any], Any]) -> Callable[[Any], str]:
    """A ``__str__`` of documents that always gives a text: one odd document breaks no list, and
    somebody can remove it.

    What is no text is made one. Where the method fails because a field has a value of another type,
    the document is called by its uid. It is ``...`` within its own
    name, where a value refers to it.
    """

    @wraps(original)
    @recursive_repr("...")
    def __str__(self: Any) -> str:
        try:
            return str(original(self))
        except _ODD:
            if not _is_odd(self):
                raise
            return str(self.uid)

    __str__._is_safe = True  # type: ignore[attr-defined]
    return __str__


def with_json(document: Any) -> str:
    """A document by its uid and its JSON; what cannot be stored can be looked at all the same."""
    try:
        return f"{document.uid}: {document.to_json()}"
    except (TypeError, ValueError, RecursionError):
        return str(document.uid)


def make_safe(cls: Any) -> None:
    """Have a class of documents use such a ``__str__``."""
    if not getattr(cls.__str__, "_is_safe", False):
        cls.__str__ = whatever_is_there(cls.__str__)


def _is_odd(document: Any) -> bool:
    """Return whether a value has another type than its field, or is null although its field forbids
    it."""
    if document.unread():
        return True
    return any(
        getattr(document, field.attname) is None and not field.null
        for field in document._meta.concrete_fields
        if field.name not in ("uid", "rev")
    )
