"""Documents in the ORM: writes and transactions."""

from __future__ import annotations

import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.test import TestCase, TransactionTestCase

from django_cbtools.embedded.documents import writes
from django_cbtools.exceptions import SyncGatewayBulkError
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBAuthor, CBEverything


@pytest.fixture
def rows(db):
    CBEverything.objects.bulk_create(
        CBEverything(uid=uid, text=text, channels=["c"])
        for uid, text in (("1", "alpha"), ("2", "beta"), ("3", None), ("4", "alpha"))
    )
    other = CBAuthor(name="of another type", channels=["c"])
    other.save()


def test_soft_deleted_are_left_out(rows):
    CBEverything.objects.get(uid="1").delete()
    assert CBEverything.objects.count() == 3
    assert CBEverything.all_objects.count() == 4
    assert CBEverything.all_objects.get(uid="1").st_deleted


def test_bulk_create_sets_revisions_and_reports_what_was_refused(db):
    saved = CBAuthor(uid="taken", name="first", channels=["c"])
    saved.save()
    documents = [CBAuthor(uid=uid, name="new", channels=["c"]) for uid in ("a", "taken", "b")]
    with pytest.raises(SyncGatewayBulkError) as caught:
        CBAuthor.objects.bulk_create(documents)
    assert list(caught.value.errors) == ["taken"]
    assert [document.rev is not None for document in documents] == [True, False, True]
    assert CBAuthor("taken").name == "first"
    assert CBAuthor.objects.count() == 3


def test_bulk_create_is_few_queries(db, django_assert_max_num_queries, monkeypatch):
    # On a slow machine, the gateway would do it in some transactions.
    monkeypatch.setattr(writes, "COMMIT_TIME", 600)
    monkeypatch.setattr(writes, "ROUND_TIME", 600)
    # The first request of all makes the database.
    CBAuthor(name="first", channels=["c"]).save()
    documents = [CBAuthor(name=str(n), channels=["c"]) for n in range(1000)]
    with django_assert_max_num_queries(8):
        CBAuthor.objects.bulk_create(documents)
    assert CBAuthor.objects.count() == 1001


def test_without_an_orm_it_says_what_to_set(gateway_by_http):
    CBAuthor(name="Ann", channels=["c"]).save()
    with pytest.raises(ImproperlyConfigured, match=r"There is no ORM for documents.*load_objects"):
        CBAuthor.objects.count()
    with pytest.raises(ImproperlyConfigured):
        list(CBAuthor.objects.using("plain").all())


class RolledBack(TestCase):
    """The second method sees nothing of the first, whichever that is."""

    def check(self):
        assert not CBAuthor.objects.exists()
        assert SyncGateway.all_docs([], really_all=True)["rows"] == []
        CBAuthor(name="Ann", channels=["c"]).save()
        assert CBAuthor.objects.get().name == "Ann"

    def test_first(self):
        self.check()

    def test_second(self):
        self.check()

    def test_query_after_an_inner_rollback(self):
        class Undo(Exception):
            pass

        with self.assertRaises(Undo), transaction.atomic():
            CBAuthor(name="gone", channels=["c"]).save()
            raise Undo
        assert not CBAuthor.objects.exists()


class Committed(TransactionTestCase):
    def test_flush_empties_the_gateway(self):
        assert not CBAuthor.objects.exists()
        CBAuthor(name="Ann", channels=["c"]).save()

    def test_flush_empties_the_gateway_again(self):
        self.test_flush_empties_the_gateway()

    def test_save_is_rolled_back_with_the_programs_transaction(self):
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            CBAuthor(name="Ann", channels=["c"]).save()
            raise ZeroDivisionError
        assert not CBAuthor.objects.exists()

    def test_second_request_on_a_thread(self):
        CBAuthor(name="Ann", channels=["c"]).save()
        seen = []

        def work():
            for _ in range(2):
                seen.append(CBAuthor.objects.get().name)
                connections.close_all()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert seen == ["Ann", "Ann"]
