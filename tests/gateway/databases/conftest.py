"""A database with collections."""

from __future__ import annotations

import pytest

from tests.gateway.databases.client import COLLECTIONS, make


@pytest.fixture
def collections():
    make("db", **COLLECTIONS)
