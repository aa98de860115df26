"""A program of many threads that raise one counter, which all of them want at once.

Usage: python -m tests.sync_gateway.counter.raiser WHERE THREADS TIMES, where WHERE is the embedded
gateway's file or the address of a gateway, and TIMES is what all threads do together. It
begins when it reads a line, and prints how many attempts it took.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

if sys.argv[1].startswith("http"):
    settings.SYNC_GATEWAY_URL = sys.argv[1]
    settings.COUCHBASE_DATABASE = "plain"
else:
    settings.DATABASES["default"]["NAME"] = sys.argv[1]

import django

django.setup()

from django.db import connections  # noqa: E402

from django_cbtools.models import retry_on_conflict  # noqa: E402
from tests.testapp.models import CBEverything  # noqa: E402

UID = "counter"
attempts = itertools.count()


@retry_on_conflict(attempts=10_000, delay=0.02, backoff=1)
def raise_counter() -> None:
    next(attempts)
    counter = CBEverything(UID)
    counter.integer += 1
    counter.save()


def work(turns: Iterator[int]) -> None:
    try:
        for _ in turns:
            raise_counter()
    finally:
        connections.close_all()


def main(threads: int, times: int) -> None:
    turns = iter(range(times))
    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, [turns] * threads))
    print(next(attempts), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[2]), int(sys.argv[3]))
