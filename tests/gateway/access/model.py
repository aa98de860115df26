"""Who may read what, as plain rules: users, roles, and documents with all their revisions.

It knows nothing of the gateway: it is what the gateway is compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

PUBLIC, STAR = "!", "*"


@dataclass(frozen=True)
class Revision:
    """A revision: where it is, what it opens (channels and roles, by user or "role:name"), and
    its secrets: a text, and what is attached."""

    channels: frozenset[str]
    opens: Mapping[str, frozenset[str]] = field(default_factory=dict)
    gives: Mapping[str, frozenset[str]] = field(default_factory=dict)
    text: str = ""
    attached: str = ""
    deleted: bool = False


@dataclass
class User:
    channels: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()


@dataclass
class Model:
    """Users ('' is GUEST) and roles by name, documents' revisions by id, oldest first."""

    users: dict[str, User] = field(default_factory=dict)
    roles: dict[str, frozenset[str]] = field(default_factory=dict)
    documents: dict[str, dict[str, Revision]] = field(default_factory=dict)

    def current(self, uid: str) -> tuple[str, Revision]:
        return list(self.documents[uid].items())[-1]

    def _granted(self, kind: str, to: str) -> frozenset[str]:
        """What current revisions open to a user or role; deleted documents open nothing."""
        current = (self.current(uid)[1] for uid in self.documents)
        return frozenset().union(*(getattr(revision, kind).get(to, ()) for revision in current))

    def own_channels(self, name: str) -> frozenset[str]:
        return self.users[name].channels | self._granted("opens", name) | {PUBLIC}

    def roles_of(self, name: str) -> frozenset[str]:
        return self.users[name].roles | self._granted("gives", name)

    def channels_of_role(self, role: str) -> frozenset[str]:
        """A role that is not there opens nothing."""
        if role not in self.roles:
            return frozenset()
        return self.roles[role] | self._granted("opens", f"role:{role}") | {PUBLIC}

    def open_to(self, name: str) -> frozenset[str]:
        """All channels that are open to a user."""
        by_role = (self.channels_of_role(role) for role in self.roles_of(name))
        return self.own_channels(name).union(*by_role)

    def may_list(self, name: str, channels: Iterable[str]) -> bool:
        """Whether a document in these channels is on the user's lists and feeds."""
        opened = self.open_to(name)
        return STAR in opened or not opened.isdisjoint(channels)

    def may_read(self, name: str, channels: frozenset[str]) -> bool:
        """Documents in no channel are open only to those who have all channels themselves."""
        if not channels:
            return STAR in self.own_channels(name)
        return self.may_list(name, channels)

    def sees(self, name: str, uid: str) -> bool:
        return self.may_read(name, self.current(uid)[1].channels)

    def listed(self, name: str) -> dict[str, Revision]:
        """The documents that a user is told of, at their current revisions."""
        current = {uid: self.current(uid)[1] for uid in self.documents}
        return {
            uid: revision
            for uid, revision in sorted(current.items())
            if not revision.deleted and self.may_list(name, revision.channels)
        }

    def visible(self, name: str) -> dict[str, Revision]:
        """The documents that a user may read, at their current revisions."""
        return {
            uid: revision
            for uid, revision in self.listed(name).items()
            if self.may_read(name, revision.channels)
        }

    def visible_channels(self, name: str, revision: Revision) -> frozenset[str]:
        opened = self.open_to(name)
        return revision.channels if STAR in opened else revision.channels & opened

    def has_been_in_reach(self, name: str, uid: str) -> bool:
        """Whether the document is, or was, in a channel that is open to the user now."""
        return any(self.may_list(name, it.channels) for it in self.documents[uid].values())
