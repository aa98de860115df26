"""Node, and PouchDB with it."""

from __future__ import annotations

import shutil

import pytest

from tests import npm
from tests.gateway.pouchdb.phones import FOLDER


@pytest.fixture(scope="session")
def node():
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")


@pytest.fixture(scope="session")
def packages(node):
    """PouchDB, as the lock file has it."""
    npm.install(FOLDER)
