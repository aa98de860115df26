"""Fixtures for programs that test with pytest-django; pytest finds them by itself."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Begin no tests where the gateway that they need cannot be there."""
    if apps.ready and apps.is_installed("django_cbtools"):
        from django_cbtools.test_runs import gateway

        try:
            gateway.check()
        except ImproperlyConfigured as error:
            raise pytest.UsageError(str(error)) from error


@pytest.fixture
def couchbase_views(db: None) -> None:
    """The project's views, deployed for one test: they are rolled back with its documents."""
    from django_cbtools.tests import deploy_views

    deploy_views()
