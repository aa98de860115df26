"""The configurations of replications: their members, their checks, and their form in answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

from django_cbtools import canonical

from ..errors import GatewayError, bad_request
from ..gostructs import Struct
from .configs import REDACTED

#: The members that a client sends, in the order in which they are shown.
MEMBERS = Struct("ReplicationUpsertConfig", {
    "replication_id": "string", "remote": "string", "collections_enabled": "bool",
    "collections_local": "[]string", "collections_remote": "[]string", "username": "string",
    "password": "string", "remote_username": "string", "remote_password": "string",
    "direction": "string", "conflict_resolution_type": "string",
    "custom_conflict_resolver": "string", "purge_on_removal": "bool", "enable_delta_sync": "bool",
    "max_backoff_time": "int", "initial_state": "string", "continuous": "bool", "filter": "string",
    "query_params": "any", "adhoc": "bool", "batch_size": "int", "run_as": "string",
}, "db")  # fmt: skip
_ORDER = (*MEMBERS.members, "updated_at", "created_at")
#: The members that are shown whatever their value is.
_ALWAYS = frozenset(("replication_id", "remote", "direction", "continuous"))
_EMPTY: tuple[Any, ...] = (None, "", False, 0, [])
_DEFAULTS = {
    "conflict_resolution_type": "default", "max_backoff_time": 5, "initial_state": "running",
    "continuous": False, "batch_size": 200,
}  # fmt: skip
DIRECTIONS = ("push", "pull", "pushAndPull")
_BY_CHANNEL = "sync_gateway/bychannel"
_MAX_ID = 160
_LOGIN = re.compile(r"(?<=://)([^/?#]*)@")


def changed(config: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with the members that a client sends.

    ``config`` is the one before, None for a new replication.

    Raises a GatewayError if it is invalid.
    """
    now = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    if config is None:
        config = {**_DEFAULTS, "created_at": now}
    # Empty lists do not change anything, as on a real gateway.
    given = {key: value for key, value in given.items() if value != []}
    config = {**config, **given, "updated_at": now}
    check(config)
    return config


def check(config: Mapping[str, Any]) -> None:
    """Raise a GatewayError if a configuration is invalid.

    What only the Enterprise Edition of a real gateway can do is invalid.
    """
    edition = "only supported in enterprise edition"
    if config.get("conflict_resolution_type") not in ("", "default", None):
        raise bad_request(f"Non-default conflict_resolution_type is {edition}")
    if config.get("enable_delta_sync"):
        raise bad_request(f"Delta sync for sg-replicate is {edition}")
    if config.get("batch_size", 0) > 0 and config["batch_size"] != _DEFAULTS["batch_size"]:
        raise bad_request("Replication batch_size can only be configured in enterprise edition")
    if len(config["replication_id"].encode()) > _MAX_ID:
        raise bad_request("Replication ID must be less than 160 characters")
    if config.get("adhoc") and config.get("initial_state") == "stopped":
        raise bad_request(
            "Setting initial_state=stopped is not valid for replications specifying adhoc=true"
        )
    _check_remote(config)
    direction = config.get("direction", "")
    if not direction:
        raise bad_request("Replication direction must be specified")
    if direction not in DIRECTIONS:
        raise bad_request(
            f"Invalid replication direction {canonical.dumps(direction)}, valid values are "
            + "/".join(DIRECTIONS)
        )
    if config.get("filter") == _BY_CHANNEL:
        if config.get("query_params") is None:
            raise bad_request(
                "Replication specifies sync_gateway/bychannel filter but is missing query_params"
            )
        channels(config)
    elif config.get("filter"):
        raise bad_request("Unknown replication filter; try sync_gateway/bychannel")


def _check_remote(config: Mapping[str, Any]) -> None:
    if not config.get("remote"):
        raise bad_request("Replication remote must be specified")
    try:
        remote = urlsplit(config["remote"])
        # It is part of a password where that has a slash in it.
        user, _ = remote.username, remote.port
    except ValueError:
        raise bad_request("Replication remote URL is invalid") from None
    names = [name for key in ("remote_username", "username") if (name := config.get(key))]
    if len(names) > 1:
        raise bad_request(
            "Cannot set both remote_username and username config options. Please only use the "
            "remote_username and remote_password config options"
        )
    if user and names:
        raise bad_request(
            "Auth credentials can be specified using remote_username/remote_password config "
            "properties or remote URL, but not both"
        )


def channels(config: Mapping[str, Any]) -> list[list[str]] | list[str]:
    """Return the channels of a filter: those of all collections, or a list for each local one.

    Raises a GatewayError if they are malformed.
    """
    given = config.get("query_params")
    if config.get("filter") != _BY_CHANNEL:
        return []
    if isinstance(given, list):
        return _strings(given)
    if not isinstance(given, dict):
        raise bad_request("Bad channels array in query_params for sync_gateway/bychannel filter")
    if "channels" in given and "collections_channels" in given:
        raise _malformed("query_params cannot contain both 'channels' and 'collections_channels'")
    if "channels" in given:
        if not isinstance(given["channels"], list):
            raise _malformed("query_params value for 'channels' must be an array of channels")
        return _strings(given["channels"])
    if "collections_channels" not in given:
        return []
    local, each = config.get("collections_local"), given["collections_channels"]
    if not local:
        raise _malformed(
            "channel filters using 'collections_channels' also requires 'collections_local' to be "
            "specified"
        )
    if not isinstance(each, dict) or not all(isinstance(each.get(name), list) for name in local):
        raise _malformed("query_params must be a map of collection name to array of channels")
    return [_strings(each[name]) for name in local]


def _strings(values: Sequence[Any]) -> list[str]:
    for value in values:
        if not isinstance(value, str):
            kind = "float64" if isinstance(value, (int, float)) else type(value).__name__
            raise _malformed(
                f"Expecting string channel but got {canonical.dumps(value)} ({kind}) in "
                "query_params for sync_gateway/bychannel filter"
            )
    return list(values)


def _malformed(reason: str) -> GatewayError:
    return GatewayError(500, f"Internal error: {reason}")


def shown(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as answers show it: without passwords."""
    config = {
        key: REDACTED if key in ("password", "remote_password") and value else value
        for key, value in config.items()
    }
    config["remote"] = _LOGIN.sub(_without_password, config.get("remote", ""))
    return {
        key: config.get(key, False if key == "continuous" else "")
        for key in _ORDER
        if key in _ALWAYS or config.get(key) not in _EMPTY
    }


def _without_password(found: re.Match[str]) -> str:
    return f"{found[1].partition(':')[0]}:{REDACTED}@"
