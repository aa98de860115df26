"""Where requests go, and by which pooled session: the gateway's two ports."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from django_cbtools import conf

#: Seconds to wait for a connection, and for an answer.
TIMEOUT = (5.0, 30.0)
POOL_SIZE = 10
#: ``cors`` is the embedded gateway's.
OPTIONS = frozenset(("timeout", "verify", "cert", "pool_size", "cors"))


@dataclass(frozen=True)
class Transport:
    """A session with a gateway; ``public`` and ``admin`` are the addresses of its ports."""

    session: requests.Session
    public: str
    admin: str
    timeout: Any = TIMEOUT
    process: int = field(default_factory=os.getpid)


_transport: Transport | None = None
_lock = threading.Lock()


def transport() -> Transport:
    """The process's transport by the settings; one is never shared with a forked child.

    Raises ImproperlyConfigured where the settings do not say which gateway to use.
    """
    global _transport
    current = _transport
    if current is None or current.process != os.getpid():
        with _lock:
            current = _transport = _make()
    return current


def auth(port: str) -> HTTPBasicAuth | None:
    """The login for a port, None where the settings have none."""
    prefix = "SYNC_GATEWAY_ADMIN" if port == "admin" else "SYNC_GATEWAY"
    user = conf.get(f"{prefix}_USER")
    password = conf.get(f"{prefix}_PASSWORD") or ""
    # Texts would be sent as Latin-1.
    return HTTPBasicAuth(user.encode(), password.encode()) if user else None


def _make() -> Transport:
    if conf.uses_embedded_gateway():
        # A real gateway's client has no use for the embedded one.
        from .in_process import SCHEME, InProcessAdapter

        session = requests.Session()
        session.trust_env = False
        session.mount(f"{SCHEME}://", InProcessAdapter())
        return Transport(session, f"{SCHEME}://public", f"{SCHEME}://admin")
    public = conf.require("SYNC_GATEWAY_URL", "the address of the gateway's public port")
    admin = conf.get("SYNC_GATEWAY_ADMIN_URL") or ""
    return http_transport(public, admin, conf.get("SYNC_GATEWAY_OPTIONS"))


def http_transport(public: str, admin: str, options: Mapping[str, Any]) -> Transport:
    """A transport to a real gateway; ``options`` as in SYNC_GATEWAY_OPTIONS."""
    unknown = set(options) - OPTIONS
    if unknown:
        raise ImproperlyConfigured(
            f"SYNC_GATEWAY_OPTIONS has unknown options: {', '.join(sorted(unknown))}. "
            f"Known are: {', '.join(sorted(OPTIONS))}."
        )
    session = requests.Session()
    session.verify = options.get("verify", True)
    session.cert = options.get("cert")
    size = options.get("pool_size", POOL_SIZE)
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=2, pool_maxsize=size))
    return Transport(
        session, public.rstrip("/"), admin.rstrip("/"), options.get("timeout", TIMEOUT)
    )


def _forget(*, setting: str, **kwargs: Any) -> None:
    global _transport
    if setting == "DATABASES" or setting.startswith(("SYNC_GATEWAY_", "COUCHBASE_")):
        _transport = None


setting_changed.connect(_forget, dispatch_uid="django_cbtools.sync_gateway")
