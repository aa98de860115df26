"""REST: taking databases offline and online, and jobs that go over all of their documents."""

from __future__ import annotations

from typing import Any

from .. import gojson
from ..database import OFFLINE, ONLINE, RESYNCING
from ..databases import administration, compaction, resync
from ..errors import GatewayError, bad_request
from ..http.messages import Answer, Call


def take_offline(call: Call) -> Answer:
    if call.database.state == ONLINE:
        administration.set_offline(call.database, True)
    return Answer()


def bring_online(call: Call) -> Answer:
    """At once, or after the body's ``delay`` (seconds)."""
    if call.database.state == RESYNCING:
        raise GatewayError(
            503, "Database _resync is in progress, this may take some time, try again later"
        )
    if call.database.state != ONLINE:
        delay = _member(call, "delay", int, "int") or 0
        administration.set_offline(call.database, False, delay)
    return Answer()


def get_resync(call: Call) -> Answer:
    return call.json(resync.job(call.database).shown())


def post_resync(call: Call) -> Answer:
    regenerates = _member(call, "regenerate_sequences", bool, "bool")
    scopes = _member(call, "scopes", dict, "base.CollectionNames") or {}
    if not all(map(_is_list_of_names, scopes.values())):
        raise bad_request(
            'Invalid JSON: "json: cannot unmarshal: scopes have lists of collections\' names"'
        )
    state = call.database.state
    if _action(call) == "stop":
        if state != RESYNCING:
            raise bad_request("Database _resync is not running")
        with call.database.atomic():
            job = resync.job(call.database)
            job.stop()
        return call.json(job.shown())
    if state == RESYNCING:
        raise GatewayError(503, "Database _resync already in progress")
    if state != OFFLINE:
        raise GatewayError(
            503, f"Database must be _offline before calling _resync, current state: {state}"
        )
    regenerates = regenerates or call.flag("regenerate_sequences")
    return call.json(resync.run(call.database, scopes, regenerate_sequences=regenerates))


def get_compact(call: Call) -> Answer:
    return call.json(compaction.job(call.database, _type(call)).shown())


def post_compact(call: Call) -> Answer:
    action, kind = _action(call), _type(call)
    if action == "start":
        return call.json(compaction.run(call.database, kind, dry_run=call.flag("dry_run")))
    with call.database.atomic():
        job = compaction.job(call.database, kind)
        if kind == "tombstone" and not job.is_running:
            raise bad_request("Database compact is not running")
        job.stop()
    return call.json(job.shown())


def flush(call: Call) -> Answer:
    administration.flush(call.database)
    return Answer()


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _action(call: Call) -> str:
    action = call.query.get("action") or "start"
    if action not in ("start", "stop"):
        raise bad_request("Unknown parameter for 'action'. Must be start or stop")
    return action


def _type(call: Call) -> str:
    return call.query.get("type") or "tombstone"


def _member(call: Call, name: str, kind: type, go_type: str) -> Any:
    """A member of the body, which may be missing; raises a 400 GatewayError for another type."""
    body = gojson.unmarshal(call.text) if call.text else {}
    value = body.get(name) if isinstance(body, dict) else None
    is_too_large = isinstance(value, int) and abs(value) >= 1 << 63
    if value is not None and (type(value) is not kind or is_too_large):
        raise bad_request(
            f'Invalid JSON: "json: cannot unmarshal {gojson.kind(value)} into Go struct field '
            f'.{name} of type {go_type}"'
        )
    return value
