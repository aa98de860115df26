"""Fixtures, and the refusal to skip.

Where ``CBTOOLS_NO_SKIP=1`` is set, a test that skips fails: a machine that has everything then
shows whether everything has been tested.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import pytest
from django.conf import settings as django_settings
from django.db import connections
from hypothesis import HealthCheck, settings

from django_cbtools import conf
from django_cbtools.embedded.server.server import Server
from django_cbtools.sync_gateway import SyncGateway
from tests.certificates import ca, stranger  # noqa: F401
from tests.counts import EXAMPLES, TORTURE
from tests.gateway.pouchdb.packages import node, packages  # noqa: F401

# How long anything takes says more of the machine than of the library. `make test` tries the same
# examples each time, so that it fails for what has changed; `make torture` tries others.
settings.register_profile(
    "untimed",
    deadline=None,
    max_examples=EXAMPLES,
    derandomize=not TORTURE,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("untimed")

NO_SKIP = os.environ.get("CBTOOLS_NO_SKIP") == "1"

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def _refuse_skip(report: Report) -> Report:
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CBTOOLS_NO_SKIP=1, and it would have skipped. {reason}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _refuse_skip((yield))


def pytest_collection() -> None:
    gc.disable()  # nothing of what is collected goes away again


def pytest_collection_finish() -> None:
    # Garbage is looked for in what tests make, and not in the thousands of tests themselves.
    gc.enable()
    gc.collect()
    gc.freeze()
    # Models of Django's can be imported by now.
    from tests.flushing import quicken

    quicken()


@pytest.fixture(scope="session")
def _server(django_db_setup: None) -> Generator[Server, None, None]:
    server = Server("127.0.0.1", 0, 0, alias="default")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def http_gateway(transactional_db: None, _server: Server) -> Server:
    """The embedded gateway over HTTP, on ports that are free."""
    return _server


@pytest.fixture
def gateway_by_http(http_gateway: Server, settings: Any) -> Server:
    """The library's settings for a real gateway, which is :func:`http_gateway`."""
    settings.SYNC_GATEWAY_URL, settings.SYNC_GATEWAY_ADMIN_URL = http_gateway.urls
    settings.COUCHBASE_DATABASE = "plain"
    SyncGateway.put_admin_user()
    return http_gateway


@pytest.fixture
def couchbase_alias(db: None, settings: Any) -> Generator[Callable[..., None], None, None]:
    """A function that has documents be in an alias that Couchbase Server answers for: by default,
    one where nobody listens."""

    def use(host: str = "http://127.0.0.1:9", **entry: Any) -> None:
        settings.COUCHBASE_DATABASE = "server"
        settings.DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
        options = {"retries": 0, **entry.pop("OPTIONS", {})}
        named = {"NAME": "test_documents", "USER": "reader", "PASSWORD": "readers_password"}
        django_settings.DATABASES["server"] = {
            "ENGINE": conf.COUCHBASE_ENGINE, "HOST": host, "OPTIONS": options, **named, **entry
        }  # fmt: skip
        connections.settings = connections.configure_settings(None)
        # The databases of a test are known before it begins.
        connections["server"].connect()

    yield use
    if django_settings.DATABASES.pop("server", None):
        del connections["server"]
