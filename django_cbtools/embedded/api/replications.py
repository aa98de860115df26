"""Admin API: replications with other gateways."""

from __future__ import annotations

from typing import Any

from django_cbtools import canonical

from .. import gostructs
from ..databases import replication_configs, replications
from ..databases.replications import RESETTING, RUNNING, STOPPED
from ..errors import GatewayError, bad_request
from ..http.answers import Answer
from ..http.messages import Call, unescape

#: For each action: the state that the replication shall have, and the one that is answered until
#: it has it.
_ACTIONS = {
    "start": (RUNNING, "starting"), "stop": (STOPPED, "stopping"), "reset": (RESETTING, RESETTING),
}  # fmt: skip


def get_all(call: Call) -> Answer:
    """GET _replication: the configurations, by id."""
    node = replications.node(call.database)
    where = "local" if replications.is_local(call.database) else "non-local"
    shown = {
        id: {
            **replication_configs.shown(it.config),
            "assigned_node": f"{node} ({where})", "target_state": it.target,
        }
        for id, it in replications.listed(call.database).items()
    }  # fmt: skip
    return call.json(shown)


def get(call: Call) -> Answer:
    found = replications.find(call.database, _id(call))
    return call.json(replication_configs.shown(found.config))


def post(call: Call) -> Answer:
    """POST _replication: create or change the replication that the body names."""
    given = _given(call)
    return _put(call, given.get("replication_id", ""), given)


def put(call: Call) -> Answer:
    """PUT _replication/{id}: create or change a replication."""
    id, given = _id(call), _given(call)
    if given.get("replication_id") not in (None, "", id):
        raise bad_request(
            f"Replication ID in body {canonical.dumps(given['replication_id'])} does not match "
            "request URI"
        )
    return _put(call, id, given)


def _put(call: Call, id: str, given: dict[str, Any]) -> Answer:
    return Answer(201 if replications.put(call.database, id, given) else 200)


def delete(call: Call) -> Answer:
    replications.delete(call.database, _id(call))
    return Answer()


def get_statuses(call: Call) -> Answer:
    """GET _replicationStatus: what all replications have done."""
    found = replications.listed(call.database).values()
    statuses = [_status(call, it) for it in found]
    return call.json([status for status in statuses if status is not None])


def get_status(call: Call) -> Answer:
    found = replications.find(call.database, _id(call))
    return call.json(_status(call, found))


def put_status(call: Call) -> Answer:
    """PUT _replicationStatus/{id}: start, stop or reset a replication, as ``action`` says."""
    id, action = _id(call), call.query.get("action", "")
    if not action:
        raise bad_request("Query parameter 'action' must be specified")
    if action not in _ACTIONS:
        raise bad_request(
            f"Unrecognized action {canonical.dumps(action)}.  Valid values are start/stop/reset."
        )
    target, until = _ACTIONS[action]
    replications.aim(call.database, id, target)
    try:
        found = replications.find(call.database, id)
    except GatewayError:
        # An ad hoc replication is deleted when it is stopped.
        return call.json({"replication_id": id, "status": "removed"})
    status = replications.status(call.database, found)
    return call.json({**status, "status": target if status["status"] == target else until})


def _status(call: Call, found: replications.Replication) -> dict[str, Any] | None:
    """Return the status of a replication, None if it is not one of those that are asked for."""
    status = replications.status(call.database, found)
    state = status["status"]
    if call.flag("localOnly") and not replications.is_local(call.database):
        return None
    if call.flag("activeOnly") and state != RUNNING:
        return None
    if call.query.get("includeError") == "false" and state == "error":
        return None
    if call.flag("includeConfig"):
        config = replication_configs.shown(found.config)
        at = [*status].index("status")
        members = list(status.items())
        status = dict([*members[:at], ("config", config), *members[at:]])
    return status


def _id(call: Call) -> str:
    return unescape(call.names["id"])


def _given(call: Call) -> dict[str, Any]:
    given: dict[str, Any] = gostructs.unmarshal(call.text, replication_configs.MEMBERS)
    return given
