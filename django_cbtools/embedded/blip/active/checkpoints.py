"""Checkpoints, which record how far a feed has been replicated. Each side keeps one as a local
document.

The two must agree. Otherwise, the feed begins at the lower one, or anew if one is missing or was
written for another task.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django_cbtools import canonical

from ... import gojson
from ...database import Database
from ...documents import local
from ...errors import GatewayError, missing
from ...feed.sequences import SequenceId
from ..checkpoints import PREFIX
from ..messages import Message
from ..session import text_of
from ..steps import Ask, Steps
from .session import ActivePlace, ActiveSession
from .task import Task, UnknownCollection

_SEQUENCE, _DIGEST = "last_sequence", "config_hash"
#: How often a checkpoint is written that somebody else has changed.
_TRIES = 5


def source(database: Database) -> str:
    """Return the id that a database has been given when it was made."""
    found = database.value("SELECT source FROM cbtools_databases WHERE name = %s", [database.name])
    if found is None:
        raise missing(f'no such database "{database.name}"')
    return str(found)


class Checkpoint:
    """The checkpoint of a collection, on both sides. ``since`` is where the feed begins."""

    def __init__(self, place: ActivePlace) -> None:
        task, database = place.session.task, place.database
        id = source(database)
        self._place = place
        self._client = task.client(id)
        self._digest = task.digest(id, place.part)
        self._revs = {"here": "", "there": ""}
        self.since = ""
        self._kept: str | None = None

    @property
    def is_old(self) -> bool:
        """True if the replication has got further than the stored checkpoint says."""
        return self._place.progress.last not in (None, self._kept)

    def begin(self, theirs: dict[str, Any] | None = None) -> Steps[None]:
        """Find out where to begin. ``theirs`` is the other side's checkpoint, if it is known."""
        if theirs is None:
            theirs = yield from self._theirs()
        ours = self._ours()
        self._revs = {"here": str(ours.get("_rev", "")), "there": str(theirs.get("_rev", ""))}
        if ours.get(_DIGEST) == theirs.get(_DIGEST) == self._digest:
            self.since = _lower(ours.get(_SEQUENCE), theirs.get(_SEQUENCE))

    def keep(self) -> Steps[None]:
        """Write the checkpoint on both sides, if it has changed."""
        if not self.is_old:
            return
        last = self._place.progress.last
        body = {_SEQUENCE: last, _DIGEST: self._digest}
        yield from self._written("here", body)
        yield from self._written("there", body)
        self._kept = last

    def _written(self, side: str, body: dict[str, Any]) -> Steps[None]:
        """Write the checkpoint of one side; if somebody else has written it, over that."""
        for _ in range(_TRIES):
            try:
                if side == "here":
                    text = {**body, "_rev": self._revs[side]} if self._revs[side] else body
                    name = PREFIX + self._client
                    self._revs[side] = local.save(self._place.database, name, text)
                else:
                    reply = yield Ask(self._request("setCheckpoint", body, rev=self._revs[side]))
                    self._revs[side] = str(_checked(reply).properties.get("rev", ""))
                return
            except GatewayError as error:
                if error.status not in (404, 409):
                    raise
                failure = error
            found = self._ours() if side == "here" else (yield from self._theirs())
            self._revs[side] = str(found.get("_rev", ""))
        raise failure

    def _ours(self) -> dict[str, Any]:
        return _read(self._place.database, self._client)

    def _theirs(self) -> Steps[dict[str, Any]]:
        reply = yield Ask(self._request("getCheckpoint"))
        if reply.is_error and reply.properties.get("Error-Code") == "404":
            return {}
        body = object_in(_checked(reply))
        return {**body, "_rev": reply.properties.get("rev", "")}

    def _request(self, profile: str, body: Any = None, **properties: str) -> Message:
        request = self._place.message(profile, client=self._client, **properties)
        if body is not None:
            request.body = canonical.dumps(body).encode()
        return request


def _read(database: Database, client: str) -> dict[str, Any]:
    """Return our checkpoint, an empty one if there is none."""
    try:
        return local.read(database, PREFIX + client)
    except GatewayError as error:
        if error.status != 404:
            raise
        return {}


def forget(database: Database, task: Task) -> None:
    """Remove our checkpoints of a task, so that it begins anew."""
    client = task.client(source(database))
    for part in task.parts:
        place = replace(database, collection=part.local)
        ours = _read(place, client)
        if ours:
            local.delete(place, PREFIX + client, ours["_rev"])


def opened(session: ActiveSession) -> Steps[list[dict[str, Any]]]:
    """Ask for the collections of the task; return the other side's checkpoint of each."""
    clients = [session.task.client(source(session.call.database)) for _ in session.places]
    names = [place.part.remote for place in session.places]
    body = {"collections": names, "checkpoint_ids": clients}
    request = Message({"Profile": "getCollections"}, canonical.dumps(body).encode())
    reply = _checked((yield Ask(request)))
    found = gojson.unmarshal(text_of(reply))
    if not isinstance(found, list) or len(found) != len(names):
        raise GatewayError(400, "The other gateway's answer to getCollections is malformed")
    unknown = [str(name) for name, body in zip(names, found, strict=True) if body is None]
    if unknown:
        raise UnknownCollection(404, f"The other gateway has no collection {', '.join(unknown)}")
    return [body if isinstance(body, dict) else {} for body in found]


def object_in(message: Message) -> dict[str, Any]:
    """Return the object in a message's body; an empty one if there is no object."""
    try:
        body = gojson.unmarshal(text_of(message))
    except GatewayError:
        return {}
    return body if isinstance(body, dict) else {}


def _checked(reply: Message) -> Message:
    """Return a reply; raise a GatewayError if it is an error."""
    if reply.is_error:
        raise error_of(reply)
    return reply


def error_of(reply: Message) -> GatewayError:
    """Return the error that a reply reports."""
    code = reply.properties.get("Error-Code", "")
    status = int(code) if code.isascii() and code.isdigit() and len(code) == 3 else 500
    return GatewayError(status, reply.body.decode("utf-8", "replace")[:1000])


def _lower(*sequences: Any) -> str:
    """Return the lower one of two sequences, '' if one is missing or malformed."""
    texts = [text for text in sequences if isinstance(text, str) and text]
    if len(texts) < len(sequences):
        return ""
    try:
        return min(texts, key=lambda text: SequenceId.parse(text).order)
    except GatewayError:
        return texts[0] if len(set(texts)) == 1 else ""
