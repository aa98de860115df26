"""Two users of one server, one of them hostile: what is left to the other."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import threading
import time
from urllib.parse import urlsplit

import pytest

from tests.counts import TORTURE
from tests.gateway.fuzz.process import ServerProcess

pytestmark = pytest.mark.torture

#: How long (seconds) the polite user works, alone and beside the other.
DURATION = 1.0 if TORTURE else 0.4
#: How much less he may get done then, on a busy machine with few cores, and how much longer one
#: of his requests may take than the longest did.
ROOM = 200
#: What counts as the longest at least: below that, chance decides.
FAST = 0.02
SYNC = """function (doc) {
  if (doc.slow) for (var end = Date.now() + doc.slow; Date.now() < end; );
  channel("all");
}"""
#: Documents that are there, and those of an attack.
HELD, MANY = (2000, 30_000) if TORTURE else (500, 10_000)


class User:
    """A client who logs in with each request ('': an administrator)."""

    def __init__(self, server, name):
        public, admin = server.urls
        self._host = urlsplit(public if name else admin).netloc
        login = base64.b64encode(f"{name}:secret".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}"} if name else {}
        self._connection = http.client.HTTPConnection(self._host)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body)
        self._connection.request(method, path, data, self._headers)
        answer = self._connection.getresponse()
        data = answer.read()
        assert answer.status in (200, 201), (method, path, answer.status, data[:500])
        return json.loads(data) if data else None

    def close(self):
        self._connection.close()


def slow_functions(user, number):
    docs = [{"_id": f"slow{number}.{n}", "slow": 1900} for n in range(25)]
    user.ask("POST", "/db/_bulk_docs", {"docs": docs})


def many_documents(user, number):
    docs = [{"_id": f"many{number}.{n}"} for n in range(MANY)]
    user.ask("POST", "/db/_bulk_docs", {"docs": docs})


def one_document(user, number):
    """The same one again and again, each of the edits in a transaction of its own."""
    docs = [{"_id": "one", "_rev": "1-x", "n": n} for n in range(MANY)]
    user.ask("POST", "/db/_bulk_docs", {"docs": docs})


def views(user, number):
    for again in itertools.count():
        name = f"v{number}x{again}"
        source = f"function (doc, meta) {{ for (var i = 0; i < 50; i++) emit(i, '{name}'); }}"
        user.ask("PUT", f"/db/_design/{name}", {"views": {"v": {"map": source}}})
        user.ask("GET", f"/db/_design/{name}/_view/v?stale=false&limit=1")


ATTACKS = {
    "slow functions": (slow_functions, "mallory"), "many documents": (many_documents, "mallory"),
    "one document": (one_document, "mallory"), "views": (views, ""),
}  # fmt: skip


def polite(server, duration):
    """How many documents somebody writes and reads, and how long the worst of it took."""
    user = User(server, "alice")
    until = time.monotonic() + duration
    done, worst = 0, 0.0
    while time.monotonic() < until:
        started = time.monotonic()
        uid = f"polite{time.time_ns()}"
        user.ask("PUT", f"/db/{uid}", {})
        user.ask("GET", f"/db/{uid}")
        worst = max(worst, time.monotonic() - started)
        done += 1
    user.close()
    return done, worst


@pytest.mark.parametrize(("attack", "who"), ATTACKS.values(), ids=ATTACKS)
def test_a_polite_user_beside_a_hostile_one(tmp_path, attack, who):
    with ServerProcess(tmp_path / "f.sqlite3") as server:
        admin = User(server, "")
        admin.ask("PUT", "/db/", {"bucket": "db", "sync": SYNC})
        for name in ("alice", "mallory"):
            admin.ask("PUT", f"/db/_user/{name}", {"password": "secret", "admin_channels": ["*"]})
        admin.ask("POST", "/db/_bulk_docs", {"docs": [{"_id": f"d{n}"} for n in range(HELD)]})
        admin.close()
        polite(server, 0.1)
        alone, worst_alone = polite(server, DURATION)

        def attacks(number):
            user = User(server, who)
            try:
                while True:
                    attack(user, number)
            except (OSError, http.client.HTTPException):
                pass  # the server is gone
            finally:
                user.close()

        threads = [threading.Thread(target=attacks, args=[n], daemon=True) for n in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        beside, worst = polite(server, DURATION)
        print(f"alone {alone} ({worst_alone:.3f} s), beside {beside} ({worst:.3f} s)")
        server.kill()
        for thread in threads:
            thread.join()
    assert beside * ROOM > alone
    assert worst < ROOM * max(worst_alone, DURATION / alone, FAST)
