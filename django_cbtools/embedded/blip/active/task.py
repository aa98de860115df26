"""The description of a replication: the collections and the gateway to replicate with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...database import Collection
from ...errors import GatewayError
from . import resolving
from .resolving import Resolver

PULL, PUSH = "pull", "push"
#: How many changes are offered at once.
BATCH = 200


class UnknownCollection(GatewayError):
    """One of the two gateways does not have a collection of the task."""


class Part(NamedTuple):
    """A collection, its name on the other gateway, and the channels that are replicated.

    ``remote`` is None if the other gateway is not asked for collections: the default collection is
    meant then. Without channels, all documents are replicated.
    """

    local: Collection = Collection()
    remote: str | None = None
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """A replication in one direction.

    ``remote`` is the address of the other gateway's database, with the name of the user but without
    the password. ``uids`` are the documents that are replicated; without them, it is all. With
    ``removes``, documents that are no longer in the user's channels are removed here.
    ``run_as`` is the user of this gateway for whom documents are read and written; '' is the
    administrator.
    """

    id: str
    direction: str
    remote: str
    parts: tuple[Part, ...] = (Part(),)
    uids: tuple[str, ...] = ()
    is_continuous: bool = False
    removes: bool = False
    run_as: str = ""
    resolve: Resolver = resolving.default

    def client(self, source: str) -> str:
        """Return the name of the checkpoint. ``source`` is the id of this database."""
        # Other gateways may keep checkpoints here whose replications have the same id.
        return f"{source}:sgr2cp:{self.direction}:{self.id}"

    def digest(self, source: str, part: Part) -> str:
        """Return a digest of what the checkpoint of a collection is valid for."""
        parts: Sequence[object] = (
            self.id, self.direction, self.remote, self.uids, self.run_as, source, part
        )  # fmt: skip
        return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()
