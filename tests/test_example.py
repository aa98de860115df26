"""The example's own tests pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_manage_py_test() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)  # pytest's; manage.py has its own
    done = subprocess.run(
        [sys.executable, "-W", "error", "manage.py", "test", "--settings=tests.example_settings"],
        cwd=ROOT / "example_project",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^Ran [1-9]\d* tests", done.stdout, re.MULTILINE), done.stdout
