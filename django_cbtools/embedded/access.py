"""Who may read what: channels of documents, channels of users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import bad_request, forbidden

#: Every user's channel, and the one that holds all others.
PUBLIC = "!"
STAR = "*"


def check_channel(name: str) -> str:
    """The name, if it can be a channel's; raises a 400 GatewayError otherwise."""
    if not name or "," in name:
        raise bad_request(f'Illegal channel name "{name}"')
    return name


def document_channels(body: Mapping[str, Any]) -> list[str]:
    """What the default sync function, ``channel(doc.channels)``, makes of a body."""
    channels = body.get("channels")
    if isinstance(channels, str):
        channels = [channels]
    if not isinstance(channels, list):
        return []
    names = dict.fromkeys(name for name in channels if isinstance(name, str))
    return [check_channel(name) for name in names]


@dataclass(frozen=True)
class Reader:
    """Somebody who asks, and the channels open to him (with the sequence since when)."""

    name: str | None
    channels: Mapping[str, int] = field(default_factory=dict)

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
        """The reader as he is now: what has been written may have opened channels to him."""
        return self

    def check(self, channels: Iterable[str]) -> None:
        """Raise a 403 GatewayError where a document in ``channels`` is out of reach."""
        if not self.may_read(channels):
            raise forbidden()


#: Whoever uses the admin API.
ADMIN = Reader(None, {STAR: 1})
