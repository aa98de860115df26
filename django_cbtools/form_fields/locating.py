"""Validation errors of nested values, with the position of the value."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

_LOCATED = "%(path)s: %(problem)s"


def located(place: Any, error: ValidationError) -> ValidationError:
    """Return an error with the place of its value, in the notation of lookups. ``place`` is put
    before the place that the error already has."""
    params: Any = error.params
    path, problem = str(place), error.messages[0]
    if is_located(error):
        path, problem = f"{path}.{params['path']}", params["problem"]
    return ValidationError(_LOCATED, error.code, {"path": path, "problem": problem})


def is_located(error: ValidationError) -> bool:
    return bool(error.message == _LOCATED)
