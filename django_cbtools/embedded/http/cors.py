"""CORS: the rules by which web pages of other sites may use the public API.

The rules are in the database's configuration (``cors``). If it has none, the setting
``SYNC_GATEWAY_OPTIONS["cors"]`` applies. Both have the same members: ``origin`` and
``login_origin`` (lists of origins, such as ``https://example.com``, or ``*``), ``headers`` (a list)
and ``max_age`` (in seconds).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from django_cbtools import conf

from ..database import Database

_MEMBERS = ("origin", "login_origin", "headers", "max_age")


def of(database: Database | None) -> Mapping[str, Any]:
    """Return the CORS rules of a database.

    None stands for a database whose existence the client must not learn, and gets the rules in the
    setting. Raises ImproperlyConfigured if that setting has unknown members.
    """
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
    """Return the headers for an answer to a page of ``origin``; none if it is not allowed."""
    found = matched(allowed.get("origin", ()), origin)
    if not found:
        return {}
    return {
        "Access-Control-Allow-Origin": found,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Headers": ", ".join(allowed.get("headers", ())),
        "Vary": "Origin",
    }


def preflight(allowed: Mapping[str, Any], methods: str) -> dict[str, str]:
    """Return the headers for an answer to a preflight request, in addition to :func:`headers`."""
    return {
        "Access-Control-Max-Age": str(allowed.get("max_age", 0)),
        "Access-Control-Allow-Methods": methods,
    }


def matched(allowed: Iterable[str], origin: str) -> str:
    """Return the origin if it is allowed, ``*`` if all origins are allowed, and '' otherwise."""
    if origin in allowed:
        return origin
    return "*" if "*" in allowed else ""
