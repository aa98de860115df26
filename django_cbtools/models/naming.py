"""The result of ``str()`` for documents, which is safe even if a phone has written odd values."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from reprlib import recursive_repr
from typing import Any

#: The exceptions that a ``__str__`` raises for values that it does not expect.
_ODD = (TypeError, AttributeError, ValueError, ArithmeticError, LookupError)


def whatever_is_there(original: Callable[[Any], Any]) -> Callable[[Any], str]:
    """Return a ``__str__`` that never fails, so that an odd document breaks no list and can be
    removed.

    A result that is no string is converted to one. If the method fails because a field has a value
    of another type, the result is the document's uid. A document that refers to itself in its name
    is ``...`` there.
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
    """Return the document's uid and JSON as text, or the uid alone if it has no valid JSON."""
    try:
        return f"{document.uid}: {document.to_json()}"
    except (TypeError, ValueError, RecursionError):
        return str(document.uid)


def make_safe(cls: Any) -> None:
    """Replace the ``__str__`` of a document class by one that never fails."""
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
