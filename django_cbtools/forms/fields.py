"""Form fields of documents that belong to no model field."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


class ChannelsField(forms.Field):
    """A form field of channel names, one per line or separated by commas."""

    widget = forms.Textarea
    default_error_messages = {
        "required": _("A document is in one channel at least, or nobody could read it."),
        "invalid": _("%(name)s cannot be the name of a channel."),
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 3}))
        kwargs.setdefault("help_text", _("One on a line, or with commas between them."))
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        names = value if isinstance(value, (list, tuple)) else [value or ""]
        return "\n".join(map(str, names))

    def to_python(self, value: Any) -> list[str]:
        if isinstance(value, (list, tuple)):
            return list(value)  # as they are stored
        names = dict.fromkeys(name.strip() for name in re.split(r"[,\r\n]", value or ""))
        names.pop("", None)
        for name in names:
            if not name.isprintable():
                raise ValidationError(
                    self.error_messages["invalid"], code="invalid", params={"name": repr(name)}
                )
        return list(names)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.to_python(self.prepare_value(initial)), data)


class RevisionField(forms.Field):
    """A hidden field with the signed revision and values that the form was made from. Nobody enters
    anything in it, and it has no errors of its own. :mod:`.seen` signs and reads it."""

    widget = forms.HiddenInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


def show_stored(field: Any) -> None:
    """Let a form field show its initial value in place of the entered one."""
    field.bound_data = lambda data, initial: initial
