"""Information from the gateway about the database that is followed."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from django_cbtools.exceptions import SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import PUBLIC, loads, request
from django_cbtools.sync_gateway.feed.changes import Changes

#: How far before the last sequence the feed is read to find its end: gateways take sequences by
#: the dozen, and use them later.
_TAIL = 1000


class Database(NamedTuple):
    """A database: its name, the cluster that it is in ('' where that is not told), and the highest
    sequence that it has given."""

    name: str
    server: str
    last: int

    @classmethod
    def now(cls) -> Database:
        """The database as it is now; raises SyncGatewayUnavailable where it cannot be asked."""
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
    """The highest sequence in a position, which may be made of several."""
    return max(map(int, re.findall(r"\d+", since)), default=0)


def end(keyspace: str | None = None) -> str:
    """The position behind all that there is in a keyspace."""
    since = max(Database.now().last - _TAIL, 0)
    feed: Changes = SyncGateway.in_keyspace(keyspace).changes(since, request_plus=True)
    for _ in feed:
        pass
    return feed.since
