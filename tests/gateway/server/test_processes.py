"""Processes, threads and transactions over one SQLite file: everybody waits for everybody, and
what has been acknowledged is there."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import ExitStack, closing

import pytest
from django.core.signals import request_finished, request_started
from django.db import connection, connections, transaction
from django.db.transaction import TransactionManagementError
from django.test import TestCase, TransactionTestCase

from django_cbtools.exceptions import SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from tests.counts import TORTURE
from tests.gateway.server.processes import Process, end_all
from tests.testapp.models import CBArticle

WRITE = """
saved = articles(20)
for article in saved:
    article.save()
for _ in range(2):
    batch = articles(100)
    CBArticle.objects.bulk_create(batch)
    saved += batch
say(*(article.uid for article in saved))
"""
HOLD = """
with transaction.atomic():
    (article,) = articles(1)
    article.save()
    say("holding")
    sys.stdin.readline()
say(article.uid)
"""
FOREVER = """
for number in range(10_000):
    CBArticle.objects.bulk_create([
        CBArticle(uid=f"{sys.argv[2]}-{number}-{n}", title="x" * 200, channels=["a"])
        for n in range(200)
    ])
    say(number)
"""
#: Forks before the file is there, time and again: all children make it at once.
RACE = """
from django_cbtools.sync_gateway.transport import in_process  # not in each child

for number in range(int(sys.argv[2])):
    connection.settings_dict["NAME"] = f"{sys.argv[1]}{number}"
    read, write = os.pipe()
    children = []
    for _ in range(4):
        child = os.fork()
        if not child:
            os.close(write)
            os.read(read, 1)  # until the parent closes its end
            try:
                articles(1)[0].save()
                os._exit(0)
            except BaseException as error:
                print(repr(error), file=sys.stderr)
                os._exit(1)
        children.append(child)
    os.close(read)
    os.close(write)
    say(*(os.waitpid(child, 0)[1] for child in children))
"""


@pytest.fixture(scope="module", autouse=True)
def _end_of_processes():
    yield
    end_all()


def _rows(path, sql):
    with closing(sqlite3.connect(path)) as reader:
        return reader.execute(sql).fetchall()


def _check_file(path):
    assert _rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert _rows(path, "SELECT count(*) FROM cbtools_documents WHERE NOT json_valid(body)") == [
        (0,)
    ]
    ((count, distinct, last),) = _rows(
        path, "SELECT count(*), count(DISTINCT sequence), max(sequence) FROM cbtools_documents"
    )
    assert count == distinct
    assert _rows(path, "SELECT count(*), max(sequence) FROM cbtools_databases") == [(1, last)]


# ------------------------------------------------------------------ processes


def test_processes_write_at_once(tmp_path):
    """They make the file at once, too."""
    path = tmp_path / "documents.sqlite3"
    with ExitStack() as stack:
        processes = [Process(WRITE, path, str(number)) for number in range(3)]
        for process in processes:
            stack.enter_context(process)
        for process in processes:
            process.go()
        acknowledged = [uid for process in processes for uid in process.line().split()]
    assert len(acknowledged) == 3 * 220
    stored = [uid for (uid,) in _rows(path, "SELECT uid FROM cbtools_documents ORDER BY sequence")]
    assert sorted(stored) == sorted(acknowledged)
    _check_file(path)
    # Each process's own documents are in the order that it wrote them in.
    for number in range(3):
        own = acknowledged[number * 220 : (number + 1) * 220]
        assert [uid for uid in stored if uid in set(own)] == own


@pytest.mark.torture
def test_processes_make_the_file_at_once(tmp_path):
    rounds = 100 if TORTURE else 4
    path = tmp_path / "documents.sqlite3"
    with Process(RACE, path, str(rounds), is_new=True) as process:
        process.go()
        for number in range(rounds):
            assert process.line() == "0 0 0 0"
            _check_file(f"{path}{number}")


def test_writer_waits_for_a_long_transaction(tmp_path):
    path = tmp_path / "documents.sqlite3"
    write = "(article,) = articles(1)\nsay('writing')\narticle.save()\nsay(article.uid)"
    with Process(HOLD, path, "first") as holder, Process(write, path, "second") as writer:
        holder.go()
        assert holder.line() == "holding"
        writer.go()
        assert writer.line() == "writing"
        time.sleep(0.3)  # it has to wait for a while
        holder.go()
        first = holder.line()
        second = writer.line()
    rows = _rows(path, "SELECT uid FROM cbtools_documents ORDER BY sequence")
    assert rows == [(first,), (second,)]


def test_reader_does_not_wait(tmp_path):
    path = tmp_path / "documents.sqlite3"
    read = "say(CBArticle.objects.count())\nsay(CBArticle.objects.count())"
    with Process(HOLD, path, "first") as holder, Process(read, path, "second") as reader:
        holder.go()
        assert holder.line() == "holding"
        reader.go()
        assert reader.line() == "0"
        assert reader.line() == "0"
        assert _rows(path, "SELECT count(*) FROM cbtools_documents") == [(0,)]
        holder.go()
        assert holder.line()


@pytest.mark.torture
@pytest.mark.parametrize(
    "delay",
    [number / 100 for number in range(40)] if TORTURE else [0.1],
)
def test_killed_process_loses_nothing_that_was_acknowledged(delay, tmp_path):
    path = tmp_path / "documents.sqlite3"
    with Process(FOREVER, path, "a") as process, Process(FOREVER, path, "b") as other:
        process.go()
        other.go()
        said = {"a": [process.line()], "b": [other.line()]}
        time.sleep(delay)
        said["a"] += process.kill()
        said["b"] += [other.line(), other.line()]  # goes on undisturbed
        said["b"] += other.kill()
    for name, acknowledged in said.items():
        assert acknowledged == [str(number) for number in range(len(acknowledged))]
        batches = dict(
            _rows(
                path,
                "SELECT substr(uid, 3, instr(substr(uid, 3), '-') - 1) AS batch, count(*) "
                f"FROM cbtools_documents WHERE uid LIKE '{name}-%' GROUP BY batch",
            )
        )
        assert set(batches) >= set(acknowledged)
        assert set(batches.values()) == {200}
        assert len(batches) <= len(acknowledged) + 1
    _check_file(path)
    with Process("articles(1)[0].save()\nsay('saved')", path, "next") as process:
        process.go()
        assert process.line() == "saved"
    _check_file(path)


def test_waiting_comes_to_an_end(tmp_path, settings, monkeypatch, django_db_blocker):
    """Who holds the file for longer than the timeout is told of, with the file's name."""
    path = tmp_path / "documents.sqlite3"
    config = {**connections["default"].settings_dict, "NAME": path, "OPTIONS": {"timeout": 0.1}}
    monkeypatch.setitem(settings.DATABASES, "file", config)
    settings.COUCHBASE_DATABASE = "file"
    with django_db_blocker.unblock():
        kept = CBArticle(title="Kept", channels=["a"])
        kept.save()
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(SyncGatewayUnavailable, match="database is locked"):
                CBArticle(channels=["a"]).save()
            assert CBArticle(kept.uid).title == "Kept"
        CBArticle(channels=["a"]).save()
        assert CBArticle.objects.using("file").count() == 2
        connections["file"].close()
        del connections["file"]


