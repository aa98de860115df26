"""Who may read what: channels of documents, channels of users."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from .errors import bad_request, forbidden

#: Every user's channel, and the one that holds all others.
PUBLIC = "!"
STAR = "*"
#: Names, and the sequence since when they hold.
Since = Mapping[str, int]


def check_channel(name: str) -> str:
    """The name, if it can be a channel's; raises a 400 GatewayError otherwise."""
    # SQLite's JSON functions, which select by channels, end a text at its first NUL.
    if not name or "," in name or "\0" in name:
        raise bad_request(f'Illegal channel name "{name}"')
    return name


def earliest(*sets: Since) -> dict[str, int]:
    """All names, each since it first holds."""
    names: dict[str, int] = {}
    for since in sets:
        for name, sequence in since.items():
            names[name] = min(sequence, names.get(name, sequence))
    return names


@dataclass(frozen=True)
class Reader:
    """Somebody who asks, and what is open to him in a collection.

    ``channels`` are all channels that he may read, those of his roles among them, with the
    sequence since when. ``own`` are those that are open to him without a role (None: all), and
    ``by_role`` the channels of each of his roles, since the role has them. ``roles`` are the roles'
    names, with the sequence since when he has them.

    ``name`` is None for an administrator and '' for GUEST; ``sequence`` is when the user himself
    was changed last.
    """

    name: str | None
    channels: Since = field(default_factory=dict)
    roles: Since = field(default_factory=dict)
    sequence: int = 0
    reload: Callable[[], Reader] | None = field(default=None, compare=False, repr=False)
    own: Since | None = None
    by_role: tuple[Since, ...] = ()
    #: Whether a role that opens all channels opens the documents in no channel, too. As on a real
    #: gateway, it does not in the default collection.
    roles_open_all: bool = False

    @property
    def reads_all(self) -> bool:
        """Whether all channels are open to him, by himself or by a role."""
        return STAR in self.channels

    @property
    def reads_all_himself(self) -> bool:
        """Whether all channels are open to him without a role."""
        return STAR in (self.channels if self.own is None else self.own)

    def visible(self, channels: Iterable[str]) -> list[str]:
        """The channels among ``channels`` that are open to this reader."""
        if self.reads_all:
            return list(channels)
        return [name for name in channels if name in self.channels]

    def may_list(self, channels: Iterable[str]) -> bool:
        """Whether a document in ``channels`` is on his lists: of ids, of changes, of views."""
        return self.reads_all or bool(self.visible(channels))

    def may_read(self, channels: Collection[str]) -> bool:
        """Whether he may read a document in ``channels``."""
        if self.visible(channels):
            return True
        return not channels and (
            self.reads_all_himself or (self.reads_all and self.roles_open_all)
        )  # fmt: skip

    def since(self, channel: str) -> int:
        """Since when a channel is open to a reader who asks for it by name, 0 if it is not.

        As on a real gateway, a role's channel counts since the role has it, whenever the reader
        was given the role.
        """
        sets = (self.channels,) if self.own is None else (self.own, *self.by_role)
        found = [names.get(channel) or names.get(STAR, 0) for names in sets]
        return min(filter(None, found), default=0)

    def again(self) -> Reader:
        """The reader as he is now: what has been written may have opened channels to him, or
        closed them. Two that are equal may do the same.

        Raises a 401 GatewayError where there is no such user any more.
        """
        return self.reload() if self.reload else self

    def check(self, channels: Collection[str]) -> None:
        """Raise a 403 GatewayError where a document in ``channels`` is out of reach."""
        if not self.may_read(channels):
            raise forbidden()


#: Whoever uses the admin API.
ADMIN = Reader(None, {STAR: 1})
