"""The history of users and roles: the channels and roles that they lost, and when they had them.

As on a real gateway, a change is not recorded at once. The state of a user or role before the
change is kept until the user or role is loaded next. Only then is it compared with the present
state. All losses in the meantime get the sequence of the first change. Names that were lost and
regained in the meantime, or gained and lost, are not in the history.
"""

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


class Before(NamedTuple):
    """Channels or roles before a change at ``sequence``, with the sequences of their grants."""

    sequence: int
    names: Since


def ended(history: History, before: Before, now_open: Since, window: int) -> History:
    """Return the history with the names added that were open before a change, and are no longer.

    If there are any, entries older than ``window`` seconds are dropped.
    """
    gone = sorted(before.names.keys() - now_open.keys())
    if not gone:
        return history
    now = int(time.time())
    after = {name: past for name, past in history.items() if past.updated > now - window}
    for name in gone:
        known = after.get(name, Past(now)).periods
        periods = (*known, Period(before.names[name], before.sequence))
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
