"""Converts the SDK's exceptions to the library's own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django_cbtools.exceptions import (
    SyncGatewayBadRequest,
    SyncGatewayException,
    SyncGatewayForbidden,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)

from .options import SETTINGS, Names

if TYPE_CHECKING:
    from couchbase.exceptions import CouchbaseException

_TIMEOUT = (
    SyncGatewayUnavailable,
    "there was no answer within {timeout}",
)
#: The library's exceptions for the SDK's, by name, with advice.
_MEANINGS: dict[str, tuple[type[SyncGatewayException], str]] = {
    "AuthenticationException": (
        SyncGatewayForbidden,
        "are {user} and {password} right (or {options}['cert_path'])?",
    ),
    "BucketNotFoundException": (
        SyncGatewayNotFound,
        "there is no such bucket, or {user} may not see it. Is {bucket} right?",
    ),
    "DesignDocumentNotFoundException": (
        SyncGatewayNotFound,
        "it is not there: deploy it by `manage.py create_cb_views`",
    ),
    "InvalidArgumentException": (SyncGatewayBadRequest, "the request is malformed"),
    "AmbiguousTimeoutException": _TIMEOUT,
    "UnAmbiguousTimeoutException": _TIMEOUT,
}
#: Errors without an exception in the SDK, by HTTP status.
_STATUSES = {
    400: "InvalidArgumentException",
    401: "AuthenticationException",
    403: "AuthenticationException",
    404: "DesignDocumentNotFoundException",
}


@contextmanager
def translated(
    what: str, timeout: str, advice: str = "", names: Names = SETTINGS
) -> Generator[None, None, None]:
    """Raise the library's exceptions for those that the SDK raises in this context.

    ``what`` describes the operation, and ``timeout`` names the option that limits it. ``advice`` is
    for errors without any better advice. ``names`` are the settings of the cluster.
    """
    from couchbase.exceptions import CouchbaseException

    try:
        yield
    except CouchbaseException as error:
        raise _exception(error, what, timeout, advice, names) from error


def _exception(
    error: CouchbaseException, what: str, timeout: str, advice: str, names: Names
) -> SyncGatewayException:
    context = error.error_context
    status = getattr(context, "response_code", None) or None
    body = getattr(context, "response_body", None) or getattr(context, "content", None)
    words = str(body or error.message or "").strip()
    name = type(error).__name__
    known = name if name in _MEANINGS else _STATUSES.get(status or 0, "")
    kind, meaning = _MEANINGS.get(known, (SyncGatewayUnavailable, "the cluster failed"))
    parts = [what + ": " + meaning.format(timeout=timeout, **names._asdict())]
    if advice and kind is SyncGatewayUnavailable:
        parts.append(advice)
    facts = (f"{name} {error.error_code or ''}".strip(), status and f"HTTP {status}", words[:500])
    shown = ", ".join(filter(None, facts))
    return kind(f"{'. '.join(parts)} ({shown})", status=status, error=name, reason=words)
