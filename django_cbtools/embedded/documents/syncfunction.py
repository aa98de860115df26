"""Runs the sync function, which assigns documents to channels and grants channels and roles."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from django_cbtools import canonical

from .. import javascript
from ..access import ADMIN, STAR, Reader, check_channel
from ..database import DEFAULT, Database
from ..errors import GatewayError, bad_request, forbidden
from ..options import DEFAULT_SYNC
from ..principals import grants, roles, users
from ..principals.grants import ROLE_PREFIX, Grants
from ..principals.principals import is_name
from . import expiry
from .documents import Document

logger = logging.getLogger(__name__)

#: The largest integer that the function gets as a number. It gets larger ones as strings
#: (25-sync-rules.json, step 35), and so it does numbers that a double cannot hold.
_MAX_SAFE = (1 << 53) - 1
_MAY_NOT_FIT = re.compile(r"\d{16}|Infinity")


#: Finds possible uses of Underscore. The library is loaded only for functions that may use it.
_NAMES_UNDERSCORE = re.compile(r"(?<![\w$.])_(?![\w$])", re.ASCII)


@cache
def _underscore() -> str:
    return (Path(__file__).parent / "underscore-min.js").read_text(encoding="utf-8")


class Verdict(NamedTuple):
    """The sync function's decision about a revision."""

    channels: list[str]
    grants: Grants = Grants()
    #: In the form of `_exp`; None: the function did not set it.
    expiry: Any = None


def check(source: str) -> None:
    """Raise a 400 GatewayError if ``source`` is not a JavaScript function."""
    if source == DEFAULT_SYNC:
        return
    with javascript.world(javascript.SYNC, ("", source)) as world:
        _prepare(world, source)


def try_out(source: str, body: Mapping[str, Any], author: Reader = ADMIN) -> str | None:
    """Run a function for a new document, and return why it refuses the document, or None.

    Raises a 400 GatewayError if ``source`` is not a function, and a 500 GatewayError if it does not
    end, or takes too much memory. Other exceptions that it throws are ignored.
    """
    call = f'["run",{_document("trial", "1-0", body)},null,{json.dumps(_user(author))}]'
    said = _answer(source, ("", source), call, "trial", javascript.TIME_LIMIT, author.name)
    return None if said["rejection"] is None else str(said["rejection"][1])


def _prepare(world: javascript.Engine, source: str) -> None:
    """Compile the function in a world; raise a 400 GatewayError if it is not a function."""
    if world.known:
        return
    try:
        library = _underscore() if _NAMES_UNDERSCORE.search(source) else None
        problem = world.call("compile", source, library, time_limit=javascript.TIME_LIMIT)
    except javascript.JavaScriptError as error:
        problem = error
    if problem is not None:
        world.full = True
        place = world.where(source)
        if place:
            problem = f"(anonymous): {place} {str(problem).removeprefix('SyntaxError: ')}"
        raise bad_request(f"invalid javascript syntax: {problem}")
    world.known["source"] = source


def decide(
    database: Database,
    uid: str,
    rev: str,
    body: Mapping[str, Any],
    base: Document | None,
    author: Reader,
) -> Verdict:
    """Run the sync function for a new revision, and return its result.

    ``base`` is the revision that the new one is based on; the function gets it as ``oldDoc``.
    Raises the GatewayError with which the function rejects the revision, a 500 GatewayError if the
    function fails, and a 403 GatewayError if guests may not write.
    """
    if author.name == "" and database.option("unsupported.guest_read_only"):
        raise GatewayError(403, "Anonymous access is read-only")
    source = database.code("sync")
    try:
        if source is None or source == DEFAULT_SYNC:
            return Verdict(_default_channels(database, body, is_configured=source is not None))
        return _asked(database, source, uid, rev, body, base, author)
    except GatewayError as error:
        if database.option("unsupported.force_api_forbidden_errors"):
            logger.info("The sync function refused document %r: %r", uid, error.reason)
            raise forbidden() from None
        raise


def store(database: Database, uid: str, opened: Grants, sequence: int) -> bool:
    """Replace a document's grants, and return whether they changed.

    Users and roles whose grants have changed keep what they had before, see principals/history.py.
    """
    change = grants.store(database, uid, opened, sequence)
    if change:
        users.remember(database, change)
        roles.remember(database, change)
    return bool(change)


def _default_channels(
    database: Database, body: Mapping[str, Any], *, is_configured: bool
) -> list[str]:
    """Return the channels that the default sync function assigns.

    Without a configured function, a document of a named collection is in the channel that has the
    collection's name.
    """
    if not is_configured and database.collection.name != DEFAULT:
        return [database.collection.name]
    channels = body.get("channels")
    if isinstance(channels, str):
        channels = [channels]
    if not isinstance(channels, list):
        return []
    names = dict.fromkeys(name for name in channels if isinstance(name, str))
    return _document_channels(names) if is_configured else [check_channel(name) for name in names]


