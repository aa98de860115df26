"""REST API: creating, deleting and configuring databases."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django_cbtools import conf

from ..database import OFFLINE, Collection, Database
from ..databases import administration, configs
from ..errors import GatewayError, bad_request, missing
from ..http.answers import Answer
from ..http.messages import Call, unescape


def create(call: Call) -> Answer:
    """PUT /{db}/ on the admin port: create a database."""
    name = unescape(call.names["newdb"])
    config = configs.read(call.body_of("application/json"))
    if config.get("name", name) != name:
        raise bad_request(
            f"When providing a name in the JSON body ({config['name']}), ensure it matches the "
            f"name in the path ({name})."
        )
    administration.create(call.alias, name, config)
    return Answer(201)


def create_target(call: Call) -> Answer:
    """PUT /{db}/ on the public port: always an error.

    Replicators send this request to create their target. Raises a 412 GatewayError if the database
    exists, else a 403 GatewayError.
    """
    name = unescape(call.names["newdb"])
    is_ours = name == conf.get("SYNC_GATEWAY_BUCKET")
    if not is_ours and Database.find(call.alias, name) is None:
        raise GatewayError(403, "Creating a DB over the public API is unsupported")
    raise GatewayError(412, "Database already exists")


def delete(call: Call) -> Answer:
    administration.drop(call.database)
    return Answer.json({})


def info(call: Call) -> Answer:
    database = call.database
    sequence, started = database.status()
    sequence = 0 if database.state == OFFLINE else sequence
    return call.json(
        {
            "db_name": database.name,
            "update_seq": sequence,
            "committed_update_seq": sequence,
            "instance_start_time": started,
            "compact_running": False,
            "purge_seq": 0,
            "disk_format_version": 0,
            "state": database.state,
        }
    )


def ensure_full_commit(call: Call) -> Answer:
    started = call.database.status()[1]
    return call.json({"instance_start_time": started, "ok": True}, 201)


# ------------------------------------------------------------- configuration


def get_config(call: Call) -> Answer:
    if call.query.get("redact") not in (None, "", "true"):
        raise bad_request("redact=false is no longer supported")
    config, version = administration.stored(call.database)
    if call.flag("include_runtime"):
        config = configs.runtime(config)
    else:
        created, updated = administration.times(call.database)
        config |= {"updated_at": _timestamp(updated), "created_at": _timestamp(created)}
    if call.query.get("include_javascript") not in (None, "", "true"):
        config = {k: v for k, v in config.items() if k not in ("sync", "import_filter")}
    return call.json(configs.redacted(config), headers={"Etag": f'"{version}"'})


def put_config(call: Call) -> Answer:
    """POST merges the given configuration into the current one; PUT replaces the current one."""
    given = configs.read(call.body_of("application/json"))
    name = call.database.name
    if given.setdefault("name", name) != name:
        raise bad_request(
            "Cannot update database name. This requires removing and re-creating the database "
            "with a new name"
        )

    def change(old: dict[str, Any]) -> dict[str, Any]:
        return configs.merged(old, given) if call.method == "POST" else given

    version = administration.configure(call.database, change, call.headers.get("if-match", ""))
    return Answer(201, headers={"Etag": f'"{version}"'})


def get_code(call: Call) -> Answer:
    """GET the configured sync function or import filter; the answer is empty for the default."""
    _, version = administration.stored(call.database)
    headers = {
        "Content-Type": "application/javascript; charset=UTF-8", "Etag": f'"{version}"',
    }  # fmt: skip
    return Answer(200, (call.database.code(_kind(call)) or "").encode(), headers)


def put_code(call: Call) -> Answer:
    _set_code(call, call.body_of("application/javascript"))
    return Answer()


def delete_code(call: Call) -> Answer:
    _set_code(call, None)
    return Answer()


def _set_code(call: Call, source: str | None) -> None:
    kind, collection = _kind(call), call.database.collection

    def change(config: dict[str, Any]) -> dict[str, Any]:
        # Another request may have removed the collection in the meantime.
        if collection not in replace(call.database, config=config).collections():
            raise missing(f"keyspace {call.names['keyspace']} not found")
        return _with_code(config, collection, kind, source)

    administration.configure(call.database, change, call.headers.get("if-match", ""))


def _with_code(
    config: Mapping[str, Any], collection: Collection, kind: str, source: str | None
) -> dict[str, Any]:
    scopes = config.get("scopes")
    if scopes is None:
        config = {key: value for key, value in config.items() if key != kind}
        return configs.ordered({**config, kind: source} if source else config)
    inner = _with_code(
        scopes[collection.scope]["collections"][collection.name], collection, kind, source
    )
    change = {"collections": {**scopes[collection.scope]["collections"], collection.name: inner}}
    return {**config, "scopes": {**scopes, collection.scope: change}}


def _kind(call: Call) -> str:
    return unescape(call.path).rstrip("/").rpartition("/")[2]


def _timestamp(microseconds: int) -> str:
    """Return a time in Go's format, without trailing zeros."""
    seconds, rest = divmod(microseconds, 1_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:06}"
    return text.rstrip("0").rstrip(".") + "Z"
