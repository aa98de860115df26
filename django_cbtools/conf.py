"""The library's settings, read from Django's at every access, so that overriding them works."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

EMBEDDED_ENGINE = "django_cbtools.backends.embedded"
COUCHBASE_ENGINE = "django_cbtools.backends.couchbase"
DUMMY_ENGINE = "django.db.backends.dummy"
#: The value of COUCHBASE_VIEWS if the query service answers views.
SQLPP = "sqlpp"
#: The alias of the gateway that replaces a real one in tests, if documents have no alias of their
#: own.
TEST_ALIAS = "cbtools_test_gateway"
#: A key in the DATABASES entry of a gateway that replaces a real one. Its value is the replaced
#: entry, or an empty one.
STANDS_IN_FOR = "STANDS_IN_FOR"

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
    "SYNC_GATEWAY_CHANGES": {},
    "SYNC_GATEWAY_DATABASE": {},
    "SYNC_GATEWAY_REMOTE": {},
    "COUCHBASE_HOSTS": None,
    "COUCHBASE_BUCKET": None,
    "COUCHBASE_USER": None,
    "COUCHBASE_PASSWORD": None,
    "COUCHBASE_OPTIONS": {},
    "COUCHBASE_STALE": None,
    "COUCHBASE_DATABASE": None,
    "COUCHBASE_INDEXES": {},
    "COUCHBASE_VIEWS": None,
    "GATEWAY_USERS_RULE": None,
    "OFFLINE_MANIFEST": {},
    "ATTACHMENT_PERMISSION": "django_cbtools.transfers.views.may_view",
    "PREPARE_UPLOAD_BACKEND": "django_cbtools.transfers.backends.default.prepare_upload",
    "PRIVATE_PREPARE_UPLOAD_BACKEND": None,
    "PUBLIC_PREPARE_UPLOAD_BACKEND": None,
    "SERVE_FILE_BACKEND": "django_cbtools.transfers.backends.default.serve_file",
    "SERVE_FILE_XACCEL_URL": None,
    "PUBLIC_DOWNLOAD_URL_BACKEND": (
        "django_cbtools.transfers.backends.default.public_download_url"
    ),
    "PUBLIC_DOWNLOADS_URL_BASE": None,
    "QUEUED_EMAIL": {},
    "REST_REQUIRES_PRECONDITION": False,
}

#: The prefixes of settings that only the library has.
PREFIXES = ("SYNC_GATEWAY_", "COUCHBASE_")


def unknown() -> list[str]:
    """Return the settings with the library's prefixes that the library does not have."""
    return [name for name in dir(settings) if name.startswith(PREFIXES) and name not in DEFAULTS]


def get(name: str) -> Any:
    """Return a setting of the library, or its default."""
    return getattr(settings, name, DEFAULTS[name])


def urls(name: str) -> list[str]:
    """Return the addresses in a setting, which is one address, or a list or tuple of them."""
    value = get(name) or ()
    return [value] if isinstance(value, str) else list(value)


def require(name: str, why: str) -> Any:
    """Return a setting that has no sensible default. Raise ImproperlyConfigured with ``why`` if it
    is not set."""
    value = get(name)
    if not value:
        raise ImproperlyConfigured(f"Set {name}: {why}.")
    return value


def document_alias() -> str:
    """Return the alias in DATABASES that holds documents."""
    alias: str | None = get("COUCHBASE_DATABASE")
    if alias is not None:
        if not isinstance(alias, str) or alias not in settings.DATABASES:
            raise ImproperlyConfigured(
                f"COUCHBASE_DATABASE is {alias!r}, which is no alias in DATABASES. Name one of "
                "these, or leave it out."
            )
        return alias
    return "couchbase" if "couchbase" in settings.DATABASES else "default"


def with_documents(aliases: Iterable[str]) -> list[str]:
    """Return the aliases that hold documents: one, or none. It is none if the settings are
    wrong."""
    try:
        documents = document_alias()
    except ImproperlyConfigured:
        return []  # which a system check says
    return [alias for alias in aliases if alias == documents]


def entry(alias: str) -> Mapping[str, Any]:
    """Return a database's entry in the settings, even if tests replace the database."""
    config = settings.DATABASES.get(alias)
    if not isinstance(config, Mapping):
        return {}
    found: Mapping[str, Any] = config.get(STANDS_IN_FOR, config)
    return found


def is_embedded_alias(alias: str) -> bool:
    """Return whether the alias has the embedded backend."""
    return entry(alias).get("ENGINE") == EMBEDDED_ENGINE


