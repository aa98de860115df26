"""The replications of a database: their configurations and states, which are stored with it.

A server process, the node, runs them. It reads the wanted state of each replication, and stores the
state that it has reached.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..database import Database
from ..errors import bad_request, missing
from . import replication_configs

RUNNING, STOPPED, RESETTING = "running", "stopped", "resetting"
STARTING, UNASSIGNED = "starting", "unassigned"
#: A node that has not shown itself for this time (seconds) is considered dead.
SILENCE = 6.0
#: What is called when a replication has been changed, and the states of those that this process
#: runs: functions, by alias, database and id.
listeners: set[Callable[[], None]] = set()
running: dict[tuple[str, str, str], Callable[[], dict[str, Any]]] = {}
#: The ids of the nodes that this process has, by alias.
nodes: dict[str, str] = {}


class Replication(NamedTuple):
    """A replication. ``target`` is the wanted state, ``status`` is its present state and
    progress."""

    id: str
    config: Mapping[str, Any]
    target: str
    status: Mapping[str, Any]


def listed(database: Database) -> dict[str, Replication]:
    rows = database.rows(
        "SELECT id, config, target, status FROM cbtools_replications WHERE database = %s "
        "ORDER BY id",
        [database.name],
    )
    return {
        id: Replication(id, json.loads(config), target, json.loads(status))
        for id, config, target, status in rows
    }


def find(database: Database, id: str) -> Replication:
    """Return a replication; raise a 404 GatewayError if there is none."""
    found = listed(database).get(id)
    if found is None:
        raise missing()
    return found


def put(database: Database, id: str, given: Mapping[str, Any]) -> bool:
    """Create or change a replication; return whether it is new.

    Raises a GatewayError if it is invalid, or if it is not stopped.
    """
    if not id:
        raise bad_request("Replication ID is required")
    with database.atomic():
        old = listed(database).get(id)
        if old is not None and status(database, old)["status"] != STOPPED:
            raise bad_request("Replication must be stopped before updating config")
        config = replication_configs.changed(old and old.config, {**given, "replication_id": id})
        target = STOPPED if given.get("initial_state") == STOPPED else RUNNING
        database.execute(
            "INSERT INTO cbtools_replications (database, id, config, target) "
            "VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (database, id) DO UPDATE SET config = excluded.config",
            [database.name, id, json.dumps(config), target],
        )
    tell()
    return old is None


def delete(database: Database, id: str) -> None:
    """Delete a replication; raise a 404 GatewayError if there is none."""
    with database.atomic():
        if not database.execute(
            "DELETE FROM cbtools_replications WHERE database = %s AND id = %s", [database.name, id]
        ):
            raise missing()
    tell()


def aim(database: Database, id: str, target: str) -> None:
    """Set the state that a replication shall have.

    Raises a GatewayError if there is no such replication (404), or if it can't have that state
    now (400).
    """
    with database.atomic():
        replication = find(database, id)
        if target == RUNNING and replication.target == RESETTING:
            raise bad_request("Replication cannot be started until reset is complete")
        if target == RESETTING and replication.target == RUNNING:
            raise bad_request("Replication must be stopped before it can be reset")
        if target == STOPPED and replication.config.get("adhoc"):
            delete(database, id)
            return
        database.execute(
            "UPDATE cbtools_replications SET target = %s WHERE database = %s AND id = %s",
            [target, database.name, id],
        )
    tell()


def keep(database: Database, id: str, status: Mapping[str, Any]) -> None:
    """Store what a replication has done."""
    with database.atomic():
        database.execute(
            "UPDATE cbtools_replications SET status = %s WHERE database = %s AND id = %s",
            [json.dumps(status), database.name, id],
        )


def status(database: Database, replication: Replication) -> dict[str, Any]:
    """Return what a replication has done, and its state."""
    now = running.get((database.alias, database.name, replication.id))
    if now is not None:
        return now()
    state = replication.status.get("status", STARTING)
    if replication.target == STOPPED:
        state = STOPPED if state == STARTING else state
    elif not node(database):
        state = UNASSIGNED
    return {"replication_id": replication.id, **replication.status, "status": state}


def node(database: Database) -> str:
    """Return the id of the process that runs the replications, '' if there is none.

    It may be this one, before it has claimed them.
    """
    return claimed_by(database) or nodes.get(database.alias, "")


def claimed_by(database: Database) -> str:
    """Return the id of the process that has claimed the replications, '' if there is none."""
    found = database.value(
        "SELECT id FROM cbtools_nodes WHERE abs(beat - %s) < %s ORDER BY beat DESC LIMIT 1",
        [time.time(), SILENCE],
    )
    return found or ""


def is_local(database: Database) -> bool:
    """Return whether this process runs the replications."""
    return bool(nodes) and node(database) == nodes.get(database.alias)


def tell() -> None:
    """Tell the node of this process, if there is one, to look at the replications."""
    for listener in list(listeners):
        listener()
