"""What the form of an element knows about the form that contains it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

#: How many blank forms may be in one another: a class may have objects of its own in it.
DEEPEST = 2


@dataclass(frozen=True)
class Surroundings:
    """How many inputs a form may have, lists in it included; how many blank forms it is in; and
    the choices of its relations, which are asked for once; and what its page says of what it was
    made from, which is another text for each page."""

    budget: float
    blank: int = 0
    choices: dict[Any, Any] = field(default_factory=dict)
    token: str | None = None

    @property
    def is_too_deep(self) -> bool:
        return self.blank >= DEEPEST


def surroundings(form: Any) -> Surroundings:
    """Those of a form; half of the inputs that Django takes are for the lists of a whole page."""
    found: Surroundings | None = getattr(form, "surroundings", None)
    if found is None:
        limit = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        found = Surroundings(
            math.inf if limit is None else limit / 2, token=getattr(form, "token", None)
        )
        form.surroundings = found
    return found
