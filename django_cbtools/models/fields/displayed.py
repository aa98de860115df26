"""The display of lists and objects for people."""

from __future__ import annotations

import json
from functools import partialmethod
from typing import Any

from django.db import models
from django.utils.formats import localize

from django_cbtools.form_fields.lines import in_order


class Displayed:
    """A part of list and object fields. It adds ``get_<name>_display()``, which returns "a, b" or
    "key: value"."""

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)  # type: ignore[misc]
        method = f"get_{name}_display"
        if not hasattr(cls, method):
            setattr(cls, method, partialmethod(_display, name))


def _display(instance: Any, name: str) -> str:
    field = type(instance)._meta.get_field(name)  # a subclass may have another one
    return displayed(field, getattr(instance, field.attname))


def displayed(field: Any, value: Any) -> str:
    """Return a field's value as text. Choices are shown by their labels."""
    if value is None:
        return ""
    base = getattr(field, "base_field", None)
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(_one(base, item) for item in in_order(value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_one(None, item)}" for key, item in value.items())
    return str(value)


def _one(field: Any, item: Any) -> str:
    if isinstance(item, (list, dict, set)):
        if isinstance(field, Displayed):
            return displayed(field, item)
        return json.dumps(item, ensure_ascii=False, default=str)
    if item is None or isinstance(item, bool):
        return json.dumps(item)
    for value, label in getattr(field, "flatchoices", None) or ():
        if value == item:
            return str(label)
    return str(item if isinstance(item, models.Model) else localize(item))
