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
from functools import partial
from typing import Any
from urllib.parse import quote

from .timing import report, timed

ROUNDS, WRITES = 12, 100
BULK, BULK_ROUNDS = 1000, 3
MB = 1024 * 1024
LARGE = 200 * MB
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
    from django_cbtools.sync_gateway import SyncGateway

    from .gateway import in_settings

    with tempfile.TemporaryDirectory() as folder, in_settings(folder) as public:
        SyncGateway.put_admin_user()
        measure(public)
        attachments(public, folder)


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

    def made() -> list[Any]:
        return [CBAirport(channels=["DK"], **AIRPORT) for _ in range(BULK)]

    def in_bulk(airports: list[Any]) -> None:
        assert CBAirport.objects.bulk_save(airports).saved == BULK

    def one_by_one(airports: list[Any]) -> None:
        for airport in airports:
            airport.save()

    bulk, single = (
        min(timed(partial(work, made())) for _ in range(BULK_ROUNDS))
        for work in (in_bulk, one_by_one)
    )
    report(f"{BULK} saves in bulk, beside one by one over HTTP", bulk, single, 0.15)


def attachments(url: str, folder: str) -> None:
    """A large attachment up and down, beside bare requests; and the memory that it takes."""
    import requests

    from django_cbtools import conf
    from django_cbtools.sync_gateway import SyncGateway

    path, other = os.path.join(folder, "large"), os.path.join(folder, "other")
    for each in (path, other):  # the same contents are stored once
        with open(each, "wb") as file:
            for _ in range(LARGE // MB):
                file.write(os.urandom(MB))
    session = requests.Session()
    session.auth = (conf.get("SYNC_GATEWAY_USER"), conf.get("SYNC_GATEWAY_PASSWORD"))
    database = f"{url}/{quote(conf.get('SYNC_GATEWAY_BUCKET'))}"

    def read(file: Any) -> None:
        while file.read(64 * 1024):
            pass

    def put() -> None:
        with open(other, "rb") as file:
            session.put(f"{database}/bare/large", data=file, timeout=600).raise_for_status()

    def get() -> None:
        with session.get(f"{database}/bare/large", stream=True, timeout=600) as response:
            read(response.raw)

    def put_attachment() -> None:
        with open(path, "rb") as file:
            SyncGateway.put_attachment("ours", "large", file)

    def get_attachment() -> None:
        found = SyncGateway.get_attachment("ours", "large")
        assert found is not None
        with found:
            read(found)

    started = _most_memory()
    ours = timed(put_attachment), timed(get_attachment)
    more = (_most_memory() - started) / MB
    size = f"{LARGE // MB} MB attachment"
    report(f"{size} up, beside Session.put", ours[0], timed(put))
    report(f"{size} down, beside Session.get", ours[1], timed(get))
    print(f"{size} up and down takes {more:.1f} MB more   (aim: 32 MB at most)", flush=True)


def _most_memory() -> int:
    """The most memory (bytes) that this process has taken so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


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
