"""Packages of PyPI's that tests need beside those of the environment, in a folder of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def install(requirements: Path) -> Path:
    """The folder with the packages of a file, installed where they are not there yet."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = requirements.parent / f".{requirements.stem}-{python}"
    installed = folder / ".installed"
    if installed.exists() and installed.stat().st_mtime >= requirements.stat().st_mtime:
        return folder
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--upgrade", "--target", folder,
         "--requirement", requirements],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"{requirements.name} cannot be installed. {done.stderr}")
    installed.touch()
    return folder
