"""The documentation as Sphinx builds it: nothing to warn of, and nothing left out."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest

from tests.docs.blocks import DOCS, ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """What Sphinx knows of the pages after ``make docs``; a warning fails.

    In a process of its own: Sphinx sets Django up.
    """
    folder = tmp_path_factory.mktemp("docs")
    environment = {**os.environ, "PYTHONWARNINGS": ""}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    options = ["-W", "-n", "--keep-going", "-q", "-d", folder / "doctrees"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, DOCS, folder / "html"],
        cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return pickle.loads((folder / "doctrees" / "environment.pickle").read_bytes())


def test_no_warning(site):
    assert "exceptions" in site.found_docs
