"""Settings of live mode: the gateway (and the cluster) that the environment names."""

import os

from django.core.exceptions import ImproperlyConfigured

from tests.settings import *  # noqa: F403


def _named(name: str) -> str:
    if not os.environ.get(name):
        raise ImproperlyConfigured(f"Name the gateway: {name}=... is missing.")
    return os.environ[name]


SYNC_GATEWAY_URL = _named("SYNC_GATEWAY_URL")
SYNC_GATEWAY_ADMIN_URL = _named("SYNC_GATEWAY_ADMIN_URL")
SYNC_GATEWAY_BUCKET = _named("SYNC_GATEWAY_BUCKET")
INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.app"]  # noqa: F405
for _bucket in (SYNC_GATEWAY_BUCKET, os.environ.get("COUCHBASE_BUCKET") or SYNC_GATEWAY_BUCKET):
    if "test" not in _bucket:
        raise ImproperlyConfigured(
            f"{_bucket!r} does not have 'test' in its name: the tests delete all documents that "
            "are in it, so they do not begin."
        )
#: No gateway is embedded.
COUCHBASE_DATABASE = "plain"
for _name in (
    "SYNC_GATEWAY_USER",
    "SYNC_GATEWAY_PASSWORD",
    "SYNC_GATEWAY_ADMIN_USER",
    "SYNC_GATEWAY_ADMIN_PASSWORD",
    "COUCHBASE_HOSTS",
    "COUCHBASE_BUCKET",
    "COUCHBASE_USER",
    "COUCHBASE_PASSWORD",
):
    if os.environ.get(_name):
        globals()[_name] = os.environ[_name]
