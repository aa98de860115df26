"""Fixtures for projects that use pytest-django. pytest finds them by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from django_cbtools.sync_kit import SyncFunction


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Refuse to start if the tests need a gateway that cannot be set up."""
    if apps.ready and apps.is_installed("django_cbtools"):
        from django_cbtools.test_runs import gateway

        try:
            gateway.check()
        except ImproperlyConfigured as error:
            raise pytest.UsageError(str(error)) from error


@pytest.fixture
def couchbase_views(db: None) -> None:
    """Deploy the project's views for one test. They are rolled back with its documents."""
    from django_cbtools.tests import deploy_views

    deploy_views()


@pytest.fixture
def sync_function(db: None) -> Callable[..., SyncFunction]:
    """Return a function that makes a SyncFunction, to test who may write a document.

    It uses the project's sync function, or the JavaScript or the path that is passed.
    """
    from django_cbtools import tests

    return tests.sync_function
