"""Documents with several branches, as gateways before 4.0 had them (``allow_conflicts``)."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from django_cbtools import conf
from django_cbtools.embedded.documents import conflicts
from django_cbtools.exceptions import SyncGatewayConflict
from django_cbtools.sync_gateway.calls.client import PUBLIC, request


def push(uid: str, *ids: str, start: int = 0, **members: Any) -> str:
    """Push a revision as a phone does, under its own id, newest first with those before it; its
    rev. A real gateway that refuses conflicts ends the test."""
    history = {"start": start or len(ids), "ids": list(ids)}
    body = {"_revisions": history, "channels": ["c"], "doc_type": "article", **members}
    # The embedded gateway refuses them, as 4.0 does: here it is an older one.
    with mock.patch.object(conflicts, "_check"):
        try:
            request(PUBLIC, "PUT", uid, query={"new_edits": "false"}, body=body, uid=uid)
        except SyncGatewayConflict as error:
            if not conf.get("SYNC_GATEWAY_URL"):
                raise
            pytest.skip(f"This gateway allows no conflicts. {error}")
    return f"{history['start']}-{ids[0]}"
