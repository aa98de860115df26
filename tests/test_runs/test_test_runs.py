"""What test runs of a site do to the gateway that its settings name: nothing, unless its name says
that it is there for tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from django_cbtools.sync_gateway import SyncGateway

ROOT = Path(__file__).parents[2]
RUNNER = ("-m", "django", "test", "tests.test_runs.shop")
PYTEST = (
    "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-c", os.devnull,
    "--rootdir", str(ROOT), str(ROOT / "tests/test_runs/shop/pytest_tests.py"),
)  # fmt: skip
#: A module that is imported where there is no JavaScript engine.
WITHOUT_ENGINE = "import sys; sys.modules['py_mini_racer'] = None\n"


class Site:
    """The site of this folder, whose settings name a gateway."""

    def __init__(self, urls: tuple[str, str], folder: Path) -> None:
        self._folder = folder
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "tests.test_runs.settings",
            "SITE_GATEWAY": " ".join(urls),
            "SITE_BUCKET": "news",
            "SITE_DATABASE": str(folder / "test.sqlite3"),
            "TMPDIR": str(folder),
        }

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTEST")
        }
        return subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=self._folder,
            env={**inherited, "PYTHONPATH": str(ROOT), **self.environment, **environment},
            capture_output=True,
            text=True,
        )

    def test(self, *arguments: str, **environment: str) -> str:
        """What a run of tests says, all of which pass; and it leaves no files behind."""
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not list(self._folder.glob("test_cbtools*"))
        return done.stdout + done.stderr


@pytest.fixture
def gateway(http_gateway: Any, settings: Any) -> Any:
    """A gateway, its database ``news`` and a document there; all of it has to stay as it is."""
    settings.SYNC_GATEWAY_BUCKET = "news"
    SyncGateway.put_user("writer", password="writers_password", admin_channels=["*"])
    SyncGateway.save_json("itm_1", {"doc_type": "item", "name": "real", "channels": ["c"]})
    before = everything()
    yield http_gateway
    settings.SYNC_GATEWAY_BUCKET = "news"
    assert everything() == before


@pytest.fixture
def site(gateway: Any, tmp_path: Path) -> Site:
    return Site(gateway.urls, tmp_path)


def everything() -> list[Any]:
    users = SyncGateway.get_users()
    return [SyncGateway.all_docs([], really_all=True), users, *map(SyncGateway.get_user, users)]


def test_djangos_runner(site: Site) -> None:
    assert "Ran 13 tests" in site.test(*RUNNER)


def test_databases_in_memory(site: Site) -> None:
    assert "Ran 13 tests" in site.test(*RUNNER, "--reverse", SITE_DATABASE=":memory:")


def test_a_cluster(site: Site) -> None:
    site.test(*RUNNER, SITE_HOSTS="couchbase://127.0.0.1:9")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_parallel(site: Site, method: str) -> None:
    program = (
        "import multiprocessing, sys\n"
        "from django.core.management import execute_from_command_line\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.set_start_method({method!r})\n"
        "    execute_from_command_line(['manage.py', 'test', *sys.argv[1:]])\n"
    )
    path = Path(site.environment["TMPDIR"], "manage.py")
    path.write_text(program)
    # Django's clones for spawned processes are those of databases in memory, in this folder.
    written = site.test(
        str(path), "tests.test_runs.shop", "--parallel", "2", SITE_DATABASE=":memory:"
    )
    assert "Ran 13 tests" in written


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_pytest(site: Site, options: tuple[str, ...]) -> None:
    assert "18 passed" in site.test(*PYTEST, *options)


@pytest.mark.parametrize("arguments", [RUNNER, PYTEST])
def test_without_the_extra(site: Site, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_ENGINE)
    done = site.run(*arguments, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == (1 if arguments is RUNNER else pytest.ExitCode.USAGE_ERROR)
    written = done.stdout + done.stderr
    assert "Tests do not begin: they must not touch 'news'" in written
    assert "pip install 'django-cbtools[embedded]'" in written
    assert not re.search("Ran|passed|failed|error", written.replace("pytest.UsageError", ""))


QUERIES = {"SITE_QUERIES": "news"}


def test_queries(site: Site) -> None:
    written = site.test(*RUNNER, "tests.test_runs.shop.queries", **QUERIES)
    assert "Ran 27 tests" in written


def test_queries_in_parallel(site: Site) -> None:
    arguments = (*RUNNER, "tests.test_runs.shop.queries", "--parallel", "2")
    assert "Ran 27 tests" in site.test(*arguments, **QUERIES)


def test_queries_by_pytest(site: Site) -> None:
    arguments = (*PYTEST, str(ROOT / "tests/test_runs/shop/queries.py"))
    assert "32 passed" in site.test(*arguments, **QUERIES)


def test_documents_asked_of_a_bucket_for_tests(site: Site) -> None:
    """The gateway is none for tests; whatever the bucket is called, it is not asked."""
    site.test(*RUNNER, "tests.test_runs.shop.queries", SITE_QUERIES="test")


def test_a_gateway_that_is_set_too_late(gateway: Any, site: Site) -> None:
    program = (
        "import django; django.setup()\n"
        "from django.conf import settings\n"
        "url, settings.SYNC_GATEWAY_URL = settings.SYNC_GATEWAY_URL, None\n"
        "from django.test.utils import setup_test_environment\n"
        "setup_test_environment()\n"
        "settings.SYNC_GATEWAY_URL = url\n"
        "from tests.test_runs.shop.models import Item\n"
        "Item(name='x', channels=['c']).save()\n"
    )
    done = site.run("-c", program)
    assert done.returncode == 1
    assert "Tests must not touch 'news'" in done.stderr


def test_a_database_for_tests(http_gateway: Any, settings: Any, tmp_path: Path) -> None:
    settings.SYNC_GATEWAY_BUCKET = "news_test"
    SyncGateway.put_user("writer", password="writers_password", admin_channels=["*"])
    site = Site(http_gateway.urls, tmp_path)
    site.environment["SITE_BUCKET"] = "news_test"
    done = site.run(*RUNNER, "-k", "Served")
    assert done.returncode == 0, done.stderr
    assert len(SyncGateway.all_docs([], really_all=True)["rows"]) == 2


def test_the_environment_of_tests_ends(site: Site) -> None:
    program = (
        "import django; django.setup()\n"
        "from django.test.utils import setup_test_environment, teardown_test_environment\n"
        "from django_cbtools import conf\n"
        "from django_cbtools.sync_gateway import SyncGateway\n"
        "assert conf.uses_embedded_gateway() is False\n"
        "for _ in range(2):\n"
        "    setup_test_environment()\n"
        "    assert conf.uses_embedded_gateway() is True\n"
        "    assert SyncGateway.all_docs([], really_all=True)['rows'] == []\n"
        "    SyncGateway.save_json('x', {'channels': ['c']})\n"
        "    teardown_test_environment()\n"
        "assert len(SyncGateway.all_docs([], really_all=True)['rows']) == 1\n"
    )
    site.test("-c", program)
