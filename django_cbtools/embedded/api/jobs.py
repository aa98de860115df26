"""Admin API: taking databases offline and online, flushing, resync and compaction."""

from __future__ import annotations

from typing import Any

from .. import gostructs
from ..database import OFFLINE, ONLINE, RESYNCING
from ..databases import administration, compaction, resync
from ..errors import GatewayError, bad_request
from ..gostructs import Map, Struct
from ..http.answers import Answer
from ..http.messages import Call

_ONLINE = Struct("", {"delay": "int"}, 'struct { Delay int "json:\\"delay\\"" }')
_RESYNC = Struct("ResyncPostReqBody", {
    "scopes": Map("base.CollectionNames", "[]string"), "regenerate_sequences": "bool",
})  # fmt: skip


def take_offline(call: Call) -> Answer:
    if call.database.state == ONLINE:
        administration.set_offline(call.database, True)
    return Answer()


def bring_online(call: Call) -> Answer:
    """POST _online: bring the database online, now or after the body's ``delay`` (in seconds).

    Raises a 503 GatewayError if a resync is running.
    """
    if call.database.state == RESYNCING:
        raise GatewayError(
            503, "Database _resync is in progress, this may take some time, try again later"
        )
    if call.database.state != ONLINE:
        delay = _asked(call, _ONLINE).get("delay", 0)
        administration.set_offline(call.database, False, delay)
    return Answer()


def get_resync(call: Call) -> Answer:
    return call.json(resync.job(call.database).shown())


def post_resync(call: Call) -> Answer:
    asked = _asked(call, _RESYNC)
    scopes = {scope: names or [] for scope, names in asked.get("scopes", {}).items()}
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
    regenerates = asked.get("regenerate_sequences", False) or call.flag("regenerate_sequences")
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
        if job.is_running:
            job.stop()
    return call.json(job.shown())


def flush(call: Call) -> Answer:
    administration.flush(call.database)
    return Answer()


def _action(call: Call) -> str:
    action = call.query.get("action") or "start"
    if action not in ("start", "stop"):
        raise bad_request("Unknown parameter for 'action'. Must be start or stop")
    return action


def _type(call: Call) -> str:
    return call.query.get("type") or "tombstone"


def _asked(call: Call, wanted: Struct) -> dict[str, Any]:
    """Return the members of the optional body. Raises a 400 GatewayError if it is invalid."""
    asked: dict[str, Any] = gostructs.unmarshal(call.text, wanted) if call.text else {}
    return asked
