"""Finds out whether a form field was changed, by comparing the sent data with what its widget
shows."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.widgets import ChoiceWidget, Input

#: Types of inputs whose text browsers strip.
_STRIPPED = frozenset(("email", "url"))


def is_changed(bound: Any) -> bool:
    """Return whether somebody has entered another value than the bound field began with.

    A value that comes back as the browser got it is unchanged, even if the field cannot read it:
    fields strip texts, browsers send other line breaks, and phones write values of other types.
    """
    return not _is_as_shown(bound) and bool(bound._has_changed())


def _is_as_shown(bound: Any) -> bool:
    field, data = bound.field, bound.data
    if field.disabled or not isinstance(data, (str, list)):
        return False
    widget = getattr(field.widget, "widget", field.widget)  # the admin wraps it
    if isinstance(widget, ChoiceWidget):
        return False
    return _is_sent_for(widget, field.prepare_value(bound.initial), data)


def _is_sent_for(widget: Any, value: Any, data: Any) -> bool:
    """Return whether a browser sends ``data`` for a widget that shows ``value``."""
    if isinstance(widget, forms.MultiWidget):
        values: Any = value if isinstance(value, (list, tuple)) else widget.decompress(value)
        return (
            isinstance(data, list)
            and len(data) == len(values) == len(widget.widgets)
            and all(map(_is_sent_for, widget.widgets, values, data))
        )
    shown = widget.format_value(value)
    if not isinstance(data, str) or not isinstance(shown, (str, type(None))):
        return False
    return _as_sent(widget, data) == _as_sent(widget, shown or "")


def _as_sent(widget: Any, text: str) -> str:
    """Return the text that browsers send of an unchanged widget with this text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    if not isinstance(widget, Input):
        return text.removeprefix("\n")  # some templates have it in the textarea's first line
    text = text.replace("\n", "")
    return text.strip() if widget.input_type in _STRIPPED else text
