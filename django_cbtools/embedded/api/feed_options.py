"""Parses the options of a change feed from the query string and the posted JSON object."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from django_cbtools import canonical

from .. import gojson, gostructs
from ..access import STAR, check_channel
from ..errors import GatewayError, bad_request, not_implemented
from ..feed.changes import Wish
from ..feed.sequences import SequenceId
from ..gostructs import Struct
from ..http.messages import Call

NORMAL = "normal"
LONGPOLL = "longpoll"
CONTINUOUS = "continuous"

#: In milliseconds: the shortest heartbeat, the default timeout, and the longest timeout.
MIN_HEARTBEAT = 25_000
TIMEOUT = 300_000
MAX_TIMEOUT = 900_000

#: The members of a posted object.
_POSTED = Struct("", {
    "feed": "string", "since": "any", "limit": "int", "style": "string", "include_docs": "bool",
    "filter": "string", "channels": "string", "doc_ids": "[]string", "heartbeat": "uint64",
    "timeout": "uint64", "accept_encoding": "string", "active_only": "bool",
    "request_plus": "bool", "version_type": "string",
}, "struct")  # fmt: skip


class Options(NamedTuple):
    """The options of a feed; ``heartbeat`` and ``timeout`` are in seconds, and 0 means none."""

    feed: str
    heartbeat: float
    timeout: float
    wish: Wish


def read(call: Call) -> Options:
    """Return the options in a request.

    Raises a 400 GatewayError if they are invalid, and a 501 GatewayError for ``feed=websocket``.
    """
    asked = _queried(call)
    if call.method == "GET":
        since = SequenceId.parse(asked.pop("since", ""))
        by_version = _is_by_version(asked)
        if by_version and asked.get("style") == "all_docs":
            raise bad_request("Cannot use 'style=all_docs' with 'version_type=cv'")
    else:
        # HEAD is answered like a POST without options (13-changes.json).
        posted = _posted(call.text)
        # It must be valid even if the query string has another one.
        SequenceId.parse(posted["since"])
        by_version = _is_by_version(posted)
        asked = posted | asked
        since = SequenceId.parse(asked["since"])
    feed = asked.get("feed") or NORMAL
    channels, uids = _filtered(asked, feed)
    if feed == "websocket":
        raise not_implemented("change feeds over a WebSocket")
    if feed not in (NORMAL, LONGPOLL, CONTINUOUS):
        raise bad_request("Unknown feed type")
    heartbeat = asked.get("heartbeat") or 0
    timeout = asked.get("timeout")
    return Options(
        feed,
        max(heartbeat, MIN_HEARTBEAT) / 1000 if heartbeat else 0,
        min(TIMEOUT if timeout is None else timeout, MAX_TIMEOUT) / 1000,
        Wish(
            since=since,
            limit=max(asked.get("limit") or 0, 0),
            channels=channels,
            uids=uids,
            active_only=asked.get("active_only") is True,
            all_leaves=asked.get("style") == "all_docs" and not by_version,
            by_version=by_version,
            include_docs=asked.get("include_docs") is True,
            # A real gateway ignores "revocations" in a posted object.
            revocations=call.method == "GET" and call.flag("revocations"),
        ),
    )


def _is_by_version(asked: dict[str, Any]) -> bool:
    version_type = asked.get("version_type") or "rev"
    if version_type not in ("rev", "cv"):
        raise bad_request(
            "Invalid version_type: unknown changes version type: "
            + json.dumps(version_type, ensure_ascii=False)
        )
    return bool(version_type == "cv")


def _filtered(asked: dict[str, Any], feed: str) -> tuple[list[str], list[str] | None]:
    """Return the channels, and the document ids (None for all), that the filter selects."""
    name = asked.get("filter")
    if name == "sync_gateway/bychannel":
        if not asked.get("channels"):
            raise bad_request("Missing 'channels' filter parameter")
        return [check_channel(channel) for channel in asked["channels"].split(",")], None
    if name == "_doc_ids":
        if feed != NORMAL:
            raise bad_request("Filter '_doc_ids' is only valid for feed=normal replications")
        if asked.get("doc_ids") is None:
            raise bad_request("Missing 'doc_ids' filter parameter")
        if not asked["doc_ids"]:
            raise bad_request("Empty doc_ids list")
        return [STAR], asked["doc_ids"]
    if name:
        raise bad_request("Unknown filter; try sync_gateway/bychannel or _doc_ids")
    return [STAR], None


def _queried(call: Call) -> dict[str, Any]:
    """Return the options in the query string."""
    query = call.query
    asked: dict[str, Any] = {
        name: query[name] for name in ("feed", "style", "filter", "version_type") if name in query
    }
    asked |= {name: call.flag(name) for name in ("active_only", "include_docs") if name in query}
    asked |= {
        name: call.integer(name) for name in ("limit", "heartbeat", "timeout") if name in query
    }
    if "since" in query:
        asked["since"] = _unquoted(query["since"])
    if query.get("channels"):
        asked["channels"] = query["channels"]
    if query.get("doc_ids"):
        uids = _strings(query["doc_ids"])
        # A value that is not a JSON array is a comma-separated list. An empty array is ignored.
        asked |= {"doc_ids": query["doc_ids"].split(",")} if uids is None else {}
        asked |= {"doc_ids": uids} if uids else {}
    return asked


def _posted(text: str) -> dict[str, Any]:
    """Return the options in a posted object."""
    posted: dict[str, Any] = gostructs.unmarshal(text, _POSTED)
    since = posted.get("since", 0)
    posted["since"] = since if isinstance(since, str) else canonical.dumps(since)
    return posted


def _unquoted(text: str) -> str:
    """Return the value of a JSON string; any other text is returned as it is."""
    try:
        value = gojson.unmarshal(text)
    except GatewayError:
        return text
    return value if isinstance(value, str) else "" if value is None else text


def _strings(text: str) -> list[str] | None:
    """Parse a JSON array of strings; return None if the text is anything else."""
    try:
        value = gojson.unmarshal(text)
    except GatewayError:
        return None
    is_one = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return value if is_one else None
