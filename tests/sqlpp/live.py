"""A plugin of pytest: queries of documents are asked of the query service at QUERY_URL.

They are written through the embedded gateway, and put from there into the bucket of QUERY_BUCKET.
With RECORD_SQLPP=1, what was asked, and what came, is written to a file for each worker.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from . import recorder

_local = threading.local()


def wrapper() -> Any:
    """The backend's connection of this thread."""
    if not hasattr(_local, "wrapper"):
        from . import mirror

        settings = {
            **connections["default"].settings_dict,
            "HOST": os.environ["QUERY_URL"],
            "NAME": os.environ.get("QUERY_BUCKET", "test_documents") + _worker(),
            "USER": os.environ.get("QUERY_USER", "tests"),
            "PASSWORD": os.environ.get("QUERY_PASSWORD", "tests"),
            "OPTIONS": {},
        }
        _local.wrapper = mirror.MirrorWrapper(settings)
    return _local.wrapper


def _worker() -> str:
    """What tells the buckets of parallel workers from each other."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return f"_{worker}" if worker else ""


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    from django.db.models.sql import AggregateQuery, Query

    from django_cbtools.models.sql import DocumentQuery

    own = DocumentQuery.get_compiler

    def get_compiler(
        self: Any, using: str | None = None, connection: Any = None, elide_empty: bool = True
    ) -> Any:
        found = own(self, using, connection, elide_empty)
        if connection is not None and connection.vendor != "couchbase":
            return found  # a part of a query of ordinary rows
        if found.connection.alias != "default" or not hasattr(
            found.connection.ops, "reads_documents"
        ):
            return found
        service = wrapper()
        service.ensure_connection()
        make = service.ops.compiler(self.compiler)
        return make(self, service, found.using, elide_empty)

    DocumentQuery.get_compiler = get_compiler  # type: ignore[method-assign]

    def get_aggregate_compiler(
        self: Any, using: str | None = None, connection: Any = None, elide_empty: bool = True
    ) -> Any:
        if connection is None and isinstance(self.inner_query, DocumentQuery):
            using, connection = None, self.inner_query.get_compiler(using).connection
        return Query.get_compiler(self, using, connection, elide_empty)

    AggregateQuery.get_compiler = get_aggregate_compiler  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    report = yield
    if call.when == "setup":
        wrapper().recorded.clear()
    if call.when == "call" and report.passed and os.environ.get("RECORD_SQLPP"):
        recorder.write(item.nodeid, wrapper().recorded)
    return report


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """What is the embedded backend's own is not asked here."""
    return True if collection_path.parts[-3:] == ("tests", "orm", "embedded") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the engine cannot do is expected to fail."""
    from django_cbtools.backends.couchbase.features import DatabaseFeatures

    for reason, names in DatabaseFeatures.orm_test_expected_failures.items():
        for item in items:
            test = item.nodeid.removeprefix("tests/orm/")
            if test.partition("[")[0] in names or test.startswith(
                tuple(name for name in names if "[" in name)
            ):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=False))
