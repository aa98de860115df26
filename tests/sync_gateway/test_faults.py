"""A line that breaks all the time: nothing is lost, nothing is doubled, and no conflict is false.

FUZZ_SEED repeats a run (as far as threads allow), FAULTS_WRITES and FAULTS_THREADS say how much.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from django_cbtools.sync_gateway import SyncGateway
from tests.counts import SEED, TORTURE
from tests.gateway.fuzz import store
from tests.gateway.fuzz.process import ServerProcess
from tests.sync_gateway.faults.chaos import WRITES, Chaos
from tests.sync_gateway.faults.proxy import FINE, Proxy
from tests.sync_gateway.faults.rival import Rival
from tests.sync_gateway.faults.workload import Run

pytestmark = pytest.mark.torture

WRITES_WANTED = int(os.environ.get("FAULTS_WRITES", "100000" if TORTURE else "1200"))
THREADS = int(os.environ.get("FAULTS_THREADS", "8"))
#: Each of these is only reached where many requests fail.
OPTIONS = {"timeout": 1, "retries": 20, "backoff": 0.005, "deadline": 600, "pool_size": THREADS}
EVERYTHING = {(fault.reaches, fault.answer, fault.reset) for fault in (*WRITES, FINE)}
EVERYTHING.add(("late", "nothing", False))


def test_no_write_is_lost_nor_doubled(tmp_path, settings):
    print(f"seed {SEED}")
    file = tmp_path / "documents.sqlite3"
    chaos = Chaos(SEED, rate=0.15, late=0.02)
    with ServerProcess(file) as server:
        rival = Rival(server.urls[1])
        assert rival.ask("POST", "/_config", {"revs_limit": 10_000})[0] == 201
        with Proxy(server.urls[0]) as proxy:
            settings.SYNC_GATEWAY_URL = proxy.url
            settings.SYNC_GATEWAY_ADMIN_URL = server.urls[1]
            settings.SYNC_GATEWAY_OPTIONS = OPTIONS
            settings.COUCHBASE_DATABASE = "plain"
            SyncGateway.put_admin_user()
            proxy.choose = chaos
            run = Run(SEED, chaos, proxy, rival, THREADS)
            run.work(WRITES_WANTED)
            # Until all that can go wrong did, however the dice fall.
            while missing := EVERYTHING - _happened(proxy).keys():
                assert run.counts["writes"] < 3 * WRITES_WANTED, missing
                run.work(WRITES_WANTED // 10)
            proxy.wait_until_idle()
            happened = _happened(proxy)
            run.check()
            writes, conflicts = run.ledger.counts
            print(
                f"{len(proxy.seen)} requests, {len(proxy.seen) - happened['all', 'all', False]} "
                f"faults; {writes} writes were acknowledged, {conflicts} conflicts; {run.counts}"
            )
        assert server.stop() == 0
        assert server.log() == ""
    store.check(file)


def _happened(proxy):
    return Counter((fault.reaches, fault.answer, fault.reset) for _, fault in proxy.seen)
