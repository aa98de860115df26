"""Access control: the channels of a reader, and the documents that a reader may read and list."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from .errors import bad_request, forbidden

#: The channel that every user has, and the one that stands for all channels.
PUBLIC = "!"
STAR = "*"
#: Names of channels or roles, each with the sequence at which it was granted.
Since = Mapping[str, int]


def check_channel(name: str) -> str:
    """Return the name; raise a 400 GatewayError if it is not a valid name of a channel."""
    # SQLite's JSON functions cut a string at its first NUL.
    if not name or "," in name or "\0" in name:
        raise bad_request(f'Illegal channel name "{name}"')
    return name


def earliest(*sets: Since) -> dict[str, int]:
    """Merge sets of names. Each name keeps its earliest sequence."""
    names: dict[str, int] = {}
    for since in sets:
        for name, sequence in since.items():
            names[name] = min(sequence, names.get(name, sequence))
    return names


@dataclass(frozen=True)
class Reader:
    """The sender of a request, and what the sender may read in one collection.

    ``channels`` are all channels of the reader, including those of the reader's roles. ``own`` are
    the channels that the reader has without a role (None: all of them). ``by_role`` are the
    channels of each role, with the sequences at which the role got them. ``roles`` are the names of
    the roles, with the sequences at which the reader got them.

    ``name`` is None for an administrator and '' for GUEST. ``sequence`` is the sequence of the last
    change to the user's own configuration.
    """

    name: str | None
    channels: Since = field(default_factory=dict)
    roles: Since = field(default_factory=dict)
    sequence: int = 0
    reload: Callable[[], Reader] | None = field(default=None, compare=False, repr=False)
    own: Since | None = None
    by_role: tuple[Since, ...] = ()
    #: Whether a role with all channels also gives access to documents that are in no channel. As on
    #: a real gateway, it does so in named collections, but not in the default collection.
    roles_open_all: bool = False

    @property
    def reads_all(self) -> bool:
        """True if the reader has all channels, directly or through a role."""
        return STAR in self.channels

    @property
    def reads_all_himself(self) -> bool:
        """True if the reader has all channels without any role."""
        return STAR in (self.channels if self.own is None else self.own)

    def visible(self, channels: Iterable[str]) -> list[str]:
        """Return those of ``channels`` that the reader has."""
        if self.reads_all:
            return list(channels)
        return [name for name in channels if name in self.channels]

    def may_list(self, channels: Iterable[str]) -> bool:
        """Return whether the reader's lists, feeds and views show documents in ``channels``."""
        return self.reads_all or bool(self.visible(channels))

    def may_read(self, channels: Collection[str]) -> bool:
        """Return whether the reader may read a document in ``channels``."""
        if self.visible(channels):
            return True
        return not channels and (
            self.reads_all_himself or (self.reads_all and self.roles_open_all)
        )  # fmt: skip

    def since(self, channel: str) -> int:
        """Return the sequence at which the reader got a channel, or 0 without access to it.

        Like a real gateway, this takes the sequence at which a role got the channel, even if the
        reader got the role later.
        """
        sets = (self.channels,) if self.own is None else (self.own, *self.by_role)
        found = [names.get(channel) or names.get(STAR, 0) for names in sets]
        return min(filter(None, found), default=0)

    def again(self) -> Reader:
        """Load the reader again, as writes may have granted or revoked channels.

        Two readers that compare equal have the same access. Raises a 401 GatewayError if the user
        no longer exists or is disabled.
        """
        return self.reload() if self.reload else self

    def check(self, channels: Collection[str]) -> None:
        """Raise a 403 GatewayError if the reader may not read a document in ``channels``."""
        if not self.may_read(channels):
            raise forbidden()


#: The user of the admin API.
ADMIN = Reader(None, {STAR: 1})
