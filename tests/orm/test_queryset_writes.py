"""Writes by QuerySets: what they keep in memory, transactions, test classes."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections, models, transaction
from django.db.models import F
from django.test import TestCase

from django_cbtools.embedded import schema
from django_cbtools.exceptions import SyncGatewayBulkError, SyncGatewayConflict
from django_cbtools.models import CouchbaseModel, DocumentExists
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.documents.documents import Documents
from tests.testapp.models import CBArticle, CBAuthor

ROOT = Path(__file__).parents[2]
SITE = Path(__file__).parent / "writing_site"


class CBPlainly(CouchbaseModel):
    """A document with one of Django's own managers."""

    class Meta:
        abstract = True

    doc_type = "plainly"
    name = models.CharField(max_length=10)

    plain = models.Manager()


def saved(count, **values):
    return CBAuthor.objects.bulk_create(
        CBAuthor(uid=f"{n:04}", name="old", channels=["c"], **values) for n in range(count)
    )


WRITES = {
    "update": lambda: CBAuthor.objects.update(name="new"),
    "computed": lambda: CBAuthor.objects.update(name=F("uid")),
    "delete": lambda: CBAuthor.objects.all().delete(),
    "hard_delete": lambda: CBAuthor.objects.all().hard_delete(),
    "undelete": lambda: CBAuthor.all_objects.all().undelete(),
    "bulk_update": lambda: CBAuthor.objects.bulk_update(
        CBAuthor.objects.all(), ["name"], batch_size=1000
    ),
}


@pytest.fixture
def few_objects():
    """The collector looks at what is made from here on, and not at all there is."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("how", ["update", "delete", "hard_delete"])
def test_documents_are_loaded_batch_by_batch(db, few_objects, monkeypatch, how):
    saved(30)
    monkeypatch.setattr("django_cbtools.sync_gateway.documents.documents.BULK_COUNT", 10)
    loaded = []
    bulk_docs = SyncGateway.bulk_docs

    def counting(docs):
        gc.collect()
        loaded.append(sum(type(found) is CBAuthor for found in gc.get_objects()))
        return bulk_docs(docs)

    monkeypatch.setattr(Documents, "bulk_docs", counting)
    before = sum(type(found) is CBAuthor for found in gc.get_objects())
    WRITES[how]()
    assert len(loaded) == 3
    assert max(loaded) - before <= 20


def test_django_managers_write_through_the_gateway_too(db):
    made = CBPlainly.plain.bulk_create([CBPlainly(name=str(n), channels=["c"]) for n in range(3)])
    assert [document.rev[:2] for document in made] == ["1-"] * 3
    with pytest.raises(SyncGatewayBulkError), transaction.atomic():
        CBPlainly.plain.bulk_create(made)
    CBPlainly.plain.bulk_create(made, ignore_conflicts=True)
    assert CBPlainly.plain.filter(name__gte="1").update(name=F("name")) == 2
    assert CBPlainly(made[2].uid).rev[:2] == "2-"
    assert CBPlainly.plain.filter(name="0").delete() == (1, {CBPlainly._meta.label: 1})
    assert CBPlainly(made[0].uid).st_deleted


def test_documents_are_in_one_database(db):
    author = CBAuthor(name="Ann", channels=["c"])
    author.save(using="default")
    for write in (
        lambda: author.save(using="plain"),
        lambda: CBAuthor.objects.using("plain").create(channels=["c"]),
        lambda: CBAuthor.objects.using("plain").update(name="x"),
        lambda: CBAuthor.objects.using("plain").delete(),
    ):
        with pytest.raises(ImproperlyConfigured, match="DocumentRouter"):
            write()


def test_writes_without_an_orm(gateway_by_http):
    """By a gateway over HTTP: what needs no query works, and what does says so."""
    author = CBAuthor.objects.bulk_create([CBAuthor(uid="a", name="Ann", channels=["c"])])[0]
    author.name = "Bob"
    author.save(update_fields=["name"])
    assert CBAuthor.objects.bulk_update([author], ["name"]) == 1
    with pytest.raises(DocumentExists):
        CBAuthor(uid="a", channels=["c"]).save(force_insert=True)
    author.delete()
    author.undelete()
    author.hard_delete()
    assert SyncGateway.all_docs(["a"])["rows"][0]["error"] == "not_found"
    with pytest.raises(ImproperlyConfigured):
        CBAuthor.objects.update(name="x")
    with pytest.raises(ImproperlyConfigured):
        CBAuthor.objects.all().delete()


class Undo(Exception):
    pass


@pytest.mark.parametrize(
    "write",
    [
        *WRITES.values(),
        lambda: CBAuthor.objects.create(uid="new", channels=["c"]),
        lambda: CBAuthor.objects.get_or_create(uid="new", defaults={"channels": ["c"]}),
        lambda: CBAuthor.objects.update_or_create(uid="0001", defaults={"name": "x"}),
        lambda: CBAuthor.objects.bulk_create([CBAuthor(channels=["c"])]),
        lambda: CBAuthor("0001").hard_delete(),
        lambda: CBAuthor("0001").save(update_fields=["name"]),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_writes_are_rolled_back_with_the_transaction(write):
    saved(3)
    CBAuthor("0002").delete()
    before = SyncGateway.all_docs(None, really_all=True)
    with pytest.raises(Undo), transaction.atomic():  # noqa: PT012
        write()
        assert SyncGateway.all_docs(None, really_all=True) != before
        raise Undo
    assert SyncGateway.all_docs(None, really_all=True) == before


@pytest.mark.django_db(transaction=True)
def test_what_is_refused_rolls_nothing_back_but_what_the_program_rolls_back():
    saved(3)
    stale = CBAuthor("0001")
    CBAuthor("0001").save()
    fresh = CBAuthor("0000")
    fresh.name = stale.name = "new"
    with transaction.atomic(), pytest.raises(SyncGatewayBulkError):
        CBAuthor.objects.bulk_update([fresh, stale], ["name"])
    assert [author.name for author in CBAuthor.objects.order_by("uid")] == ["new", "old", "old"]


@pytest.mark.django_db(transaction=True)
def test_two_that_get_or_create_at_once():
    """Threads that race for one uid: one makes the document, and all have it."""
    barrier, found = threading.Barrier(6), []

    def work(number):
        try:
            barrier.wait()
            found.append(
                CBAuthor.objects.get_or_create(
                    uid="race", defaults={"name": str(number), "channels": ["c"]}
                )
            )
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created for _, created in found) == [False] * 5 + [True]
    assert {author.name for author, _ in found} == {CBAuthor("race").name}
    assert CBAuthor("race").rev[:2] == "1-"


@pytest.mark.django_db(transaction=True)
def test_rivals_update_and_nothing_is_lost():
    """Threads that count documents up: what is counted is what they were not refused."""
    saved(5)
    CBArticle.objects.bulk_create(
        CBArticle(uid=f"{n}", year_published=0, channels=["c"]) for n in range(5)
    )
    counted, refused = [], []

    def work():
        try:
            for _ in range(4):
                try:
                    counted.append(CBArticle.objects.update(year_published=F("year_published") + 1))
                except SyncGatewayBulkError as error:
                    refused.extend(map(type, error.errors.values()))
                    counted.append(5 - len(error.errors))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(refused) <= {SyncGatewayConflict}
    assert sum(counted) == sum(CBArticle.objects.values_list("year_published", flat=True))


class SharedDocuments(TestCase):
    """The class's documents are each method's own, as Django's instances are."""

    @classmethod
    def setUpTestData(cls):
        cls.author = CBAuthor.objects.create(name="Ann", extra={"x": [1]}, channels=["c"])
        cls.article = CBArticle.objects.create(author=cls.author, tags=["a"], channels=["c"])

    def check(self):
        assert self.author.extra == {"x": [1]}
        assert self.article.author is self.author
        self.author.extra["x"].append(2)
        self.article.tags.append("b")
        for document in (self.author, self.article):
            document.save()
            document.save(update_fields=["channels"])
        assert CBArticle.objects.get().tags == ["a", "b"]

    def test_first(self):
        self.check()

    def test_second(self):
        self.check()


