"""Makes the documentation's picture of the example: ``python -m tests.docs.pictures``.

The example is copied, so that nobody's documents are touched.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.docs.blocks import DOCS, ROOT
from tests.gateway.hostile.chromium import Chromium, find
from tests.ports import free_ports

COMMANDS = ["migrate", "create_cb_views", "create_cb_indexes", "create_sg_users", "load_airports"]
#: The pictures: a path of the example, and the size of the window.
PICTURES = {"airports": ("/airports/in/NO/", 1100, 760)}


@contextmanager
def example(folder: Path) -> Iterator[str]:
    """The address of the example, as ``make run`` serves it."""
    site = folder / "example_project"
    shutil.copytree(ROOT / "example_project", site, ignore=shutil.ignore_patterns("*.sqlite3*"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    manage = [sys.executable, "manage.py"]
    for command in COMMANDS:
        subprocess.run([*manage, command, "-v", "0"], cwd=site, env=environment, check=True)
    [port] = free_ports(1)
    with subprocess.Popen(
        [*manage, "runserver", "--noreload", f"127.0.0.1:{port}"],
        cwd=site, env={**environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as server:  # fmt: skip
        assert server.stdout
        next(line for line in server.stdout if re.match("Starting development server", line))
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def main() -> None:
    program = find()
    assert program, "Chromium is not installed"
    with tempfile.TemporaryDirectory() as name, example(Path(name)) as address:
        browser = Chromium(program, Path(name) / "profile")
        for picture, (path, width, height) in PICTURES.items():
            browser.resize(width, height)
            browser.open(f"{address}{path}")
            (DOCS / "_images").mkdir(exist_ok=True)
            browser.save_picture(str(DOCS / "_images" / f"{picture}.png"), whole=False)
        browser.close()


if __name__ == "__main__":
    main()
