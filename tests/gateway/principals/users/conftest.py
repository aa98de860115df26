"""A database whose documents open channels and give roles."""

from __future__ import annotations

import pytest

from tests.gateway.access.client import create_database
from tests.gateway.principals.users.principals import SYNC


@pytest.fixture(autouse=True)
def _database():
    create_database(SYNC)
