"""The library's settings, read from Django's at every access, so that overriding them works."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

EMBEDDED_ENGINE = "django_cbtools.backends.embedded"

DEFAULTS: dict[str, Any] = {
    "SYNC_GATEWAY_URL": None,
    "SYNC_GATEWAY_ADMIN_URL": None,
    "SYNC_GATEWAY_BUCKET": "default",
    "SYNC_GATEWAY_USER": None,
    "SYNC_GATEWAY_PASSWORD": None,
    "SYNC_GATEWAY_GUEST_USER": None,
    "SYNC_GATEWAY_GUEST_PASSWORD": None,
    "SYNC_GATEWAY_ADMIN_USER": None,
    "SYNC_GATEWAY_ADMIN_PASSWORD": None,
    "SYNC_GATEWAY_OPTIONS": {},
    "COUCHBASE_HOSTS": None,
    "COUCHBASE_BUCKET": None,
    "COUCHBASE_USER": None,
    "COUCHBASE_PASSWORD": None,
    "COUCHBASE_OPTIONS": {},
    "COUCHBASE_STALE": "ok",
    "COUCHBASE_DATABASE": None,
    "COUCHBASE_INDEXES": {},
}


def get(name: str) -> Any:
    """A setting of the library, or its default."""
    return getattr(settings, name, DEFAULTS[name])


def urls(name: str) -> list[str]:
    """The addresses in a setting that takes one, or a list or tuple of them."""
    value = get(name) or ()
    return [value] if isinstance(value, str) else list(value)


def require(name: str, why: str) -> Any:
    """A setting that has no sensible default; raises ImproperlyConfigured saying ``why``."""
    value = get(name)
    if not value:
        raise ImproperlyConfigured(f"Set {name}: {why}.")
    return value


def document_alias() -> str:
    """The alias in DATABASES that holds documents."""
    alias: str | None = get("COUCHBASE_DATABASE")
    if alias is not None:
        if not isinstance(alias, str) or alias not in settings.DATABASES:
            raise ImproperlyConfigured(
                f"COUCHBASE_DATABASE is {alias!r}, which is no alias in DATABASES."
            )
        return alias
    return "couchbase" if "couchbase" in settings.DATABASES else "default"


def is_embedded_alias(alias: str) -> bool:
    """Whether the alias's engine is the embedded backend (or a subclass in another package)."""
    config = settings.DATABASES.get(alias)
    return isinstance(config, dict) and config.get("ENGINE") == EMBEDDED_ENGINE


def uses_embedded_gateway() -> bool:
    """Whether documents are kept by the embedded gateway; False: by the one at SYNC_GATEWAY_URL.

    Raises ImproperlyConfigured where the settings name both, or neither.
    """
    alias = document_alias()
    embedded = is_embedded_alias(alias)
    if get("SYNC_GATEWAY_URL"):
        if embedded:
            raise ImproperlyConfigured(
                "SYNC_GATEWAY_URL names a real gateway, but the documents' database "
                f"({alias!r}) has the embedded backend: they would hold different documents. "
                f"Take SYNC_GATEWAY_URL away, or give DATABASES[{alias!r}] another ENGINE."
            )
        return False
    if not embedded:
        raise ImproperlyConfigured(
            f"There is no place for documents: set DATABASES[{alias!r}]['ENGINE'] to "
            f"{EMBEDDED_ENGINE!r} (no server needed), or SYNC_GATEWAY_URL to a real gateway's "
            "public address."
        )
    return True


def uses_cluster() -> bool:
    """Whether views are asked of the cluster at COUCHBASE_HOSTS; False: of the gateway.

    Raises ImproperlyConfigured where the documents are the embedded gateway's.
    """
    if not get("COUCHBASE_HOSTS"):
        return False
    alias = document_alias()
    if is_embedded_alias(alias):
        raise ImproperlyConfigured(
            "COUCHBASE_HOSTS names a cluster, but the documents' database "
            f"({alias!r}) has the embedded backend: views would not see them. "
            f"Take COUCHBASE_HOSTS away, or give DATABASES[{alias!r}] another ENGINE."
        )
    return True