def test_what_is_serialized_comes_back(db):
    """Revisions, undeclared keys, users, attachments: the gateway's tables as they were."""
    author = CBAuthor(uid="a", name="Ann", extra={"x": "é"}, channels=["c"])
    author.save()
    CBAuthor.objects.create(uid="b", channels=["c"]).delete()
    CBAuthor.objects.create(uid="c", channels=["c"]).hard_delete()
    SyncGateway.save_json(
        "d", {"channels": ["c"], "_attachments": {"f": {"data": "AAEC/w=="}}}
    )  # fmt: skip
    SyncGateway.put_user("ann", "ann@example.com", "secret")

    def rows():
        with connection.cursor() as cursor:
            return {
                table: cursor.execute(f"SELECT * FROM {table}").fetchall()
                for table in schema.TABLES
            }

    before, text = rows(), connection.creation.serialize_db_to_string()
    author.save()
    CBAuthor.all_objects.all().hard_delete()
    CBAuthor.objects.create(uid="e", channels=["c"])
    SyncGateway.delete_user("ann")
    connection.creation.deserialize_db_from_string(text)
    assert rows() == before
    assert CBAuthor("a").extra == {"x": "é"}
    assert not CBAuthor.objects.filter(uid="e").exists()
    CBAuthor("a").save()
    assert SyncGateway.get_user("ann")["email"] == "ann@example.com"


def test_djangos_test_classes(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    env.pop("DJANGO_SETTINGS_MODULE", None)

    def run(*command):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("-m", "django", "startproject", "mysite", ".")
    run("manage.py", "startapp", "places")
    for name in ("models.py", "tests.py", "urls.py"):
        (tmp_path / "places" / name).write_text((SITE / name).read_text())
    settings = tmp_path / "mysite" / "settings.py"
    text = settings.read_text()
    text = text.replace("django.db.backends.sqlite3", "django_cbtools.backends.embedded")
    text = text.replace("INSTALLED_APPS = [", "INSTALLED_APPS = ['django_cbtools', 'places',")
    settings.write_text(text.replace("mysite.urls", "places.urls"))
    run("manage.py", "makemigrations", "places", "-v", "0")
    migration = (SITE / "migration.py").read_text()
    (tmp_path / "places" / "migrations" / "0002_first.py").write_text(migration)
    told = run("manage.py", "test", "--parallel", "2")
    assert "Ran 9 tests" in told
    assert "OK" in told
