"""A newcomer's walk: pages of docs/, followed to the letter on the wheel that is built."""

from __future__ import annotations

import site
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from .building import run
from .pages import WALKED, steps
from .walking import Newcomer


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the wheel, and what it needs: nothing is downloaded."""
    folder = tmp_path_factory.mktemp("newcomer") / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-compile", "--no-deps",
        "--no-index", "--disable-pip-version-check", wheel, cwd=folder)  # fmt: skip
    # Behind the wheel's own folder. The checkout is not on it: its finder is in a .pth of theirs.
    (libraries,) = folder.glob("lib/python*/site-packages")
    (libraries / "theirs.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    admin = folder / "bin" / "django-admin"
    admin.write_text(f'#!/bin/sh\nexec {python} -m django "$@"\n')
    admin.chmod(0o755)
    where = run(python, "-c", "import django_cbtools; print(django_cbtools.__file__)", cwd=folder)
    assert Path(where.strip()).is_relative_to(folder)
    return python


@pytest.fixture
def newcomer(python: Path, tmp_path: Path) -> Iterator[Newcomer]:
    newcomer = Newcomer(tmp_path, python)
    yield newcomer
    newcomer.end()


@pytest.mark.parametrize("page", WALKED)
def test_a_page_keeps_its_word(newcomer: Newcomer, page: str) -> None:
    for step in steps(page):
        try:
            newcomer.walk(step)
        except AssertionError as error:
            raise AssertionError(f"docs/{page}.rst, line {step.line}: {error}") from error
