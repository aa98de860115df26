"""What a browser sends of a form."""

from __future__ import annotations

from typing import Any


def sent(form: Any) -> dict[str, Any]:
    """What is sent of a form, or of a set of forms, by somebody who changes nothing."""
    if not hasattr(form, "management_form"):
        values = {bound.html_name: bound.value() for bound in form}
        return {name: value for name, value in values.items() if value not in (None, False)}
    found = sent(form.management_form)
    for each in form:
        found |= sent(each)
    return found
