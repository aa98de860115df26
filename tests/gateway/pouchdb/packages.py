"""Node, and PouchDB with it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.gateway.pouchdb.phones import FOLDER


@pytest.fixture(scope="session")
def node():
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")


@pytest.fixture(scope="session")
def packages(node):
    """PouchDB, as the lock file has it; it is installed where it is not there yet."""
    lock = FOLDER / "package-lock.json"
    installed = FOLDER / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(
            "npm is not installed, and PouchDB is not in tests/gateway/pouchdb/node_modules"
        )
    done = subprocess.run([npm, "ci"], cwd=FOLDER, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"PouchDB cannot be installed. {done.stderr}")
