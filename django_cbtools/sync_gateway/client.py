"""One request to the gateway, and its errors."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from django_cbtools import conf
from django_cbtools.exceptions import (
    SyncGatewayBadRequest,
    SyncGatewayException,
    SyncGatewayUnavailable,
)

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

PUBLIC = "public"
ADMIN = "admin"
MAX_ID_BYTES = 250


def request(
    port: str,
    method: str,
    *path: str,
    query: dict[str, str] | None = None,
    body: Any = None,
    uid: str | None = None,
) -> requests.Response:
    """Send a request to the database, and return a successful answer.

    ``path`` are the segments after the database's name, unquoted, except that a document's uid
    goes through :func:`quote_uid`. ``body`` is sent as JSON unless it is None. ``uid`` is the
    document that the request is about, for the error's sake.

    Raises the exception of :mod:`django_cbtools.exceptions` that stands for an error answer,
    SyncGatewayUnavailable where there is no answer.
    """
    # Programs import models long before they ask a gateway, and requests takes its time.
    import requests

    from . import transport

    gateway = transport.transport()
    base = gateway.admin if port == ADMIN else gateway.public
    if not base:
        conf.require("SYNC_GATEWAY_ADMIN_URL", "users and views go through the gateway's admin API")
    setting = "SYNC_GATEWAY_ADMIN_URL" if port == ADMIN else "SYNC_GATEWAY_URL"
    bucket = conf.require("SYNC_GATEWAY_BUCKET", "the name of the gateway's database")
    url = "/".join((base, quote(bucket, safe=""), *path))
    data = None if body is None else dumps(body)
    headers = {"Content-Type": "application/json"} if data is not None else None
    started = time.perf_counter()
    try:
        response = gateway.session.request(
            method, url, params=query, data=data, headers=headers,
            auth=transport.auth(port), timeout=gateway.timeout,
        )  # fmt: skip
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
        # Its own words may have a password in them.
        raise ImproperlyConfigured(f"{setting} is no address of a gateway.") from None
    except requests.RequestException as error:
        raise SyncGatewayUnavailable(
            f"The gateway at {_host(base)} did not answer {method} /{'/'.join((bucket, *path))}: "
            f"{type(error).__name__}. Is it running, and is {setting} right?",
            uid=uid,
        ) from error
    logger.debug(
        "%s /%s: %s in %.1f ms", method, "/".join((bucket, *path)), response.status_code,
        (time.perf_counter() - started) * 1000,
    )  # fmt: skip
    if response.status_code >= 400:
        raise _exception(response, method, "/".join((bucket, *path)), uid)
    return response


def dumps(value: Any) -> bytes:
    """A value as JSON; raises SyncGatewayBadRequest for what JSON cannot carry, NaN included."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SyncGatewayBadRequest(f"This cannot be sent as JSON: {error}") from error


def loads(response: requests.Response) -> Any:
    """The JSON of an answer; raises SyncGatewayUnavailable where it is none."""
    try:
        return parse(response.content)
    except ValueError as error:
        raise SyncGatewayUnavailable(
            f"The answer from {_host(response.url)} is no JSON: it does not come from a gateway, "
            "or was cut short.",
            status=response.status_code,
        ) from error


def parse(text: str | bytes) -> Any:
    """JSON from a gateway. A number of thousands of digits, which Python refuses, is infinite: it
    can be read with its document, and is refused when the document is saved."""
    return json.loads(text, parse_int=_int)


def _int(digits: str) -> float:
    return int(digits) if len(digits) < 4000 else float(digits)


def quote_name(name: str, what: str) -> str:
    """The name of a user or a view as a path segment.

    Raises SyncGatewayBadRequest for what cannot be one.
    """
    if not _is_text(name) or name in ("", ".", ".."):
        raise SyncGatewayBadRequest(f"{name!r} cannot be the name of a {what}.")
    return quote(name, safe="")


def _is_text(value: Any) -> bool:
    """Whether it is a text that UTF-8 can carry."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def quote_uid(uid: str) -> str:
    """A document's uid as a path segment.

    Raises SyncGatewayBadRequest for what cannot be one: it would be another address.
    """
    if (
        not _is_text(uid)
        or not uid
        or uid.startswith("_")
        or len(uid.encode()) > MAX_ID_BYTES
        or not {".", ".."}.isdisjoint(uid.split("/"))
    ):
        raise SyncGatewayBadRequest(
            f"{uid!r} cannot be a document's uid: it has 1 to {MAX_ID_BYTES} bytes, does not "
            "begin with '_', and has no '.' or '..' between slashes.",
            uid=uid if isinstance(uid, str) else None,
        )
    # A gateway unescapes a path with no slash in the id twice (04-doc-ids.json).
    once = quote(uid, safe="")
    return quote(once, safe="") if "%" in uid and "/" not in uid else once


def _exception(
    response: requests.Response, method: str, path: str, uid: str | None
) -> SyncGatewayException:
    try:
        answer = response.json()
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    error = str(answer.get("error", response.reason or ""))
    reason = str(answer.get("reason", ""))
    about = f"document {uid}" if uid else f"{method} /{path}"
    return SyncGatewayException.for_status(response.status_code)(
        f"{about}: {response.status_code} {error}{f' ({reason})' if reason else ''}",
        status=response.status_code,
        error=error,
        reason=reason,
        uid=uid,
    )


def _host(url: str) -> str:
    """An address without a login that may be in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "its address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
