"""The history of users and roles: the channels and roles that they lost, and when they had them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..access import Since

#: How many periods are kept for one channel or role. Older ones are merged.
MAX_PERIODS = 10


class Period(NamedTuple):
    """A span of sequences during which a channel or role was granted."""

    start: int
    end: int


class Past(NamedTuple):
    """The periods during which a channel or role was granted, oldest first.

    ``updated`` is when it was revoked last, in seconds since 1970. Entries that an earlier version
    wrote have no periods.
    """

    updated: int
    periods: tuple[Period, ...] = ()

    @property
    def end(self) -> int:
        return self.periods[-1].end


History = Mapping[str, Past]


def ended(history: History, gone: Since, end: int, window: int) -> dict[str, Past]:
    """Return the history with the names that were revoked at sequence ``end`` added.

    ``gone`` are these names with the sequences at which they were granted. Entries older than
    ``window`` seconds are dropped.
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
    """Return the history that :func:`dump` wrote. Earlier versions wrote a list of names."""
    if not isinstance(stored, Mapping):
        return {name: Past(int(time.time())) for name in stored}
    return {
        name: Past(updated, tuple(Period(*it) for it in periods))
        for name, (updated, *periods) in stored.items()
    }


def dump(history: History) -> dict[str, list[Any]]:
    """Return the history as a value that can be stored as JSON."""
    return {name: [past.updated, *past.periods] for name, past in history.items()}
