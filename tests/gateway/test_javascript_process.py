"""What V8 does to the process that it is in: its threads, forks and end."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from django_cbtools.embedded import javascript
from django_cbtools.embedded.views import index
from tests.counts import TORTURE
from tests.gateway.v8.helpers import put_design, rows, write
from tests.programs import forked_server, run


def test_threads_share_the_engine(transactional_db, monkeypatch):
    monkeypatch.setattr(index, "BATCH", 3)
    views = [f"function (doc, meta) {{ emit(doc.n, {n}); }}" for n in range(4)]
    put_design("d", **{f"v{n}": source for n, source in enumerate(views)})
    write({f"u{n:02}": {"n": f"key {n:02}"} for n in range(60)})
    barrier = threading.Barrier(len(views))

    def ask(view):
        barrier.wait()
        try:
            return [(row.id, row.value) for row in rows(f"d/v{view}")]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(views)) as pool:
        for view, found in enumerate(pool.map(ask, range(len(views)))):
            assert found == [(f"u{n:02}", view) for n in range(60)]


def test_without_mini_racer(monkeypatch):
    javascript.close()
    monkeypatch.setitem(sys.modules, "py_mini_racer", None)
    with pytest.raises(ImproperlyConfigured, match="django-cbtools"), javascript.engine():
        pass


PROGRAM = """
from django_cbtools.embedded import javascript
with javascript.engine() as engine:
    print(engine.call("sort", ["b", "a"]), flush=True)
"""
EXITS = {
    "at its end": ("", 0),
    "by an exception": ("    raise SystemExit(3)", 3),
    "after a run was stopped": (
        "with javascript.world(javascript.VIEW, 'f') as world:\n"
        "    world.call('compile', 'function () { for (;;); }')\n"
        "    try:\n"
        "        world.call('reduce', [], [], False, time_limit=0.01)\n"
        "    except javascript.JavaScriptTimeout:\n"
        "        pass",
        0,
    ),
}


@pytest.mark.torture
@pytest.mark.parametrize(("more", "status"), EXITS.values(), ids=EXITS)
def test_clean_exit(more, status):
    # Where Python hangs at the end, it does so in one of a few times.
    times = 4 if TORTURE else 2
    with ThreadPoolExecutor(times) as pool:
        for output in pool.map(lambda _: run("-c", PROGRAM + more, status=status), range(times)):
            assert output == "['a', 'b']\n"


IN_A_THREAD = """
import threading
from django_cbtools.embedded import javascript

def run():
    with javascript.world(javascript.SYNC, "f") as world:
        world.call("compile", "function () { for (var i = 0; i < 3000; i++); }", None)
        for _ in range(10):
            world.call("run", {}, None, None)

thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


def test_a_thread_that_is_older_than_v8_may_close_it():
    # It is the main thread that closes the engines at exit. V8 would end the process where the
    # processor has memory protection keys.
    run("-c", IN_A_THREAD)


def test_importing_does_not_start_v8():
    program = (
        "import sys\n"
        "import django_cbtools.embedded.api.gateway\n"
        "assert 'py_mini_racer' not in sys.modules\n"
    )
    assert run("-c", program) == ""


def test_forks():
    assert run("-m", "tests.gateway.v8.forks").splitlines() == [
        "parent", "child", "grandchild", "child of a parent that is using it", "worker",
        "parent again", "last child", "last grandchild",
    ]  # fmt: skip


def test_forked_server(tmp_path):
    documents = str(tmp_path / "documents.sqlite3")
    with forked_server("tests.gateway.v8.wsgi", tmp_path / "log", DOCUMENTS=documents) as server:
        url = server.address()

        def ask(text):
            answer = requests.get(f"{url}/{text}", timeout=60)
            assert answer.status_code == 200, server.log()
            worker = answer.json()["process"]
            assert answer.json()["found"] == [f"{worker}-{text}"]
            return worker

        server.ask_both(ask)
