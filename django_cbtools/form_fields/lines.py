"""Form fields for arrays and objects: simple values one per line, all others as JSON."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.widgets import Input
from django.utils.translation import gettext_lazy as _

from .untouched import is_changed

_ONE_LINE = frozenset(("text", "number", "email", "url"))


class KeptWhereUntouched(forms.Field):
    """A part of form fields that keeps an unchanged value, and does not validate it.

    A phone may have written a value that the field does not allow. Users who edit another field
    need not correct it. ``field`` is the model's field.
    """

    field: Any

    def _clean_bound_field(self, bound: Any) -> Any:
        instance = getattr(bound.form, "instance", None)
        if instance is None or instance._state.adding or is_changed(bound):
            return super()._clean_bound_field(bound)  # type: ignore[misc]
        return self._checked(bound, bound.initial)

    def _checked(self, bound: Any, value: Any) -> Any:
        """Return a value that the model need not validate again."""
        if self.required and value in self.empty_values:
            raise ValidationError(self.error_messages["required"], code="required")
        self.field.checked(getattr(bound.form, "instance", None), value)
        return value


class MembersFormField(KeptWhereUntouched):
    """A form field that edits a field with members as text: JSON or, for an array of simple values,
    one value per line. An array that lines cannot represent (``" a "``, ``null``) is edited as
    JSON, too.

    ``field`` is the model's field.
    """

    widget = forms.Textarea
    #: The help text of a field that is edited as JSON.
    json_help = "JSON."
    default_error_messages = {"invalid_json": _("Enter a valid JSON.")}

    def __init__(self, *, field: Any, **kwargs: Any) -> None:
        self.field = field
        base = getattr(field, "base_field", None)
        form_field: Any = None if base is None else base.formfield()
        is_simple = isinstance(getattr(form_field, "widget", None), Input)
        self.element = (
            form_field if is_simple and form_field.widget.input_type in _ONE_LINE else None
        )
        super().__init__(**kwargs)
        if not self.help_text:
            self.help_text = _("One per line.") if self.element else self.json_help

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        attrs: dict[str, Any] = super().widget_attrs(widget)
        return {"rows": 4 if self.element else 8, **attrs}

    def prepare_value(self, value: Any) -> Any:
        return self.text_of(value)

    def text_of(self, value: Any) -> Any:
        """Return the text of a value. Entered text is shown again unchanged."""
        if value is None or isinstance(value, str):
            return value
        try:
            if self.element is not None:
                lines = "\n".join(map(self._line, in_order(value)))
                if self.to_python(lines) == value:
                    return lines
        except (OverflowError, ValidationError, TypeError, ValueError):
            pass  # lines cannot tell it
        return json.dumps(self.field.shown(value), ensure_ascii=False, indent=2)

    def to_python(self, value: Any) -> Any:
        text = value.strip() if isinstance(value, str) else value
        if text in self.empty_values:
            return None if self.field.collection is None else self.field.collection()
        if self.element is not None and not text.startswith("["):
            return self.field.to_python(self._cleaned(text.splitlines()))
        try:
            raw = json.loads(text)
        except ValueError:
            raise ValidationError(
                self.error_messages["invalid_json"], code="invalid_json"
            ) from None
        return self.field.to_python(raw)

    def has_changed(self, initial: Any, data: Any) -> bool:
        if self.disabled:
            return False
        return _lines(self.text_of(initial)) != _lines(data)

    def _line(self, item: Any) -> str:
        element: Any = self.element
        shown = element.widget.format_value(element.prepare_value(item))
        return "" if shown is None else str(shown)

    def _cleaned(self, lines: list[str]) -> list[Any]:
        element: Any = self.element
        found, wrong = [], []
        for number, line in enumerate(lines, 1):
            try:
                if line.strip():
                    found.append(element.clean(line.strip()))
            except ValidationError as error:
                wrong += [
                    ValidationError(
                        "Line %(number)s: %(problem)s",
                        code=each.code,
                        params={"number": number, "problem": each.messages[0]},
                    )
                    for each in error.error_list
                ]
        if wrong:
            raise ValidationError(wrong)
        return found


def _lines(text: Any) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def in_order(items: Any) -> list[Any]:
    """Return the items as a list. Sets are sorted."""
    if not isinstance(items, (set, frozenset)):
        return list(items)
    try:
        return sorted(items)
    except TypeError:  # of several types
        return sorted(items, key=lambda item: (str(type(item)), str(item)))
