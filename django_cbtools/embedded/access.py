"""Who may read what: channels of documents, channels of users."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
    """Somebody who asks, and what is open to him: channels of a keyspace, his roles'
    channels among them, with the sequence since when.

    ``name`` is None for an administrator and '' for GUEST; ``sequence`` is when the user himself
    was changed last.
    """

    name: str | None
    channels: Since = field(default_factory=dict)
    roles: Since = field(default_factory=dict)
    sequence: int = 0
    reload: Callable[[], Reader] | None = field(default=None, compare=False, repr=False)

    @property
    def reads_all(self) -> bool:
        return STAR in self.channels

    def visible(self, channels: Iterable[str]) -> list[str]:
        """The channels among ``channels`` that are open to this reader."""
        if self.reads_all:
            return list(channels)
        return [name for name in channels if name in self.channels]

    def may_read(self, channels: Iterable[str]) -> bool:
        return self.reads_all or bool(self.visible(channels))

    def again(self) -> Reader:
        """The reader as he is now: what has been written may have opened channels to him, or
        closed them. Two that are equal may do the same.

        Raises a 401 GatewayError where there is no such user any more.
        """
        return self.reload() if self.reload else self

    def check(self, channels: Iterable[str]) -> None:
        """Raise a 403 GatewayError where a document in ``channels`` is out of reach."""
        if not self.may_read(channels):
            raise forbidden()


#: Whoever uses the admin API.
ADMIN = Reader(None, {STAR: 1})
