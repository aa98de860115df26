"""What is built for an index, and the tutorial on nothing but it, outside of the checkout."""

from __future__ import annotations

import shutil
import sys
import venv
import zipfile
from pathlib import Path

from tests.programs import MANAGE

from .building import ROOT, run

TUTORIAL = ROOT / "tests" / "typing"
HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


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


def test_an_index_takes_what_is_built(wheel: Path) -> None:
    built = sorted(wheel.parent.iterdir())
    assert [path.suffix for path in built] == [".whl", ".gz"]
    told = run(
        sys.executable, "-m", "twine", "--no-color", "check", "--strict", *built, cwd=wheel.parent
    )
    assert told.count("PASSED") == 2, told


def test_the_tutorial_runs_on_it_alone(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-compile",
        "--disable-pip-version-check", "--constraint", ROOT / "requirements.txt",
        f"{wheel}[embedded]", cwd=tmp_path)  # fmt: skip

    def manage(*commands: str) -> str:
        return run(python, "-W", "error", "-c", MANAGE, *commands, cwd=tmp_path)

    run(python, "-m", "django", "startproject", "newcomer", ".", cwd=tmp_path)
    manage("startapp articles")
    shutil.copytree(TUTORIAL, tmp_path, dirs_exist_ok=True)
    settings = tmp_path / "newcomer" / "settings.py"
    text = settings.read_text().replace("'", '"')
    for old, new in (
        ('"ENGINE": "django.db.backends.sqlite3"', '"ENGINE": "django_cbtools.backends.embedded"'),
        ("INSTALLED_APPS = [", 'INSTALLED_APPS = ["django_cbtools", "articles", '),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    settings.write_text(f"{text}\nPASSWORD_HASHERS = {HASHERS!r}\n")

    made = manage("makemigrations articles", "migrate --verbosity 0")
    assert "Bookmark" in made
    assert "CBArticle" not in made
    shell = "shell --verbosity 0 --command 'import articles.tutorial as t; t.run()'"
    told = manage("create_cb_views --dry-run", "create_cb_views --verbosity 0", shell)
    own = "by_channel, by_type, deleted_documents, newest_by_type"
    assert told.splitlines() == [
        f"django_cbtools: {own}, by_author",
        "Empty channels list can not be saved",
        "Couchbase & You",
        "409 True",
        "404 atl_unknown",
    ]
    assert "Ran 2 tests" in manage("test")
