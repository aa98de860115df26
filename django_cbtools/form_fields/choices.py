"""Form fields for lists with choices."""

from __future__ import annotations

from typing import Any

from django import forms

from .lines import KeptWhereUntouched
from .unread import as_text


class ElementChoices(KeptWhereUntouched, forms.TypedMultipleChoiceField):
    """A form field for an array whose elements are chosen. Elements that were never a choice are
    shown, too, so that they are not lost."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, *, field: Any, **kwargs: Any) -> None:
        self.field = field
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        if value is None:
            return value
        chosen = _items(value)
        choices: Any = self.choices
        unknown = [(as_text(item), as_text(item)) for item in chosen if not self.valid_value(item)]
        self.choices = [*choices, *unknown]
        return [as_text(item) for item in chosen]

    def has_changed(self, initial: Any, data: Any) -> bool:
        shown = None if initial is None else [as_text(item) for item in _items(initial)]
        return super().has_changed(shown, data)

    def clean(self, value: Any) -> Any:
        return self.field.collection(super().clean(value))


def _items(value: Any) -> list[Any]:
    """Return the chosen values as a list. A value that is no list is the only choice."""
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
