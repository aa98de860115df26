"""Runs a resync for a command, and waits until it is done."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError

from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.sync_gateway import SyncGateway

#: The number of seconds between two queries of a resync's state.
_PAUSE = 0.5


def resync(keyspaces: Iterable[str | None] | None = None) -> str:
    """Run the sync functions on all documents, or on those of some keyspaces, and return the result
    in words. The database is offline meanwhile. Raise CommandError if that fails."""
    try:
        SyncGateway.take_offline()
        try:
            SyncGateway.start_resync(keyspaces)
            while (state := SyncGateway.get_resync())["status"] == "running":
                time.sleep(_PAUSE)
        finally:
            SyncGateway.bring_online()
    except (SyncGatewayException, ValueError) as error:
        raise CommandError(f"The resync failed: {error}") from error
    if state["status"] != "completed":
        raise CommandError(f"The resync ended as {state['status']!r}: {state['last_error']}")
    return told(state)


def told(state: dict[str, Any]) -> str:
    """Return the status of a resync in words."""
    return f"Resync: {state['docs_processed']} documents, {state['docs_changed']} changed."
