"""The wheel, built once for the tests of a process."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from .building import ROOT, run


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Of a copy: setuptools leaves a folder in the checkout, and takes up what stands in an old one.
    checkout = tmp_path_factory.mktemp("wheel") / "checkout"
    made = shutil.ignore_patterns(
        ".*", "__pycache__", "build", "dist", "*.egg-info", "*.sqlite3*", "node_modules"
    )
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=made)
    run(sys.executable, "-m", "build", "--no-isolation", cwd=checkout)
    (built,) = (checkout / "dist").glob("*.whl")
    return built
