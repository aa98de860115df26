"""Sends requests: retries, exceptions, logging, and JSON."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayBadRequest

from ..options import ADMIN, PUBLIC
from ..transport.uploads import Upload
from .matching import wrong
from .quoting import quote_name, quote_uid

if TYPE_CHECKING:
    import requests

__all__ = [
    "ADMIN",
    "PUBLIC",
    "dumps",
    "load_rows",
    "loads",
    "parse",
    "quote_name",
    "quote_uid",
    "request",
]

logger = logging.getLogger(__name__)

#: The reads that use POST because their parameters are long.
_READS = frozenset(("_all_docs", "_bulk_get", "_changes", "_revs_diff"))
#: The paths that belong to the database, not to a keyspace.
_OF_DATABASE = frozenset(
    ("", "_config", "_design", "_offline", "_online", "_resync", "_role", "_session", "_user")
)


def request(
    port: str,
    method: str,
    *path: str,
    query: dict[str, str] | None = None,
    body: Any = None,
    uid: str | None = None,
    accept: str | None = None,
    headers: Mapping[str, str] | None = None,
    stream: bool = False,
    keyspace: str | None = None,
) -> requests.Response:
    """Send a request to the database, and return the response if it is successful.

    ``path`` has the segments after the database's name, quoted (:func:`quote_name`,
    :func:`quote_uid`). ``body`` is sent as JSON unless it is None; bytes are JSON already, and an
    Upload is sent while it is read. ``uid`` is the document of the request, for error messages.
    ``accept`` is the type of the response if it is not JSON. ``headers`` are added to the others.
    If ``stream`` is true, the caller has to read and close the response's body. ``keyspace`` is the
    "scope.collection" of the request, if it is not the one of :mod:`..keyspaces`.

    A read is sent again if there is no response, or one of :data:`errors.BUSY`. A write is sent
    again only if no connection was made; :mod:`.settling` handles the other cases.

    Raises the exception of :mod:`django_cbtools.exceptions` for an error response, and
    SyncGatewayUnavailable if there is no response. Its subclass SyncGatewayAnswerLost means that
    the write may have been done.
    """
    # Imported late: programs import models long before they use a gateway, and importing requests
    # takes time.
    from .. import deadline, keyspaces
    from ..transport import transport
    from . import asking, errors
    from .retries import Attempts

    is_data = body is None or isinstance(body, (bytes, Upload))
    data = body if is_data else dumps(body)
    way = transport.transport()
    bucket = conf.require("SYNC_GATEWAY_BUCKET", "the name of the gateway's database")
    if keyspace is None and path[0] not in _OF_DATABASE:
        keyspace = keyspaces.current()
    database = quote(bucket if keyspace is None else f"{bucket}.{keyspace}", safe="")
    target = "/".join(("", database, *path))
    if query:
        target += "?" + urlencode(query)
    # In process, no response is ever lost.
    is_read = (
        way.is_embedded
        or method == "GET"
        or (method == "POST" and path[-1] in _READS)
        or (method == "PUT" and path[0] == "_design")  # the same views once more do no harm
    )
    # Another address may answer at once.
    attempts = Attempts(way.options, max(way.options.retries, len(way.ports[port]) - 1))
    with deadline.within(way.options.deadline):
        while True:
            asked = errors.Asked(port, way.address(port), method, target, uid, is_read)
            try:
                return asking.ask(
                    way, asked, data, attempts.made, accept, headers=headers, stream=stream
                )
            except asking.Failed as failed:
                failure = failed
            if not (failure.may_repeat and attempts.again(failure.response)):
                if attempts.out_of_time:
                    errors.add_out_of_time(failure.error)
                raise failure.error from failure.__cause__
            logger.warning("%s Trying again.", failure.error)


_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def dumps(value: Any) -> bytes:
    """Return the value as JSON. Raise SyncGatewayBadRequest if JSON cannot represent it, as NaN."""
    try:
        return _encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        place = None if isinstance(error, RecursionError) else _out_of_range(value)
        why = f"{place} is out of range" if place else error
        raise SyncGatewayBadRequest(f"This cannot be sent as JSON: {why}.") from error


def _out_of_range(value: Any, path: str = "") -> str | None:
    """Return the path (keys and indexes) of the first number that JSON cannot represent, or
    None."""
    if isinstance(value, float):
        return None if math.isfinite(value) else path or "the number"
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, (list, tuple)):
        members = enumerate(value)
    for key, item in members:
        found = _out_of_range(item, f"{path}.{key}" if path else str(key))
        if found:
            return found
    return None


def loads(response: requests.Response) -> Any:
    """Return the JSON of a response. Raise SyncGatewayUnavailable if it is no JSON."""
    try:
        return parse(response.content)
    except (ValueError, RecursionError) as error:
        from .errors import no_json

        raise wrong(response, no_json(response.url, response.status_code)) from error


def load_rows(response: requests.Response, count: int | None = None) -> dict[str, Any]:
    """Return the JSON of a response with ``rows``. Raise SyncGatewayUnavailable if it has none, or
    another number of rows than ``count``."""
    answer = loads(response)
    rows = answer.get("rows") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or len(rows) != (len(rows) if count is None else count):
        from .errors import no_gateways

        raise wrong(response, no_gateways(response.url, response.status_code))
    found: dict[str, Any] = answer
    return found


def parse(text: str | bytes) -> Any:
    """Parse JSON from a gateway. Python refuses integers of thousands of digits. They become
    infinite: the document can be loaded, and is refused when it is saved."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(text, parse_int=whole_number)


_decode = json.JSONDecoder().raw_decode


def parse_stored(text: str) -> Any:
    """Parse JSON faster than :func:`parse`. It must begin and end with its value."""
    try:
        return _decode(text)[0]
    except ValueError:
        return parse(text)


def whole_number(digits: str) -> float:
    """Convert digits of JSON to a number. It is infinite for thousands of digits."""
    return int(digits) if len(digits) < 4000 else float(digits)
