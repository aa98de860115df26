"""The display of documents' values, including values that fields cannot read."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from django.db import models

from django_cbtools.form_fields.unread import as_text, unread_of
from django_cbtools.models.fields.displayed import Displayed, displayed

_AS_TEXTS = (models.DateTimeField, models.DecimalField, models.FloatField, models.IntegerField)


def shown(document: Any, names: Any = None) -> Any:
    """Return the document, or a copy with texts in place of booleans, numbers, times, lists and
    objects that Django cannot show well.

    Django has no icon for booleans of another type, tries to format any value of fields for numbers
    and times, and shows lists as JSON. ``names`` are the shown fields; None means all.
    """
    booleans, texts = [], {}
    for name, raw in unread_of(document).items():
        field = document._meta.get_field(name)
        if isinstance(field, models.BooleanField):
            booleans.append(name)
        elif isinstance(field, _AS_TEXTS):
            texts[name] = as_text(raw)
    called = [
        field
        for field in _displayed(document.__class__)
        if (names is None or field.name in names)
        and _is_collection(getattr(document, field.attname))
    ]
    if not booleans and not texts and not called:
        return document
    found = copy.copy(document)
    for name in booleans:
        setattr(found, name, None)
    for name, text in texts.items():
        setattr(found, name, text)
    stand_ins: dict[str, Any] = {name: models.TextField() for name in texts}
    for field in called:
        value = getattr(found, field.attname)
        stand_ins[field.name] = _Called([(value, displayed(field, value))])
    if stand_ins:
        found._meta = _with(document._meta, stand_ins)
    return found


class _Called(models.TextField):  # type: ignore[type-arg]
    """A stand-in for a field that shows its value as a given text, by Django's look-up of
    choices."""

    flatchoices: Any = ()

    def __init__(self, flatchoices: Any) -> None:
        super().__init__()
        self.flatchoices = flatchoices


@cache
def _displayed(model: Any) -> list[Any]:
    return [field for field in model._meta.concrete_fields if isinstance(field, Displayed)]


def _is_collection(value: Any) -> bool:
    """Return whether the value is a collection that is not empty and has no nested models. Nested
    models have their own ``str()``."""
    is_any = isinstance(value, (list, set, dict)) and bool(value)
    return is_any and not any(isinstance(item, models.Model) for item in value)


def _with(opts: Any, fields: Any) -> Any:
    """Return the options of a class with other fields under these names."""
    for name, field in fields.items():
        field.set_attributes_from_name(name)
    found = copy.copy(opts)
    found.get_field = lambda name: fields.get(name) or opts.get_field(name)
    return found
