"""A connection to a replicator: its opener, its collections, and its requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from .. import gojson
from ..access import Reader
from ..database import Collection, Database
from ..documents import endings, writes
from ..documents.plans import Edit
from ..documents.writes import Saved
from ..errors import GatewayError, bad_request
from ..http import limits
from ..http.failures import reported
from ..http.messages import Call
from . import messages
from .messages import Message
from .steps import Goodbye, Steps

#: The requests whose sender's access is checked when the revisions are saved.
SAVED = frozenset(("rev", "putRev"))
#: The sub-protocols, and their versions.
PROTOCOLS = {"BLIP_3+CBMobile_3": 3, "BLIP_3+CBMobile_2": 2}


class Content(NamedTuple):
    """An attachment that the client may get, since it is being sent revisions that hold it.

    ``opened`` is the number of these revisions.
    """

    meta: Mapping[str, Any]
    opened: int


class Place:
    """A collection of the connection. ``index`` is its number, None if the client names none.

    ``pull`` is the feed that the client follows in it.
    """

    def __init__(self, session: Session, database: Database, index: int | None = None) -> None:
        self.session = session
        self.database = database
        self.index = index
        self.pull: Any = None
        self.has_pull = False
        self._reader: Reader | None = None

    def reader(self) -> Reader:
        """Return the client with its present access.

        Raises Goodbye if the user may no longer log in, or if the database has been closed.
        """
        try:
            if self._reader is None:
                call = self.session.call
                call.database = self.database
                self._reader = call.log_in()
            self._reader = self._reader.again()
        except GatewayError as error:
            raise Goodbye(error.reason) from error
        return self._reader

    def check(self) -> Reader:
        """Return the client with its present access, and end the documents whose time is over.

        Raises Goodbye as :meth:`reader` does.
        """
        now = Database.find(self.database.alias, self.database.name)
        try:
            if now is None:
                raise GatewayError(404, f'no such database "{self.database.name}"')
            self.database.check_open(now)
        except GatewayError as error:
            raise Goodbye(error.reason) from error
        self.database = replace(now, collection=self.database.collection)
        if now.has_expired:
            endings.end_documents(self.database)
        return self.reader()

    def message(self, profile: str, **properties: str) -> Message:
        """Return a request to the client that is about this collection."""
        of = {} if self.index is None else {"collection": str(self.index)}
        return Message({"Profile": profile, **properties, **of})


Profile = Callable[[Place, Message], Steps[Message]]


class Session:
    """A connection to the replicator. ``call`` is the request that opened it."""

    def __init__(self, call: Call, version: int, profiles: Mapping[str, Profile]) -> None:
        self.call = call
        self.version = version
        #: The attachments that the client may get, by document and digest.
        self.contents: dict[tuple[str, str], Content] = {}
        self._profiles = profiles
        self._default: Place | None = None
        self._places: list[Place | None] = []

    def answer(self, request: Message) -> Steps[Message]:
        """Run the steps that answer a request."""
        profile = self._profiles.get(request.profile)
        if profile is None:
            return messages.error(messages.BLIP, 404, "No handler for BLIP request")
        try:
            with reported(self.call):
                place = self.place(request)
                if request.profile not in SAVED:
                    place.check()
                return (yield from profile(place, request))
        except GatewayError as error:
            return messages.error(messages.HTTP, error.status, error.reason)

    def save(self, place: Place, edits: Sequence[Edit]) -> list[Saved | GatewayError]:
        """Write revisions in one go; return the result of each."""
        try:
            with reported(self.call):
                author = place.check()
                return writes.save(place.database, edits, author)
        except GatewayError as error:
            return [error] * len(edits)

    def place(self, request: Message) -> Place:
        """Return the collection that a request is about; raise a 400 GatewayError for none."""
        database = self.call.database
        if request.profile == "getCollections":
            return Place(self, database)
        given = request.properties.get("collection")
        if given is None:
            if Collection() not in database.collections():
                raise bad_request(
                    "Collection property not specified and default collection is not configured "
                    "for this database"
                )
            if self._places:
                raise bad_request(
                    "GetCollections already occurred, subsequent messages need a Collection "
                    "property"
                )
            if self._default is None:
                self._default = Place(self, replace(database, collection=Collection()))
            return self._default
        if not self._places:
            raise bad_request("Passing collection requires calling getCollections first")
        try:
            index = int(given)
        except ValueError:
            raise bad_request(
                f"collection property needs to be an int, was {messages.quoted(given)}"
            ) from None
        if not 0 <= index < len(self._places):
            raise bad_request(
                f"Collection index {index} is outside range indexes set by GetCollections"
            )
        found = self._places[index]
        if found is None:
            raise bad_request(
                f"Collection index {index} was not a valid collection set by GetCollections"
            )
        return found

    def set_places(self, places: list[Place | None]) -> None:
        """Set the collections by their numbers; the feeds of the earlier ones end."""
        for place in self._places:
            if place is not None and place.pull is not None:
                place.pull.stop()
        self._places = places


def json_of(request: Message) -> Any:
    """Return the JSON value in a message's body.

    Raises a 400 GatewayError if there is none, and a 413 GatewayError if it is too large.
    """
    return gojson.unmarshal(text_of(request))


def text_of(request: Message) -> str:
    """Return a message's body as text; raise a 413 GatewayError if it is too large."""
    if request.is_cut or limits.is_too_wide(request.body):
        raise GatewayError(413, "Document too large!")
    return request.body.decode("utf-8", "replace")
