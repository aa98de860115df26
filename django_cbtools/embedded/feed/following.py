"""Follows a feed for a client: loads the client's access and the sequence, and decides what to wait
for."""

from __future__ import annotations

from ..access import STAR, Reader
from ..database import Database
from ..http.messages import Call
from .changes import Feed, Wish
from .waiting import Interest, Pause


class Follower:
    """A feed, its reader, and the sequence ``upto`` which it can be read.

    ``call`` is the request for the feed, ``upto`` is the database's sequence from before the client
    was logged in (see :meth:`Feed.read`). Other gateways (``is_gateway``) keep to ``active_only``.
    """

    def __init__(
        self,
        call: Call,
        database: Database,
        wish: Wish,
        reader: Reader,
        upto: int,
        *,
        is_gateway: bool = False,
    ) -> None:
        self.feed = Feed(database, wish)
        self.reader = reader
        self.upto = upto
        self._is_gateway = is_gateway
        self._alias = call.alias
        user = call.identify() if call.trusted is None else None
        self._user = user.name if user is not None and user.sequence else None
        self._session = call.session.id if call.session else None

    def moved(self) -> bool:
        """Load the sequence and the reader again; return whether one of them has changed.

        Raises a GatewayError if the user lost access or the database was closed.
        """
        before = self.upto, self.reader
        self.upto = self.feed.database.sequence
        self.reader = self.reader.again()
        return (self.upto, self.reader) != before

    def pause(self, until: float) -> Pause:
        """Return a pause that ends with a write that can concern the client.

        A client that waits has all documents. So it is told of those that go from here on, even if
        it asked for no tombstones.
        """
        if not self._is_gateway:
            self.feed.show_gone()
        return Pause(self._alias, self._interest(), self.upto, until)

    def _interest(self) -> Interest:
        reader, wish = self.reader, self.feed.wish
        channels = reader.channels if STAR in wish.channels else wish.channels
        return Interest(
            self.feed.database,
            # Any document can have revoked a channel.
            frozenset((STAR,) if wish.revocations else channels),
            self._user,
            reader.name,
            frozenset(reader.roles),
            self._session,
        )