def is_dummy_alias(alias: str) -> bool:
    """Return whether the alias is no database, as ``default`` is if the settings leave it empty."""
    return entry(alias).get("ENGINE") in (None, "", DUMMY_ENGINE)


def is_couchbase_alias(alias: str) -> bool:
    """Return whether the alias has the backend that queries Couchbase Server."""
    return entry(alias).get("ENGINE") == COUCHBASE_ENGINE


def without_test_in_name() -> list[str]:
    """Return the databases of SYNC_GATEWAY_URL, COUCHBASE_HOSTS and DATABASES that are not meant
    for tests: their names do not contain ``test``."""
    names = []
    if get("SYNC_GATEWAY_URL"):
        names.append(get("SYNC_GATEWAY_BUCKET"))
    if get("COUCHBASE_HOSTS"):
        names.append(get("COUCHBASE_BUCKET") or get("SYNC_GATEWAY_BUCKET"))
    if is_couchbase_alias(document_alias()):
        names.append(entry(document_alias()).get("NAME") or "")
    return [name for name in dict.fromkeys(map(str, names)) if "test" not in name]


def is_test_run() -> bool:
    """Return whether Django's ``setup_test_environment()`` has been called, as test runners do."""
    utils = sys.modules.get("django.test.utils")
    return hasattr(getattr(utils, "_TestState", None), "saved_data")


def uses_test_gateway() -> bool:
    """Return whether an embedded gateway replaces the real one: tests are running, and the settings
    do not name a gateway for tests."""
    return is_test_run() and bool(without_test_in_name())


def test_alias() -> str:
    """Return the alias of the gateway that replaces a real one in tests. It is the documents' alias
    if that has the backend for Couchbase Server."""
    alias = document_alias()
    return alias if is_couchbase_alias(alias) else TEST_ALIAS


def stands_in(alias: str) -> bool:
    """Return whether the alias is that of a gateway that replaces a real one in tests."""
    databases: Mapping[str, Any] = settings.DATABASES
    return STANDS_IN_FOR in databases.get(alias, ())


def gateway_alias() -> str:
    """Return the alias in DATABASES that holds the embedded gateway.

    Raises ImproperlyConfigured if tests have none.
    """
    if not uses_test_gateway():
        return document_alias()
    alias = test_alias()
    if not stands_in(alias):
        raise ImproperlyConfigured(
            f"Tests must not touch {without_test_in_name()[0]!r}: its name does not have 'test' in "
            "it. An embedded gateway stands in for what the settings name when "
            "setup_test_environment() is called; SYNC_GATEWAY_URL, COUCHBASE_HOSTS or DATABASES "
            "was set later than that. Name a database with 'test' in its name."
        )
    return alias


def uses_embedded_gateway() -> bool:
    """Return whether the embedded gateway keeps documents. Otherwise, the one at SYNC_GATEWAY_URL
    does.

    Raises ImproperlyConfigured if the settings name both, or neither.
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
        return uses_test_gateway()
    if is_couchbase_alias(alias):
        raise ImproperlyConfigured(
            f"DATABASES[{alias!r}] reads documents from Couchbase Server, but they are written "
            "through a gateway: set SYNC_GATEWAY_URL to its public address."
        )
    if not embedded:
        raise ImproperlyConfigured(
            f"There is no place for documents: set DATABASES[{alias!r}]['ENGINE'] to "
            f"{EMBEDDED_ENGINE!r} (no server needed), or SYNC_GATEWAY_URL to a real gateway's "
            "public address."
        )
    return True


def uses_cluster() -> bool:
    """Return whether the cluster at COUCHBASE_HOSTS answers views. Otherwise, the gateway does.

    Raises ImproperlyConfigured if the embedded gateway keeps documents.
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
    return not uses_test_gateway()


def uses_sqlpp_views() -> bool:
    """Return whether SQL++ answers views, as COUCHBASE_VIEWS says.

    Raises ImproperlyConfigured if the setting is not valid.
    """
    found = get("COUCHBASE_VIEWS")
    if found is None:
        return False
    if found != SQLPP:
        raise ImproperlyConfigured(
            f"COUCHBASE_VIEWS cannot be {found!r}: it is {SQLPP!r}, or None where the cluster, or "
            "the gateway, has views."
        )
    alias = document_alias()
    if not is_couchbase_alias(alias):
        raise ImproperlyConfigured(
            f"COUCHBASE_VIEWS is {SQLPP!r}, but DATABASES[{alias!r}], which holds documents, does "
            f"not ask a query service: give it the ENGINE {COUCHBASE_ENGINE!r}, or take the "
            "setting away."
        )
    return not uses_test_gateway()
