"""The data that the form of an element gets from the form that contains it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

#: The largest depth of nested blank forms. A class may contain objects of its own.
DEEPEST = 2


@dataclass(frozen=True)
class Surroundings:
    """The limits and shared data of an element's form.

    ``budget`` is the number of inputs that the form may have, including those of lists in it.
    ``blank`` is the number of blank forms around it. ``choices`` are those of its relations, which
    are queried once. ``token`` is the page's text about the values it was made from, which differs
    between pages.
    """

    budget: float
    blank: int = 0
    choices: dict[Any, Any] = field(default_factory=dict)
    token: str | None = None

    @property
    def is_too_deep(self) -> bool:
        return self.blank >= DEEPEST


def surroundings(form: Any) -> Surroundings:
    """Return the surroundings of a form. Half of the inputs that Django accepts are for the lists
    of a page."""
    found: Surroundings | None = getattr(form, "surroundings", None)
    if found is None:
        limit = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        found = Surroundings(
            math.inf if limit is None else limit / 2, token=getattr(form, "token", None)
        )
        form.surroundings = found
    return found
