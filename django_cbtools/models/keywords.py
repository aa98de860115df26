"""The keyword arguments with which documents are created."""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import django
from django.core.exceptions import FieldDoesNotExist

from django_cbtools.exceptions import UnknownFieldWarning

#: Files of code that only passes on the program's arguments.
_NOT_THE_PROGRAMS = tuple(
    str(Path(module).parent) for module in (django.__file__, str(Path(__file__).parent))
)


def known_keywords(model: Any, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments that Django accepts for an instance. The others are left out,
    with an UnknownFieldWarning for each, where Django would raise an error."""
    names = model._init_names()
    if names.issuperset(keywords):
        return dict(keywords)
    known = {}
    for name, value in keywords.items():
        if name in names or _is_known(model, name):
            known[name] = value
        else:
            _warn(model, name)
    return known


def _is_known(model: Any, name: str) -> bool:
    if name in model._meta._property_names:
        return True
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


def _warn(model: Any, name: str) -> None:
    fields = [field.name for field in model._meta.get_fields()] if model._meta.apps.ready else []
    near = difflib.get_close_matches(name, sorted({*model._init_names(), *fields}), 1)
    hint = f" The nearest one is {near[0]!r}." if near else ""
    warnings.warn(
        f"{model.__name__} has no field {name!r}: it is ignored.{hint}",
        UnknownFieldWarning,
        stacklevel=_level_of_program(),
    )


def _level_of_program() -> int:
    """Return the stack level of the site's own code, as warnings count it from :func:`_warn`."""
    frame: Any = sys._getframe(1)
    level = 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_NOT_THE_PROGRAMS):
        frame, level = frame.f_back, level + 1
    return level
