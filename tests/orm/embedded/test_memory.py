"""A database in memory, as Django's test runner makes it, with threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connections, transaction

from django_cbtools.backends.embedded import memory
from django_cbtools.sync_gateway import SyncGateway

from ..models import Task

ALIAS = "memory"
THREADS, TIMES = 6, 20


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: Any, settings: Any) -> Iterator[Any]:
    """Documents are in a database in memory; one connection keeps it."""
    django_settings.DATABASES[ALIAS] = {
        "ENGINE": "django_cbtools.backends.embedded",
        "NAME": "file:memorydb_threads?mode=memory&cache=shared",
        "OPTIONS": {"timeout": 30},
    }
    connections.settings = connections.configure_settings(None)
    settings.COUCHBASE_DATABASE = ALIAS
    settings.DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
    connection: Any = connections[ALIAS]
    with django_db_blocker.unblock():
        connection.ensure_connection()
        yield connection
        connection.connection.close()
    del connections[ALIAS]
    del django_settings.DATABASES[ALIAS]


def in_threads(work: Any) -> None:
    """Call something with a number in each thread, until all are through; raises what it does."""

    def done(number: int) -> None:
        try:
            work(number)
        finally:
            # Django keeps connections to what is in memory. The thread may be given another number.
            connection: Any = connections[ALIAS]
            connection._close()
            connection.connection = None

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(done, range(THREADS)))


def test_all_saves_succeed(database: Any) -> None:
    def work(number: int) -> None:
        for time in range(TIMES):
            Task(uid=f"t{number}_{time}", name="x", channels=["c"]).save()
            assert Task.objects.filter(uid__startswith=f"t{number}_").count() == time + 1
            assert Task(f"t{number}_{time}").name == "x"

    in_threads(work)
    rows = SyncGateway.all_docs(None, really_all=True)["rows"]
    assert len(rows) == THREADS * TIMES


def test_transactions_wait_for_each_other(database: Any) -> None:
    Task(uid="t", name="0", channels=["c"]).save()

    def work(number: int) -> None:
        for _ in range(TIMES):
            with transaction.atomic(using=ALIAS):
                task = Task.objects.get(uid="t")
                task.name = str(int(task.name) + 1)
                task.save()

    in_threads(work)
    assert Task("t").name == str(THREADS * TIMES)


def test_a_reader_sees_what_is_committed(database: Any) -> None:
    is_written, seen = threading.Event(), []

    def work(number: int) -> None:
        if number:
            is_written.wait()
            seen.append(Task.objects.filter(uid="t").exists())
        else:
            with transaction.atomic(using=ALIAS):
                Task(uid="t", name="x", channels=["c"]).save()
                is_written.set()
                threading.Event().wait(0.2)
                assert not seen

    in_threads(work)
    assert seen == [True] * (THREADS - 1)


def test_the_timeout_holds(database: Any, monkeypatch: Any) -> None:
    database.settings_dict["OPTIONS"]["timeout"] = 0.1

    def work(number: int) -> None:
        with pytest.raises(OperationalError, match="locked"):
            Task.objects.exists()

    with transaction.atomic(using=ALIAS):
        Task(uid="t", name="x", channels=["c"]).save()
        in_threads(work)


@pytest.mark.parametrize(
    ("name", "is_shared"),
    [
        ("file:memorydb_default?mode=memory&cache=shared", True),
        (":memory:", False),
        ("file:x?mode=memory", False),
        ("db.sqlite3", False),
    ],
)
def test_is_shared(name: str, is_shared: bool) -> None:
    assert memory.is_shared(name) is is_shared
