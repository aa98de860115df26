"""The tutorial, line by line, in a project that changed nothing but where documents are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .programs import MANAGE, ROOT

TUTORIAL = Path(__file__).parent / "tutorial"
COMMANDS = (
    "check --fail-level WARNING", "makemigrations --check --dry-run", "migrate --verbosity 0",
    "create_cb_views", "create_sg_users",
)  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Run a command in the new project, outside of the checkout's folder."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    env.pop("DJANGO_SETTINGS_MODULE", None)

    def run(*command):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("-m", "django", "startproject", "site_of_mine", ".")
    run("manage.py", "startapp", "articles")
    for name in ("models.py", "tests.py"):
        (tmp_path / "articles" / name).write_text((TUTORIAL / name).read_text("utf-8"), "utf-8")
    (tmp_path / "couchbase_views").mkdir()
    for path in TUTORIAL.glob("*.js"):
        (tmp_path / "couchbase_views" / path.name).write_text(path.read_text("utf-8"), "utf-8")
    (tmp_path / "tutorial.py").write_text((TUTORIAL / "tutorial.py").read_text("utf-8"), "utf-8")
    return run


def configure(folder, *changes):
    path = folder / "site_of_mine" / "settings.py"
    text = path.read_text("utf-8")
    text = text.replace("INSTALLED_APPS = [", "INSTALLED_APPS = ['django_cbtools', 'articles',")
    text += (
        "\nPASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']\n"
        "SYNC_GATEWAY_USER = 'django_cbtools_admin'\n"
        "SYNC_GATEWAY_PASSWORD = 'django_cbtools_admin_password'\n"
        "SYNC_GATEWAY_GUEST_USER = 'django_cbtools_guest'\n"
        "SYNC_GATEWAY_GUEST_PASSWORD = 'django_cbtools_guest_password'\n"
    )
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def check(run, *options):
    run("-c", MANAGE, *COMMANDS)
    assert "the tutorial is done" in run("tutorial.py")
    assert "OK" in run("manage.py", "test", "articles", *options)


def test_with_one_line_changed(run, tmp_path):
    configure(tmp_path, ("django.db.backends.sqlite3", "django_cbtools.backends.embedded"))
    check(run)


def test_with_documents_in_an_alias_of_their_own(run, tmp_path):
    configure(
        tmp_path,
        (
            "DATABASES = {",
            "DATABASE_ROUTERS = ['django_cbtools.routers.DocumentRouter']\n"
            "DATABASES = {\n    'couchbase': {'ENGINE': 'django_cbtools.backends.embedded', "
            "'NAME': BASE_DIR / 'documents.sqlite3'},",
        ),
    )
    tests = tmp_path / "articles" / "tests.py"
    text = tests.read_text("utf-8").replace(
        "(TestCase):", "(TestCase):\n    databases = {'default', 'couchbase'}\n"
    )
    tests.write_text(text, "utf-8")
    check(run, "--parallel", "2")