# ------------------------------------------------------------------ running it


def _asked(
    database: Database,
    source: str,
    uid: str,
    rev: str,
    body: Mapping[str, Any],
    base: Document | None,
    author: Reader,
) -> Verdict:
    call = ",".join(
        (
            '"run"',
            _document(uid, rev, body),
            _old_document(uid, base),
            json.dumps(_user(author)),
        )
    )
    said = _run(database, source, uid, f"[{call}]", author.name)
    for level, line in said["lines"]:
        logger.log(logging.getLevelName(level.upper()), "Sync function, document %r: %r", uid, line)
    if said["error"] is not None:
        logger.warning("The sync function failed at document %r: %r", uid, said["error"])
        raise _failed()
    channels = _document_channels(said["channels"])
    opened = Grants(_granted(said["access"]), _granted(_without_prefix(said["roles"])))
    if said["rejection"] is not None:
        status, reason = said["rejection"]
        raise GatewayError(status if status < 1000 else 500, reason)
    named = [name.removeprefix(ROLE_PREFIX) for name in (*opened.channels, *opened.roles)]
    if not all(map(is_name, (*named, *chain(*opened.roles.values())))):
        raise GatewayError(500, "Error in JS sync function")
    return Verdict(channels, opened, _expiry(said["expiry"]))


def _run(database: Database, source: str, uid: str, call: str, user: str | None) -> dict[str, Any]:
    limit = database.option("javascript_timeout_secs") or javascript.TIME_LIMIT
    return _answer(source, (database.alias, database.keyspace, source), call, uid, limit, user)


def _answer(
    source: str, key: Hashable, call: str, uid: str, limit: float, user: str | None
) -> dict[str, Any]:
    try:
        for _ in range(2):
            with javascript.world(javascript.SYNC, key, user) as world:
                _prepare(world, source)
                said: dict[str, Any] = json.loads(world.call_text(call, limit))
                # If the previous run left something that cannot be removed, use a new world.
                world.full = "stained" in said
            if "stained" not in said:
                break
    except (javascript.JavaScriptTimeout, javascript.JavaScriptMemory) as error:
        logger.warning("The sync function was %s at document %r", error, uid)
        raise GatewayError(500, "JS sync function timed out") from None
    return said


def _document(uid: str, rev: str, body: Mapping[str, Any]) -> str:
    members = {
        key: value
        for key, value in body.items()
        if key not in canonical.SPECIAL and (key != "_deleted" or value is True)
    }
    members |= {"_id": uid, "_rev": rev}
    text = json.dumps(members)
    return json.dumps(_fitting(members)) if _MAY_NOT_FIT.search(text) else text


def _fitting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _fitting(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fitting(item) for item in value]
    if type(value) is int and abs(value) > _MAX_SAFE:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return canonical.dumps(value)
    return value


def _old_document(uid: str, base: Document | None) -> str:
    if base is None:
        return "null"
    members: dict[str, Any] = {"_id": uid}
    if base.deleted:
        members["_deleted"] = True
    if base.attachments_text != "{}":
        members["_attachments"] = base.stubs()
    return base.text(members)


def _user(author: Reader) -> dict[str, Any] | None:
    if author.name is None:
        return None
    return {"name": author.name, "roles": list(author.roles), "channels": list(author.channels)}


# ----------------------------------------------------------------- its results


def _failed() -> GatewayError:
    return GatewayError(500, "Exception in JS sync function")


def _document_channels(names: Iterable[str]) -> list[str]:
    found = _names(names)
    return [STAR] if STAR in found else found


def _names(names: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(names))
    with contextlib.suppress(GatewayError):
        return [check_channel(name) for name in found]
    raise _failed()


def _granted(calls: Iterable[tuple[str, list[str]]]) -> dict[str, list[str]]:
    opened: dict[str, dict[str, None]] = {}
    for principal, names in calls:
        opened.setdefault(principal, {}).update(dict.fromkeys(names))
    return {
        principal: [name for name in _names(names) if name != STAR]
        for principal, names in opened.items()
    }


def _without_prefix(calls: Iterable[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    if not all(name.startswith(ROLE_PREFIX) for _, names in calls for name in names):
        raise _failed()
    return [
        (principal, [name.removeprefix(ROLE_PREFIX) for name in names])
        for principal, names in calls
    ]


def _expiry(values: Iterable[Any]) -> Any:
    """Return the last valid value. Invalid ones and fractions of a second are ignored."""
    valid = None
    for value in values:
        seconds = int(value) if isinstance(value, float) else value
        with contextlib.suppress(GatewayError):
            expiry.parse(seconds)
            valid = seconds if seconds is not None else valid
    return valid
