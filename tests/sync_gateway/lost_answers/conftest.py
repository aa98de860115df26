"""A gateway behind a line that loses answers."""

from __future__ import annotations

import secrets

import pytest

from tests.gateway.fuzz.process import ServerProcess
from tests.sync_gateway.lost_answers.writes import open_line


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("lost") / "documents.sqlite3") as server:
        yield server
        assert server.stop() == 0
        assert server.log() == ""


@pytest.fixture
def line(server, settings):
    yield from open_line(server, settings)


@pytest.fixture
def uid():
    return f"d{secrets.token_hex(8)}"
