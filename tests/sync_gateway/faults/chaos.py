"""Faults at random, and those that are planned for a document's next write."""

from __future__ import annotations

import threading
import time
from collections import Counter
from random import Random

from tests.sync_gateway.faults.proxy import FINE, Fault, Request, page

#: What can happen to any request.
ANY = [
    Fault("nothing"),
    Fault("nothing", reset=True),
    Fault("half"),
    Fault("all"),
    Fault("all", reset=True),
    Fault("all", "head"),
    Fault("all", "body"),
    Fault("all", "body", reset=True),
    Fault("nothing", page(429, Retry_After=0)),
    Fault("nothing", page(502)),
    Fault("nothing", page(503, Retry_After=0)),
    Fault("nothing", page(504)),
    Fault("all", page(502)),
    Fault("all", page(503, Retry_After=0)),
    Fault("all", page(504)),
]
#: What can happen to a write: a reader is not told from the answer that it is wrong.
WRITES = [
    *ANY,
    Fault("nothing", page(200)),
    Fault("all", page(200)),
    Fault("all", "unframed"),
    Fault("all", "empty"),
    Fault("all", "previous"),
    Fault("all", "repeated"),
    Fault("all", "swapped"),
]
#: Seconds for which a request that comes late goes on being late.
LATE = 0.03


class Chaos:
    """What a proxy does, by the ``seed``; a share of all requests (``rate``) does not go well, and
    a share of these come late.

    The same seed does the same to each document's requests, in whatever order threads come.
    """

    def __init__(self, seed: str, rate: float, late: float) -> None:
        self._seed = seed
        self._rate = rate
        self._late = late
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._plans: dict[str, Fault] = {}

    def plan(self, uid: str, fault: Fault) -> None:
        """Do this to the next write of a document."""
        with self._lock:
            assert uid not in self._plans
            self._plans[uid] = fault

    def has_happened(self, uid: str) -> bool:
        """Whether nothing is planned for a document."""
        return uid not in self._plans

    def __call__(self, request: Request) -> Fault:
        key = f"{request} {request.uids[:1]}"
        with self._lock:
            for uid in request.uids:
                if uid in self._plans:
                    return self._plans.pop(uid)
            self._counts[key] += 1
            random = Random(f"{self._seed} {key} {self._counts[key]}")
        if random.random() >= self._rate:
            return FINE
        if random.random() < self._late:
            delay = random.uniform(0, LATE)
            return Fault("late", then=lambda: time.sleep(delay))
        return random.choice(WRITES if request.is_write else ANY)
