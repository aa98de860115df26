"""The wheel that is built, and the tutorial on nothing but it, outside of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TUTORIAL = Path(__file__).parent / "typing"


def run(*command: str | Path, cwd: Path) -> str:
    """A command's output; where it fails, the test does, with the command's own words.

    Nothing of the checkout, nor of the environment that the tests run in, is visible to it.
    """
    hidden = ("PYTHON", "DJANGO_", "VIRTUAL_ENV")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        pytest.fail(f"{' '.join(map(str, command))}\n{done.stdout}", pytrace=False)
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Of a copy: setuptools leaves a folder in the checkout, and takes up what stands in an old one.
    checkout = tmp_path_factory.mktemp("wheel") / "checkout"
    made = shutil.ignore_patterns(
        ".*", "__pycache__", "build", "dist", "*.egg-info", "*.sqlite3*", "node_modules"
    )
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=made)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", cwd=checkout)
    (built,) = (checkout / "dist").iterdir()
    return built


def test_it_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    checkout = wheel.parents[1]
    package = {
        path.relative_to(checkout).as_posix()
        for path in (checkout / "django_cbtools").rglob("*")
        if path.is_file()
    }
    assert held == package
    assert held > {
        "django_cbtools/py.typed",
        "django_cbtools/embedded/views/functions.js",
        "django_cbtools/embedded/views/collation.js",
        "django_cbtools/embedded/world.js",
        "django_cbtools/embedded/documents/underscore-min.js",
        "django_cbtools/static/django_cbtools/sync_gateway_fetch.js",
        "django_cbtools/couchbase_views/by_channel.js",
        "django_cbtools/couchbase_views/by_type.js",
        "django_cbtools/couchbase_views/deleted_documents.js",
        "django_cbtools/couchbase_views/newest_by_type.js",
        "django_cbtools/couchbase_views/newest_by_type_reduce.js",
    }


def test_the_tutorial_runs_on_it_alone(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-compile",
        "--disable-pip-version-check", "--constraint", ROOT / "requirements.txt",
        f"{wheel}[embedded]", cwd=tmp_path)  # fmt: skip

    def manage(*command: str) -> str:
        return run(python, "-W", "error", "manage.py", *command, cwd=tmp_path)

    run(python, "-m", "django", "startproject", "newcomer", ".", cwd=tmp_path)
    manage("startapp", "articles")
    shutil.copytree(TUTORIAL, tmp_path, dirs_exist_ok=True)
    settings = tmp_path / "newcomer" / "settings.py"
    text = settings.read_text().replace("'", '"')
    for old, new in (
        ('"ENGINE": "django.db.backends.sqlite3"', '"ENGINE": "django_cbtools.backends.embedded"'),
        ("INSTALLED_APPS = [", 'INSTALLED_APPS = ["django_cbtools", "articles", '),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    settings.write_text(text)

    made = manage("makemigrations", "articles")
    assert "Bookmark" in made
    assert "CBArticle" not in made
    manage("migrate")
    deployed = manage("create_cb_views", "--dry-run")
    own = "by_channel, by_type, deleted_documents, newest_by_type"
    assert deployed == f"django_cbtools: {own}, by_author\n"
    manage("create_cb_views")
    told = manage(
        "shell", "--verbosity", "0", "--command", "import articles.tutorial as t; t.run()"
    )
    assert told.splitlines() == [
        "Empty channels list can not be saved",
        "Couchbase & You",
        "409 True",
        "404 atl_unknown",
    ]
    assert "Ran 2 tests" in manage("test")