# --------------------------------------------------------------- transactions


class RollBackTest(TestCase):
    """Two methods see nothing of each other, in whatever order they run."""

    @classmethod
    def setUpTestData(cls):
        cls.shared = CBArticle(uid="shared", title="Shared", channels=["a"])
        cls.shared.save()

    def _write(self):
        self.assertEqual(CBArticle.objects.count(), 1)
        self.assertEqual(SyncGateway.get_users(), [])
        self.assertEqual(CBArticle("shared").title, "Shared")
        CBArticle(uid="own", channels=["a"]).save()
        CBArticle.objects.bulk_create([CBArticle(channels=["a"]), CBArticle(channels=["a"])])
        SyncGateway.put_user("alice", password="secret")
        self.shared.title = "Changed"
        self.shared.save()
        self.assertEqual(CBArticle.objects.count(), 4)
        self.assertEqual(CBArticle("own").title, None)

    def test_first(self):
        self._write()

    def test_second(self):
        self._write()


class FlushTest(TransactionTestCase):
    """Documents are emptied like tables."""

    def _write(self):
        self.assertEqual(CBArticle.objects.count(), 0)
        self.assertEqual(SyncGateway.get_users(), [])
        CBArticle(uid="own", channels=["a"]).save()
        SyncGateway.put_user("alice", password="secret")

    def test_first(self):
        self._write()

    def test_second(self):
        self._write()


@pytest.mark.django_db(transaction=True)
def test_rollback_takes_documents_back():
    kept = CBArticle(title="Kept", channels=["a"])
    kept.save()
    with transaction.atomic():
        kept.title = "Changed"
        kept.save()
        CBArticle(uid="new", channels=["a"]).save()
        with transaction.atomic():
            CBArticle(uid="newer", channels=["a"]).save()
        assert CBArticle.objects.count() == 3
        transaction.set_rollback(True)
    assert CBArticle.objects.count() == 1
    assert CBArticle(kept.uid).title == "Kept"
    CBArticle(uid="new", channels=["a"]).save()
    assert CBArticle.objects.count() == 2


@pytest.mark.django_db
def test_savepoint_takes_back_what_is_inside():
    with transaction.atomic():
        CBArticle(uid="outside", channels=["a"]).save()
        with transaction.atomic():
            CBArticle(uid="inside", channels=["a"]).save()
            transaction.set_rollback(True)
    assert [article.uid for article in CBArticle.objects.all()] == ["outside"]


@pytest.mark.django_db(transaction=True)
def test_refused_write_leaves_the_transaction_usable():
    with transaction.atomic():
        CBArticle(uid="first", channels=["a"]).save()
        with pytest.raises(Exception, match="Document exists"):
            CBArticle(uid="first", channels=["a"]).save()
        CBArticle(uid="second", channels=["a"]).save()
    assert CBArticle.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_write_in_a_broken_transaction_says_so():
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError, match="end of the 'atomic' block"):
            CBArticle(uid="x", channels=["a"]).save()
    assert CBArticle.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_requests_one_after_another_on_a_thread():
    """Django may close the connection after each."""
    found = []

    def serve():
        for number in range(5):
            request_started.send(sender=None, environ={})
            CBArticle(uid=f"d{number}", channels=["a"]).save()
            found.append(CBArticle.objects.count())
            if number == 2:
                connection.close()
            request_finished.send(sender=None)
        connections.close_all()

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    assert found == [1, 2, 3, 4, 5]
    assert CBArticle.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_versions_and_sequences_only_grow(monkeypatch):
    """Even where the clock goes back."""
    with connection.cursor() as cursor:
        seen = []
        for now in (2_000_000_000, 1_000_000_000, 1_500_000_000, 2_000_000_001):
            monkeypatch.setattr(time, "time_ns", lambda now=now: now * 10**9)
            CBArticle.objects.bulk_create([CBArticle(channels=["a"]) for _ in range(3)])
            cursor.execute("SELECT sequence, cv FROM cbtools_documents ORDER BY sequence")
            seen = cursor.fetchall()
    assert len(seen) == 12
    versions = [int(cv.partition("@")[0], 16) for _, cv in seen]
    assert versions == sorted(set(versions))
