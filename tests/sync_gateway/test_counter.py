"""Many threads of several processes raise one counter with retry_on_conflict: none gets lost.

COUNTER_TIMES says how often, all of them together.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.counts import TORTURE
from tests.gateway.fuzz import store
from tests.gateway.fuzz.process import ROOT, ServerProcess
from tests.sync_gateway.faults.rival import Rival

pytestmark = pytest.mark.torture

THREADS = 4
TIMES = int(os.environ.get("COUNTER_TIMES", "2000" if TORTURE else "40"))
#: The processes: each asks the server, or keeps documents in its file itself.
WAYS = {"both": ["HTTP", "in process"]}
if TORTURE:
    WAYS = {
        "both": ["HTTP", "in process"] * 2,
        "over HTTP": ["HTTP"] * 4,
        "in process": ["in process"] * 4,
    }

USER = {
    "name": "django_cbtools_admin",
    "password": "django_cbtools_admin_password",
    "admin_channels": ["*"],
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "documents.sqlite3"


def _prepare(server):
    rival = Rival(server.urls[1])
    assert rival.ask("PUT", f"/_user/{USER['name']}", USER)[0] == 201
    rival.save("counter", None, doc_type="cbeverything", integer=0)


def _start(where, times):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.sync_gateway.counter.raiser",
         str(where), str(THREADS), str(times)],
        cwd=ROOT, env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _raise_it(places):
    """The attempts that all processes made."""
    processes = [_start(where, TIMES // len(places)) for where in places]
    assert {process.stdout.readline() for process in processes} == {"ready\n"}
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    attempts = sum(int(process.communicate()[0]) for process in processes)
    assert {process.returncode for process in processes} == {0}
    return attempts


def _check(file, attempts):
    ((rev, body),) = store.rows(
        file, "SELECT rev, body FROM cbtools_documents WHERE uid = 'counter'"
    )
    assert json.loads(body)["integer"] == TIMES
    assert int(rev.partition("-")[0]) == TIMES + 1
    # They did want it at once.
    assert attempts > TIMES
    store.check(file)


@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
def test_none_gets_lost(file, ways):
    with ServerProcess(file) as server:
        _prepare(server)
        attempts = _raise_it([server.urls[0] if way == "HTTP" else file for way in ways])
        assert server.stop() == 0
        assert server.log() == ""
    _check(file, attempts)
