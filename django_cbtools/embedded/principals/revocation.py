"""Revocation: the channels that a user has lost since some position in a feed.

A user has a channel directly, by a document's grant, or through a role. The user loses the channel
when it is revoked from the user or from the role, when the user loses the role, and when the role
is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..access import Reader, Since
from ..database import Database
from . import grants, roles, users
from .history import History, Period

#: The end of a period that is not over.
_NEVER = 1 << 63


@dataclass(frozen=True)
class RoleAccess:
    """A role that a user has or had, and the role's current and past channels.

    ``held`` is the sequence at which the user got the role (None: the user no longer has it).
    ``past`` are earlier periods during which the user had the role.
    """

    held: int | None
    past: tuple[Period, ...]
    is_deleted: bool
    channels: Since
    history: History

    def periods(self) -> Iterator[Period]:
        """Yield the periods during which the user had the role.

        Like a real gateway, this leaves out the current period if the role is deleted.
        """
        yield from self.past
        if self.held is not None and not self.is_deleted:
            yield Period(self.held, _NEVER)


@dataclass(frozen=True)
class Access:
    """The channels that a user has or had in a collection.

    ``open_now`` are all current channels, ``own`` are those without the user's roles, and
    ``history`` are past channels without the user's roles.
    """

    open_now: Since
    own: Since
    history: History
    roles: Mapping[str, RoleAccess]

    def closed(self, since: int, trigger: int) -> dict[str, int]:
        """Return the channels that the user has lost since a sequence.

        Each has the sequence at which the user last lost it. ``trigger`` is the sequence of a
        revocation that the client may have received only in part, or 0.
        """
        found: dict[str, int] = {}

        def is_new(end: int) -> bool:
            return end > since or end == trigger

        def close(name: str, end: int) -> None:
            if name not in self.open_now:
                found[name] = max(end, found.get(name, 0))

        for role in self.roles.values():
            ends = [period.end for period in role.past]
            if role.held is not None:
                for name, end in _ended(role.history, is_new):
                    close(name, end)
            elif any(map(is_new, ends)):
                for name in () if role.is_deleted else role.channels:
                    close(name, ends[-1])
                for name, past in role.history.items():
                    for period in filter(lambda period: is_new(period.end), past.periods):
                        # The user lost the role while it had the channel, or the role lost it.
                        close(name, ends[-1] if period.end > ends[-1] else past.end)
        for name, end in _ended(self.history, is_new):
            close(name, end)
        return found

    def periods(self, channel: str) -> Iterator[Period]:
        """Yield the periods during which the user had a channel."""
        if channel in self.history:
            yield from self.history[channel].periods
        if channel in self.own:
            yield Period(self.own[channel], _NEVER)
        for role in self.roles.values():
            of_role = list(role.history[channel].periods) if channel in role.history else []
            if channel in role.channels and not role.is_deleted:
                # Like a real gateway, this ignores when the role got this channel, and takes the
                # sequence of its first channel.
                of_role.append(Period(min(role.channels.values()), _NEVER))
            for held in role.periods():
                for had in of_role:
                    both = Period(max(held.start, had.start), min(held.end, had.end))
                    if both.start < both.end:
                        yield both


def _ended(history: History, is_new: Callable[[int], bool]) -> Iterator[tuple[str, int]]:
    for name, past in history.items():
        if any(is_new(period.end) for period in past.periods):
            yield name, past.end


def access(database: Database, reader: Reader) -> Access | None:
    """Return the channels that a reader has or had in the database's collection.

    Returns None for an administrator, and for a user who no longer exists.
    """
    user = None if reader.own is None else users.find(database, reader.name or users.GUEST)
    if user is None or reader.own is None:
        return None
    known = roles.having(database, {*reader.roles, *user.past_roles})
    granted = grants.of(database, [role.key for role in known]) if known else {}
    return Access(
        reader.channels,
        reader.own,
        user.history.get(database.collection, {}),
        {
            role.name: RoleAccess(
                reader.roles.get(role.name),
                user.past_roles[role.name].periods if role.name in user.past_roles else (),
                role.deleted,
                role.channels(database, granted[role.key]),
                role.history.get(database.collection, {}),
            )
            for role in known
        },
    )
