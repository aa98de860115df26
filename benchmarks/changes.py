"""Following changes over HTTP, beside reading the raw feed with the same documents."""

from __future__ import annotations

import json
import tempfile
from typing import Any
from urllib.parse import quote

from .timing import report, timed

DOCUMENTS, RUNS = 5000, 3


def changes(count: int = DOCUMENTS) -> None:
    """The command with one receiver, at an embedded gateway of its own."""
    from .gateway import in_settings

    with tempfile.TemporaryDirectory() as folder, in_settings(folder) as public:
        measure(public, count)


def measure(url: str, count: int) -> None:
    import requests
    from django.core.management import call_command

    from benchmarks.app.models import CBAirport
    from django_cbtools import conf
    from django_cbtools.signals import cb_changed
    from django_cbtools.sync_gateway import SyncGateway

    SyncGateway.put_admin_user()
    SyncGateway.save_documents(
        [CBAirport(channels=["DK"], name=f"Aarhus {n}", country="DK") for n in range(count)]
    )
    session = requests.Session()
    session.auth = (conf.get("SYNC_GATEWAY_USER"), conf.get("SYNC_GATEWAY_PASSWORD"))
    address = f"{url}/{quote(conf.get('SYNC_GATEWAY_BUCKET'))}/_changes"
    heard: list[Any] = []

    def receiver(instance: Any, **kwargs: Any) -> None:
        heard.append(instance.uid)

    def raw() -> None:
        answer = session.get(address, params={"include_docs": "true"}, timeout=60)
        assert len(json.loads(answer.content)["results"]) >= count

    def rows() -> None:
        for _ in SyncGateway.changes(include_docs=True):
            pass

    def follow() -> None:
        call_command("follow_sg_changes", once=True, since="0", verbosity=0)

    reading, iterating = timed(raw, RUNS), timed(rows, RUNS)
    cb_changed.connect(receiver, CBAirport)
    try:
        following = timed(follow, RUNS)
    finally:
        cb_changed.disconnect(receiver, CBAirport)
    assert len(heard) == count * RUNS
    print(f"\n{count} changes over HTTP, with their documents:")
    report("SyncGateway.changes(), beside the raw feed", iterating, reading)
    report("follow_sg_changes, beside the raw feed", following, reading)
    print(f"follow_sg_changes: {count / following:.0f} changes a second", flush=True)


if __name__ == "__main__":
    import django

    django.setup()
    changes()
