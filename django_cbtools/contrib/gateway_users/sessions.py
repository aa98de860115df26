"""The gateway's sessions that belong to a session of Django."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.sync_gateway import SyncGateway

from .access import access_of, name_of
from .synchronizing import synchronize

logger = logging.getLogger(__name__)

_KEY = "_django_cbtools_gateway_sessions"
#: The largest number of the gateway's sessions for a session of Django. Pages create one whenever
#: they are loaded, and each takes some space in Django's.
MOST = 10


def begin(request: Any, ttl: int | None = None) -> dict[str, Any] | None:
    """Begin a session of the gateway for the user who is logged in. Logging out ends it.

    Returns the gateway's answer (``session_id``, ``cookie_name``, ``expires``), or None if the user
    is not a user of the gateway. ``ttl`` is in seconds. If there are ten sessions already, the
    first one is ended. Raises SyncGatewayException.
    """
    if access_of(request.user) is None:
        return None
    synchronize(request.user)
    begun: dict[str, Any] = SyncGateway.create_session(name_of(request.user), ttl).json()
    ids = [*request.session.get(_KEY, ()), begun["session_id"]]
    request.session[_KEY] = ids[-MOST:]
    _end(ids[:-MOST])
    return begun


def end_all(request: Any) -> None:
    """End the gateway's sessions that belong to a session of Django."""
    _end(request.session.pop(_KEY, ()))


def _end(ids: Iterable[str]) -> None:
    for session_id in ids:
        try:
            SyncGateway.delete_session(session_id)
        except SyncGatewayException:
            # An unavailable gateway must not keep users logged in.
            logger.exception("A session of the gateway could not be ended; it ends by itself.")
