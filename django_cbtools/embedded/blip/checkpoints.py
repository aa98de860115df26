"""The replicator's checkpoints, and the choice of collections.

A checkpoint is a local document: `_local/checkpoint/<client>`.
"""

from __future__ import annotations

from dataclasses import replace

from django_cbtools import canonical

from ..database import DEFAULT, Collection
from ..documents import local
from ..errors import GatewayError, bad_request
from ..gostructs import Struct, fill
from .messages import Message
from .session import Place, json_of
from .steps import Steps

PREFIX = "checkpoint/"
_ASKED = Struct("", {"collections": "[]string", "checkpoint_ids": "[]string"}, "struct")


def get_checkpoint(place: Place, request: Message) -> Steps[Message]:
    yield from ()
    body = local.read(place.database, PREFIX + request.properties.get("client", ""))
    del body["_id"]
    return _json({"rev": body.pop("_rev")}, canonical.dumps(body))


def set_checkpoint(place: Place, request: Message) -> Steps[Message]:
    yield from ()
    body, rev = json_of(request), request.properties.get("rev", "")
    name = PREFIX + request.properties.get("client", "")
    if body is None:
        local.delete(place.database, name, rev)
        return Message()
    if not isinstance(body, dict):
        raise bad_request("Invalid JSON: a checkpoint is an object")
    if rev:
        body["_rev"] = rev
    return Message({"rev": local.save(place.database, name, body)})


def get_collections(place: Place, request: Message) -> Steps[Message]:
    """Set the collections of the connection, and return their checkpoints."""
    yield from ()
    asked = fill(json_of(request), _ASKED)
    names, clients = asked.get("collections") or [], asked.get("checkpoint_ids") or []
    if len(names) != len(clients):
        raise bad_request(
            "Length of collections must match length of checkpoint ids. "
            f"Request body: {{[{' '.join(names)}] [{' '.join(clients)}]}}"
        )
    known = set(place.database.collections())
    places: list[Place | None] = []
    found: list[dict[str, object] | None] = []
    for name, client in zip(names, clients, strict=True):
        collection = _collection(name)
        if collection not in known:
            places.append(None)
            found.append(None)
            continue
        database = replace(place.database, collection=collection)
        try:
            body = local.read(database, PREFIX + client)
            del body["_id"]
        except GatewayError as error:
            if error.status != 404:
                raise
            body = {}
        found.append(body)
        places.append(Place(place.session, database, len(places)))
    place.session.set_places(places)
    return _json({}, canonical.dumps(found))


def _collection(name: str) -> Collection:
    parts = name.split(".")
    quoted = canonical.dumps(name)
    problem = "Invalid specification for collection: "
    if len(parts) > 2:
        raise bad_request(f"{problem}unknown keyspace format: {quoted} - expected 1-2 fields")
    scope, collection = parts if len(parts) == 2 else (DEFAULT, name)
    if not scope:
        raise bad_request(f"{problem}Scope in [scope.]collection can not be empty {quoted}")
    if not collection:
        raise bad_request(f"{problem}Collection in [scope.]collection can not be empty {quoted}")
    return Collection(scope, collection)


def _json(properties: dict[str, str], text: str) -> Message:
    properties["Content-Type"] = "application/json"
    return Message(properties, text.encode(), compressed=True)
