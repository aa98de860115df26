"""`run_sync_gateway`: its end, and a file that is taken away from it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.gateway.server.streams.handlers import DB, ask, put, request_of
from tests.gateway.sockets import until

ROOT = Path(__file__).parents[4]


# ----------------------------------------------------------------- the command

COMMAND = """
import sys
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from django.core.management import call_command
call_command("run_sync_gateway", port=0, admin_port=0, stdout=sys.stdout)
"""


@pytest.fixture
def command(tmp_path):
    """``run_sync_gateway`` in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", COMMAND, str(tmp_path / "x.sqlite3")],
        cwd=ROOT, env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process
        process.kill()


@pytest.fixture
def address_of_command(command):
    lines = [command.stdout.readline() for _ in range(3)]
    parts = urlsplit(lines[1].split()[-1])
    return parts.hostname, parts.port


def test_command_ends_while_clients_wait(command, address_of_command):
    """Ctrl-C, as clients wait for changes, or have not yet said all that they want."""
    feeds = [request_of(f"GET {DB}/_changes?feed={kind}") for kind in ("longpoll", "continuous")]
    waiting = []
    for request in (b"", b"GET /", put("d")[:-1], *feeds):
        waiting.append(socket.create_connection(address_of_command))
        waiting[-1].sendall(request)
    assert ask(address_of_command, "PUT", f"{DB}/d", "{}")[0] == 201
    for feed in waiting[-2:]:
        until(feed, b'"id":"d"')
    # The long poll is over; another one waits.
    waiting[-2].sendall(request_of(f"GET {DB}/_changes?feed=longpoll&since=1"))
    command.send_signal(signal.SIGINT)
    assert command.wait() == 0
    for sock in waiting:
        sock.close()


def test_file_that_is_taken_away_is_made_again(address_of_command, tmp_path):
    """The server keeps its connections: they must not go on with the file that was."""
    for _ in range(3):
        for _ in range(5):
            assert ask(address_of_command, "PUT", f"{DB}/d", "{}")[0] == 201
            rev = json.loads(ask(address_of_command, "GET", f"{DB}/d")[1])["_rev"]
            assert ask(address_of_command, "DELETE", f"{DB}/d?rev={rev}")[0] == 200
        assert ask(address_of_command, "PUT", f"{DB}/d", "{}")[0] == 201
        for file in tmp_path.glob("x.sqlite3*"):
            file.unlink()
    assert ask(address_of_command, "PUT", f"{DB}/d", "{}")[0] == 201
    assert (tmp_path / "x.sqlite3").stat().st_size
