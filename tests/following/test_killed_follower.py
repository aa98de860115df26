"""A follower that is killed, and whose gateway is down for a while, hands on each change at least
once, in order, and never notes more than it has done."""

from __future__ import annotations

import secrets
import signal
import threading
import time
from random import Random

import pytest

from django_cbtools.following.notes import Note
from django_cbtools.sync_gateway import SyncGateway
from tests.counts import SEED, TORTURE
from tests.following.processes import FollowerProcess, GatewayProcess
from tests.ports import free_ports

pytestmark = pytest.mark.torture

KILLS, DOCUMENTS = (30, 5000) if TORTURE else (3, 500)
_BULK = 10


class Writer:
    """Writes documents, and changes some of them again: a share in each turn."""

    def __init__(self, random):
        self.random = random
        self.revs = {}
        self.failure = None
        self.turns = threading.Semaphore(0)
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            for start in range(0, DOCUMENTS, _BULK):
                if start % (DOCUMENTS // KILLS // _BULK * _BULK) == 0:
                    self.turns.acquire()
                chosen = [f"atl_{number}" for number in range(start, start + _BULK)]
                chosen += self.random.sample(sorted(self.revs), min(len(self.revs), _BULK // 2))
                self._write(chosen)
        except Exception as error:
            self.failure = error

    def _write(self, uids):
        body = {"doc_type": "article", "channels": ["c"], "title": secrets.token_hex(8)}
        documents = [
            {"_id": uid, **body} | ({"_rev": self.revs[uid]} if uid in self.revs else {})
            for uid in uids
        ]
        for row in SyncGateway.bulk_docs(documents):
            self.revs[row["id"]] = row["rev"]


def handled(folder):
    """What has been handled, in order: uid, revision, sequence."""
    path = folder / "handled"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(uid, rev, int(seq)) for uid, rev, seq in map(str.split, lines)]


def check(folder):
    """The checkpoint has nothing before it that was not handled, and all was in order."""
    # Before the checkpoint is read, so that what is handled meanwhile does not count.
    changes = [(change.uid, change.rev, int(change.seq)) for change in SyncGateway.changes()]
    reached = int((Note("checkpoint", "default").read() or {"since": "0"})["since"])
    done = handled(folder)
    missing = {change for change in changes if change[2] <= reached}.difference(done)
    assert not missing, (reached, missing)
    last = {}
    for uid, rev, seq in done:
        generation = int(rev.partition("-")[0])
        assert last.get(uid, (0, 0)) <= (generation, seq), uid
        last[uid] = generation, seq
    return reached


def test_killed_follower(tmp_path, settings):
    print(f"seed {SEED}")
    random = Random(SEED)
    ports = free_ports(2)
    url, admin_url = (f"http://127.0.0.1:{port}" for port in ports)
    settings.SYNC_GATEWAY_URL, settings.SYNC_GATEWAY_ADMIN_URL = url, admin_url
    settings.COUCHBASE_DATABASE = "plain"
    settings.SYNC_GATEWAY_OPTIONS = {"deadline": 600, "retries": 1000}
    gateway = GatewayProcess(tmp_path, *ports)
    try:
        SyncGateway.put_admin_user()
        writer = Writer(Random(f"{SEED}/writer"))
        writer.thread.start()
        for number in range(KILLS):
            # It is killed at any time, from its first request to where it waits.
            with FollowerProcess(tmp_path, url, "--verbosity=0") as follower:
                follower.wait_until(lambda: follower.health()["state"])
                writer.turns.release()
                time.sleep(random.choice([0, 0.01, 0.1, 0.5, 1]) * random.random())
                if number == KILLS // 2:
                    gateway.end(signal.SIGKILL)
                    follower.wait_until(lambda: "waiting" in follower.health()["state"])
                    time.sleep(random.random())
                    gateway = GatewayProcess(tmp_path, *ports)
                    follower.wait_until(lambda: follower.health()["state"] == "following")
                how = signal.SIGKILL if number else signal.SIGTERM
                status = follower.end(how)
                assert status == (-signal.SIGKILL if number else 0), follower.log.read_text()
            reached = check(tmp_path)
            if not number:  # it was stopped in good order
                assert reached == max((seq for *_, seq in handled(tmp_path)), default=0)
        writer.turns.release(KILLS)
        writer.thread.join()
        if writer.failure:
            raise writer.failure
        with FollowerProcess(tmp_path, url, "--verbosity=0") as follower:
            follower.wait_until(lambda: follower.health()["state"] == "following")
            follower.wait_until(lambda: {*writer.revs.items()} <= _seen(tmp_path))
            assert follower.end(signal.SIGINT) == 0
            assert follower.health()["state"] == "stopped"
        check(tmp_path)
        assert len(writer.revs) == DOCUMENTS
        again = len(handled(tmp_path)) - len(set(handled(tmp_path)))
        print(f"{KILLS} kills, {len(handled(tmp_path))} changes handled, {again} of them again")
    finally:
        gateway.end()


def _seen(folder):
    return {(uid, rev) for uid, rev, _ in handled(folder)}
