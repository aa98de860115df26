"""The OPTIONS of a DocumentsBackend, with their checks."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from django_cbtools.sync_gateway.options import check, is_seconds


@dataclass(frozen=True)
class Options:
    """The options of tasks; times are in seconds.

    ``attempts`` is the number of times that a task is started before it counts as failed.
    ``backoff`` is the pause before the second attempt. Each further pause is twice as long, up to
    ``longest_pause``. ``lease`` is the time after which other workers may take a task from a worker
    that is silent. ``keep`` is the time that the result of a successful task is kept; None is for
    ever.
    """

    attempts: int = 5
    backoff: float = 10.0
    longest_pause: float = 3600.0
    lease: float = 60.0
    keep: float | None = 24 * 3600.0

    @classmethod
    def of(cls, where: str, values: Any) -> Options:
        """Return the options of a setting. Raise ImproperlyConfigured if it is not valid."""
        if not isinstance(values, Mapping):
            raise ImproperlyConfigured(f"{where} is a dictionary, not {type(values).__name__}.")
        check(where, values, cls.__dataclass_fields__, _CHECKS, _MEANINGS)
        return cls(**values)

    def pause(self, attempts: int) -> float:
        """Return the seconds before the next attempt, after so many. They vary a little, so that
        tasks that have failed together are not tried again together."""
        steady = min(self.backoff * 2.0 ** min(attempts - 1, 64), self.longest_pause)
        return steady * random.uniform(0.9, 1.1)  # noqa: S311


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


_CHECKS = {
    "attempts": _is_count,
    "backoff": is_seconds,
    "longest_pause": is_seconds,
    "lease": is_seconds,
    "keep": lambda value: value is None or is_seconds(value),
}
_SECONDS = "a number of seconds"
_MEANINGS = {
    "attempts": "a whole number, 1 or more",
    "backoff": _SECONDS,
    "longest_pause": _SECONDS,
    "lease": _SECONDS,
    "keep": f"{_SECONDS}, or None for ever",
}
