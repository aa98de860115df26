"""Calls, and what the addresses of gateways are set to."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.sync_gateway.scripted import ADMIN_CALLS, READS, WRITES

PUBLIC_CALLS = READS | WRITES
CALLS = PUBLIC_CALLS | ADMIN_CALLS
everything = pytest.mark.parametrize("call", CALLS)


def without_logins(settings):
    for prefix in ("SYNC_GATEWAY", "SYNC_GATEWAY_ADMIN"):
        setattr(settings, f"{prefix}_USER", None)
        setattr(settings, f"{prefix}_PASSWORD", None)


def setting_of(call):
    return "SYNC_GATEWAY_ADMIN_URL" if call in ADMIN_CALLS else "SYNC_GATEWAY_URL"


def with_login(url, user, password):
    return url.replace("://", f"://{quote(user, safe='')}:{quote(password, safe='')}@")
