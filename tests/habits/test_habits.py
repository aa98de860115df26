"""Runs the habits in a process of its own: their site has other apps and settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_habits():
    here = Path(__file__).parent
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    settings = "--ds=tests.habits.settings"
    done = subprocess.run(
        [*command, settings, str(here / "habits.py"), str(here / "versions.py")],
        cwd=here.parent.parent, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
