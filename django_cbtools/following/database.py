"""The gateway's information about the database that is followed."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from django_cbtools.exceptions import SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import PUBLIC, loads, request
from django_cbtools.sync_gateway.feed.changes import Changes

#: The number of sequences before the last one from which on the feed is read to find its end.
#: Gateways reserve sequences by the dozen, and use them later.
_TAIL = 1000


class Database(NamedTuple):
    """A database: its name, the id of its cluster ('' if unknown), and its highest sequence."""

    name: str
    server: str
    last: int

    @classmethod
    def now(cls) -> Database:
        """Load the current state of the database. Raise SyncGatewayUnavailable if the gateway
        cannot be asked."""
        answer: Any = loads(request(PUBLIC, "GET", ""))
        try:
            return cls(
                str(answer["db_name"]),
                str(answer.get("server_uuid") or ""),
                int(answer["update_seq"]),
            )
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise SyncGatewayUnavailable(
                "The gateway does not say what its database is."
            ) from error


def number(since: str) -> int:
    """Return the highest sequence in a position, which may consist of several."""
    return max(map(int, re.findall(r"\d+", since)), default=0)


def end(keyspace: str | None = None) -> str:
    """Return the position at the end of a keyspace's feed."""
    since = max(Database.now().last - _TAIL, 0)
    feed: Changes = SyncGateway.in_keyspace(keyspace).changes(since, request_plus=True)
    for _ in feed:
        pass
    return feed.since
