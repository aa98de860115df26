"""Access control: which channels a reader has, and which documents he may read and list."""

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
    """Return the name; raise a 400 GatewayError if no channel can have it."""
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
    """Whoever sends a request, and what he may read in one collection.

    ``channels`` are all his channels, those of his roles included. ``own`` are the channels that
    he has without a role (None: all of them). ``by_role`` are the channels of each of his roles;
    their sequences say when the role got them. ``roles`` are the names of his roles; their
    sequences say when he got them.

    ``name`` is None for an administrator and '' for GUEST. ``sequence`` is the sequence of the
    last change to the user himself.
    """

    name: str | None
    channels: Since = field(default_factory=dict)
    roles: Since = field(default_factory=dict)
    sequence: int = 0
    reload: Callable[[], Reader] | None = field(default=None, compare=False, repr=False)
    own: Since | None = None
    by_role: tuple[Since, ...] = ()
    #: Whether a role with all channels also lets him read documents that are in no channel. Like a
    #: real gateway, the default collection does not allow it; named collections do.
    roles_open_all: bool = False

    @property
    def reads_all(self) -> bool:
        """Whether he has all channels, directly or through a role."""
        return STAR in self.channels

    @property
    def reads_all_himself(self) -> bool:
        """Whether he has all channels without any role."""
        return STAR in (self.channels if self.own is None else self.own)

    def visible(self, channels: Iterable[str]) -> list[str]:
        """Return those of ``channels`` that the reader has."""
        if self.reads_all:
            return list(channels)
        return [name for name in channels if name in self.channels]

    def may_list(self, channels: Iterable[str]) -> bool:
        """Whether a document in ``channels`` appears in his lists, feeds and view results."""
        return self.reads_all or bool(self.visible(channels))

    def may_read(self, channels: Collection[str]) -> bool:
        """Whether he may read a document in ``channels``."""
        if self.visible(channels):
            return True
        return not channels and (
            self.reads_all_himself or (self.reads_all and self.roles_open_all)
        )  # fmt: skip

    def since(self, channel: str) -> int:
        """Return the sequence at which he got a channel that he asks for by name, 0 if he lacks it.

        Like a real gateway, this takes the sequence at which a role got the channel, even if the
        reader got the role later.
        """
        sets = (self.channels,) if self.own is None else (self.own, *self.by_role)
        found = [names.get(channel) or names.get(STAR, 0) for names in sets]
        return min(filter(None, found), default=0)

    def again(self) -> Reader:
        """Load the reader again. Writes may have granted him channels, or revoked them.

        Two readers that compare equal have the same access. Raises a 401 GatewayError if the user
        no longer exists or is disabled.
        """
        return self.reload() if self.reload else self

    def check(self, channels: Collection[str]) -> None:
        """Raise a 403 GatewayError if he may not read a document in ``channels``."""
        if not self.may_read(channels):
            raise forbidden()


#: The user of the admin API.
ADMIN = Reader(None, {STAR: 1})
