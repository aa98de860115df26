"""What mypy, strict and with the plugins, says of a project that uses documents."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import django_cbtools

PROJECT = Path(__file__).parent / "typing"
MISTAKES = PROJECT / "articles" / "mistakes.py"

SETTINGS = """
SECRET_KEY = "typing"
INSTALLED_APPS = ["django_cbtools", "articles"]
DATABASES = {"default": {"ENGINE": "django_cbtools.backends.embedded", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""

# The library as it is once installed: its own errors are not the project's.
MYPY_INI = """
[mypy]
plugins = mypy_django_plugin.main, django_cbtools.mypy_plugin
[mypy.plugins.django-stubs]
django_settings_module = settings
[mypy-django_cbtools.*]
follow_imports = silent
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(PROJECT / "articles", tmp_path / "articles")
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "mypy.ini").write_text(MYPY_INI)
    return tmp_path


def mypy(project: Path) -> str:
    """Mypy's output: a line for each error and each revealed type, in the files' order."""
    library = str(Path(django_cbtools.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", ".cache", "--no-pretty",
         "--no-color-output", "--no-error-summary", "."],
        cwd=project,
        env={**os.environ, "PYTHONPATH": library, "MYPYPATH": library},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.stdout


def test_types_are_known_and_mistakes_are_found(project: Path) -> None:
    """Nothing else is said: the tutorial has no errors."""
    expected = [
        f"{number} {' '.join(comment.groups())}"
        for number, line in enumerate(MISTAKES.read_text().splitlines(), 1)
        if (comment := re.search(r"  # (->|error:) (.+)", line))
    ]
    assert [_short(line) for line in mypy(project).splitlines()] == expected


def _short(line: str) -> str:
    """A line of mypy's output as the comments in mistakes.py have it, names without modules."""
    revealed = re.fullmatch(r'articles/mistakes.py:(\d+): note: Revealed type is "(.+)"', line)
    if revealed:
        without_modules = re.sub(r"\b([a-z]\w*\.)+", "", revealed[2])
        return f"{revealed[1]} -> {without_modules}"
    error = re.fullmatch(r"articles/mistakes.py:(\d+): error: .+  \[(.+)\]", line)
    return f"{error[1]} error: {error[2]}" if error else line
