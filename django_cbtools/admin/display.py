"""How documents are shown, whatever phones have written into them."""

from __future__ import annotations

import copy
import json
from typing import Any

from django.db import models

_NUMBERS = (models.DecimalField, models.FloatField, models.IntegerField)


def shown(document: Any) -> Any:
    """The document, or a copy whose booleans and numbers can be shown. Django has no icon for other
    values than booleans but the one for unknown, and formats whatever is in a field of numbers."""
    booleans, texts = [], {}
    for name, raw in document.unread().items():
        field = document._meta.get_field(name)
        if isinstance(field, models.BooleanField):
            booleans.append(name)
        elif isinstance(field, _NUMBERS):
            texts[name] = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)
    if not booleans and not texts:
        return document
    found = copy.copy(document)
    for name in booleans:
        setattr(found, name, None)
    for name, text in texts.items():
        setattr(found, name, text)
    if texts:
        found._meta = _with_texts(document._meta, texts)
    return found


def _with_texts(opts: Any, names: Any) -> Any:
    """The options of a class, by which these fields are texts."""
    fields = {name: models.TextField() for name in names}
    for name, field in fields.items():
        field.set_attributes_from_name(name)
    found = copy.copy(opts)
    found.get_field = lambda name: fields.get(name) or opts.get_field(name)
    return found
