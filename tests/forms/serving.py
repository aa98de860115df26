"""The example, served by a process of its own that can be stopped and started again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]


class Example:
    """The site at ``url``, with some airports; its database is the file."""

    def __init__(self, file: Path, airports: int = 20) -> None:
        self._file = file
        self._airports = str(airports)
        self.url = ""
        self.start()

    def start(self) -> None:
        """Serve it, at the same address as before."""
        port = str(urlsplit(self.url).port or 0)
        command = [sys.executable, "-W", "error", "-m", "tests.forms.example"]
        command += [str(self._file), port, self._airports]
        log = self._file.with_suffix(".log")
        with log.open("a") as errors:
            self._server = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors,
                text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        assert self._server.stdout is not None
        self.url = self._server.stdout.readline().strip() or pytest.fail(log.read_text())

    def follow(self) -> None:
        """Tell the site what has been written."""
        program = (
            "import sys; sys.path.insert(0, 'example_project'); import django;"
            "from django.conf import settings; from django.core.management import call_command;"
            "settings.DATABASES['default']['NAME'] = sys.argv[1]; django.setup();"
            "call_command('follow_sg_changes', once=True, verbosity=0)"
        )
        subprocess.run(
            [sys.executable, "-W", "error", "-c", program, str(self._file)], cwd=ROOT, check=True,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "example_project.settings"},
        )  # fmt: skip

    def stop(self) -> None:
        """As where a machine loses its power."""
        self._server.kill()
        self._server.wait()
        if self._server.stdout is not None:
            self._server.stdout.close()
