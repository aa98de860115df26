"""The client over HTTP: what the library adds to a bare request of the same JSON.

``make bench`` asks the embedded gateway in a process of its own; ``make bench-live``, this module
as a program, the gateway that the settings name.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from .timing import report

ROUNDS, WRITES = 12, 100
AIRPORT = {"name": "Aarhus", "city": "Aarhus", "country": "DK", "tz": "Europe/Copenhagen"}


def main() -> None:
    import django

    django.setup()
    from django_cbtools import conf
    from django_cbtools.sync_gateway import SyncGateway
    from django_cbtools.tests import clean_buckets

    SyncGateway.put_admin_user()
    measure(conf.urls("SYNC_GATEWAY_URL")[0])
    clean_buckets()


def client() -> None:
    """Measure at an embedded gateway of its own."""
    from django.test.utils import override_settings

    from django_cbtools.sync_gateway import SyncGateway

    from .gateway import Gateway

    with tempfile.TemporaryDirectory() as folder:
        server = Gateway(folder)
        public, admin = server.urls
        with override_settings(
            SYNC_GATEWAY_URL=public,
            SYNC_GATEWAY_ADMIN_URL=admin,
            SYNC_GATEWAY_USER="bench",
            SYNC_GATEWAY_PASSWORD="bench password",
            COUCHBASE_DATABASE="plain",
        ):
            SyncGateway.put_admin_user()
            measure(public)
        server.close()


def measure(url: str) -> None:
    import requests

    from benchmarks.app.models import CBAirport
    from django_cbtools import conf
    from django_cbtools.models import load_objects

    example = CBAirport(channels=["DK"], **AIRPORT)
    example.save()
    body = example.to_dict()
    session = requests.Session()
    session.auth = (conf.get("SYNC_GATEWAY_USER"), conf.get("SYNC_GATEWAY_PASSWORD"))
    database = f"{url}/{quote(conf.get('SYNC_GATEWAY_BUCKET'))}"

    def put() -> None:
        session.put(f"{database}/apt_{uuid.uuid4().hex}", json=body, timeout=30).raise_for_status()

    def post() -> None:
        query = {"include_docs": "true"}
        asked = {"keys": [example.uid]}
        session.post(f"{database}/_all_docs", params=query, json=asked, timeout=30).json()

    documents = iter([CBAirport(channels=["DK"], **AIRPORT) for _ in range(ROUNDS * WRITES)])
    bare, saving = beside(put, lambda: next(documents).save())
    report("save() over HTTP, beside Session.put", saving, bare, 1)
    bare, loading = beside(post, lambda: load_objects([example.uid], CBAirport))
    report("load over HTTP, beside Session.post to _all_docs", loading, bare)


def beside(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of one call of each, in the best of rounds that take turns."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for index, work in enumerate((one, other)):
            started = time.perf_counter()
            for _ in range(WRITES):
                work()
            best[index] = min(best[index], (time.perf_counter() - started) / WRITES)
    return best[0], best[1]


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.live")
    main()
