"""Fixtures for programs that test with pytest-django; pytest finds them by itself."""

from __future__ import annotations

import pytest


@pytest.fixture
def couchbase_views(db: None) -> None:
    """The project's views, deployed for one test: they are rolled back with its documents."""
    from django_cbtools.tests import deploy_views

    deploy_views()
