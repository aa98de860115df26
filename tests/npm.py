"""Packages of npm's that tests need, installed as a lock file has them."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest


def install(folder: Path) -> Path:
    """The ``node_modules`` of a folder, installed where they are not there yet."""
    lock, modules = folder / "package-lock.json", folder / "node_modules"
    installed = modules / ".package-lock.json"
    with lock.open() as file:
        # Tests run in several processes, and one of them installs for all.
        fcntl.flock(file, fcntl.LOCK_EX)
        if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
            return modules
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip(f"npm is not installed, and there is no {modules}")
        done = subprocess.run([npm, "ci"], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"{folder.name} cannot be installed. {done.stderr}")
    return modules
