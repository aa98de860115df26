"""Modules of apps that are loaded when Django starts."""

from __future__ import annotations

import subprocess
import sys

from tests.programs import ROOT, run

PROGRAM = ("-W", "error", "-m", "tests.autoload.program")


def test_modules_are_loaded_when_django_starts():
    assert run(*PROGRAM, "sound").split() == ["True", "first", "True", "False"]


def test_one_that_fails_keeps_django_from_starting():
    done = subprocess.run(
        [sys.executable, *PROGRAM, "broken"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "tests/autoload/broken/cb_changes.py" in done.stderr
    assert "No module named 'a_module_that_is_not_there'" in done.stderr
