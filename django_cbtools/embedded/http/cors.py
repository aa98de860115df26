"""CORS: web pages of other sites, on the public port.

What is allowed says the database's configuration (``cors``), or else the setting
``SYNC_GATEWAY_OPTIONS["cors"]``, with the same members: ``origin`` and ``login_origin`` (lists of
origins, such as ``https://example.com``, or ``*``), ``headers`` (a list) and ``max_age`` (seconds).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from django_cbtools import conf

from ..database import Database
from ..errors import bad_request

_MEMBERS = ("origin", "login_origin", "headers", "max_age")


def of(database: Database | None) -> Mapping[str, Any]:
    """What is allowed at a database (None: one that the client is not to know of)."""
    if database is not None and "cors" in database.config:
        allowed: Mapping[str, Any] = database.config["cors"]
        return allowed
    allowed = conf.get("SYNC_GATEWAY_OPTIONS").get("cors") or {}
    unknown = set(allowed).difference(_MEMBERS)
    if unknown:
        raise ImproperlyConfigured(
            f"SYNC_GATEWAY_OPTIONS['cors'] has unknown members: {', '.join(sorted(unknown))}. "
            f"Known are: {', '.join(_MEMBERS)}."
        )
    return allowed


def headers(allowed: Mapping[str, Any], origin: str) -> dict[str, str]:
    """The headers of an answer to a page of ``origin``: none, where nothing is allowed to it."""
    matched = _matched(allowed.get("origin", ()), origin)
    if not matched:
        return {}
    return {
        "Access-Control-Allow-Origin": matched,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Headers": ", ".join(allowed.get("headers", ())),
        "Vary": "Origin",
    }


def preflight(allowed: Mapping[str, Any], methods: str) -> dict[str, str]:
    """What the answer to a browser's question for ``methods`` has beside :func:`headers`."""
    return {
        "Access-Control-Max-Age": str(allowed.get("max_age", 0)),
        "Access-Control-Allow-Methods": methods,
    }


def check_login(database: Database, origin: str, host: str) -> None:
    """Raise a 400 GatewayError where a page of ``origin`` may not log in; '' is no page.

    One of the site that the gateway is mounted in, at ``host``, may.
    """
    if not origin or origin.partition("://")[2] == host:
        return
    if not _matched(of(database).get("login_origin", ()), origin):
        raise bad_request("No CORS")


def _matched(allowed: Iterable[str], origin: str) -> str:
    if origin in allowed:
        return origin
    return "*" if "*" in allowed else ""
