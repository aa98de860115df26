"""Tags for the forms of documents."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.simple_tag
def conflict(form: Any) -> str:
    """``{% conflict form %}``, inside of the ``<form>``: what somebody else has saved since it was
    shown, beside what was entered. It is a part of the form's errors elsewhere, and a line of them
    where this tag comes before."""
    found = getattr(form, "conflict", None)
    return "" if found is None else found.render()
