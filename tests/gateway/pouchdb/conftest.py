"""Phones with PouchDB, and the servers that they sync with.

Each server is a process of its own on the tests' database file, and phones are a Node process:
what Django has, and what it writes, is there for the others at once.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from django_cbtools.sync_gateway import SyncGateway
from tests.counts import TORTURE
from tests.gateway.pouchdb.phones import Phones
from tests.gateway.pouchdb.syncing import SERVERS

ROOT = Path(__file__).parents[3]


def pytest_generate_tests(metafunc):
    if "url" in metafunc.fixturenames:
        is_everywhere = TORTURE or hasattr(metafunc.function, "is_everywhere")
        servers = list(SERVERS)[: None if is_everywhere else 1]
        metafunc.parametrize("url", servers, indirect=True, scope="module")


@pytest.fixture(scope="module")
def url(request, packages, django_db_setup, tmp_path_factory):
    """The address of a database, served by a process of its own."""
    command, pattern, mount = SERVERS[request.param]
    log = tmp_path_factory.mktemp("server") / "log"
    environment = os.environ | {
        "CBTOOLS_DATABASE": str(connection.settings_dict["NAME"]),
        "DJANGO_SETTINGS_MODULE": "tests.gateway.pouchdb.settings",
        "PYTHONUNBUFFERED": "1",
    }
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "django", *command],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True,
        ) as server,
    ):  # fmt: skip
        for line in server.stdout:
            if found := re.search(pattern, line):
                break
        else:
            pytest.fail(log.read_text())
        yield f"{found[1]}{mount}/test_documents"
        server.terminate()
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def _phones(url):
    phones = Phones(url)
    yield phones
    # Nothing is left open: no timer, and no request.
    assert phones.stop() == 0


@pytest.fixture
def users(transactional_db):
    for name in ("alice", "bob"):
        SyncGateway.put_user(name, password=f"{name}'s", admin_channels=[name, "news"])


@pytest.fixture
def phones(users, _phones):
    """A process that all tests share, with none of their phones in it."""
    yield _phones
    _phones.throw_away()


@pytest.fixture
def own_phones(users, url):
    """A process of the test's own: the cookies in it are those of this test."""
    phones = Phones(url)
    yield phones
    assert phones.stop() == 0


@pytest.fixture
def alice(phones):
    return phones.phone("alice", "alice's")


@pytest.fixture
def bob(phones):
    return phones.phone("bob", "bob's")
