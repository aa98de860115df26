"""A template tag for forms of documents."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.simple_tag
def conflict(form: Any) -> str:
    """Show both versions of a conflict, by ``{% conflict form %}`` inside of the ``<form>``.
    Without the tag, the form's errors contain them. After the tag, they contain only a line about
    it."""
    found = getattr(form, "conflict", None)
    return "" if found is None else found.render()
