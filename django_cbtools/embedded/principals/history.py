"""What users and roles had and have no more: past channels and roles, and when they had them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..access import Since

#: How many periods of one channel or role are told apart.
MAX_PERIODS = 10


class Period(NamedTuple):
    """The sequences from which and until which something was there."""

    start: int
    end: int


class Past(NamedTuple):
    """When a channel or a role was there, oldest period first; ``updated`` (seconds since 1970) is
    when it was taken away last. A store of an earlier version knows no periods."""

    updated: int
    periods: tuple[Period, ...] = ()

    @property
    def end(self) -> int:
        return self.periods[-1].end


History = Mapping[str, Past]


def ended(history: History, gone: Since, end: int, window: int) -> dict[str, Past]:
    """The history when names are gone that were there since ``gone`` says, until ``end``.

    What is older than ``window`` (seconds) is forgotten.
    """
    now = int(time.time())
    after = {name: past for name, past in history.items() if past.updated > now - window}
    for name in sorted(gone):
        known = after.get(name, Past(now)).periods
        periods = (*known, Period(gone[name], end))
        if len(periods) > MAX_PERIODS:
            first, second, *others = periods
            periods = (Period(first.start, second.end), *others)
        after[name] = Past(now, periods)
    return after


def load(stored: Mapping[str, list[Any]] | Iterable[str]) -> dict[str, Past]:
    """The history that :func:`dump` has written; earlier versions wrote a list of names."""
    if not isinstance(stored, Mapping):
        return {name: Past(int(time.time())) for name in stored}
    return {
        name: Past(updated, tuple(Period(*it) for it in periods))
        for name, (updated, *periods) in stored.items()
    }


def dump(history: History) -> dict[str, list[Any]]:
    """The other way round: members of JSON."""
    return {name: [past.updated, *past.periods] for name, past in history.items()}
