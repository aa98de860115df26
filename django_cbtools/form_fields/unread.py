"""Form fields of values that the model field cannot read. They are shown unchanged."""

from __future__ import annotations

import datetime
import json
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

UNREADABLE = _("Nobody can read this value. It stays as it is unless you change it.")


def as_text(raw: Any) -> str:
    """Return a JSON value as text for display."""
    return raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)


def unread_of(document: Any) -> dict[str, Any]:
    """Return the values that forms and pages cannot show in their field, by the fields' names.
    These are JSON values that the fields could not read, and (as text) times out of the current
    time zone's range."""
    found: dict[str, Any] = getattr(document, "unread", dict)()
    values = vars(document)
    for field in document._meta.concrete_fields:
        value = values.get(field.attname)
        if isinstance(value, datetime.datetime) and not is_in_zone(value):
            found[field.name] = value.isoformat()
    return found


def is_in_zone(moment: datetime.datetime) -> bool:
    """Return whether the current time zone can represent a time. Years end at 1 and 9999."""
    try:
        if timezone.is_aware(moment):
            timezone.localtime(moment)
    except OverflowError:
        return False
    return True


def lines(text: Any) -> str:
    """Return a text from or for a browser in the form in which texts are compared."""
    return (text or "").replace("\r\n", "\n").strip()


class UnreadField(forms.Field):
    """A form field in place of one that cannot read its value. It shows the value as text. The
    value can be kept, or changed to one that the original field accepts."""

    def __init__(self, field: forms.Field, raw: Any) -> None:
        self.field, self.raw = field, raw
        is_long = "\n" in as_text(raw) or isinstance(raw, (list, dict))
        super().__init__(
            required=field.required,
            label=field.label,
            disabled=field.disabled,
            help_text=field.help_text or UNREADABLE,
            widget=forms.Textarea(attrs={"rows": 3}) if is_long else forms.TextInput(),
        )

    def prepare_value(self, value: Any) -> Any:
        return as_text(value)

    def clean(self, value: Any) -> Any:
        if isinstance(self.field, forms.MultiValueField):
            value = (value or "").replace("T", " ").split(None, len(self.field.fields) - 1)
        return self.field.clean(value)
