"""Documents in the ORM of the embedded backend: plans, SQL and transactions."""

from __future__ import annotations

import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.test import TestCase, TransactionTestCase

from django_cbtools.embedded.documents import writes
from django_cbtools.exceptions import SyncGatewayBulkError
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle, CBAuthor, CBEverything


@pytest.fixture
def rows(db):
    CBEverything.objects.bulk_create(
        CBEverything(uid=uid, text=text, channels=["c"])
        for uid, text in (("1", "alpha"), ("2", "beta"), ("3", None), ("4", "alpha"))
    )
    other = CBAuthor(name="of another type", channels=["c"])
    other.save()


def test_filter_uses_the_index_of_types(rows):
    plan = CBEverything.objects.filter(text="alpha").explain()
    assert "cbtools_documents_doc_type" in plan
    assert "SCAN cbtools_documents" not in plan
    plan = CBEverything.objects.filter(uid="1").explain()
    assert "USING INDEX" in plan or "COVERING INDEX" in plan


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


def test_soft_deletion_is_compared_so_that_an_index_serves_it(rows):
    with connection.cursor():
        sql = str(CBEverything.objects.all().query)
    assert '"st_deleted" = ' in sql
    assert "NOT " not in sql.rpartition("WHERE")[2]


def search(plan, text):
    return [line for line in plan.splitlines() if text in line]


def test_subselects_are_flattened(rows):
    joined = CBArticle.objects.filter(author__name="Ann", title__startswith="a")
    for queryset in (
        joined,
        CBArticle.objects.select_related("author"),
        CBArticle.objects.filter(author__in=CBAuthor.objects.filter(name="Ann")),
        CBEverything.objects.values("integer").annotate(n=Count("pk")),
        CBEverything.objects.order_by("text")[:1],
        CBEverything.objects.filter(Exists(CBAuthor.objects.filter(name=OuterRef("text")))),
        CBArticle.objects.raw(f"SELECT * FROM {CBArticle._meta.db_table} WHERE title = 'a'"),
    ):
        if isinstance(queryset, QuerySet):
            plan = queryset.explain()
        else:
            with connection.cursor() as cursor:
                sql = connection.ops.raw_document_sql(queryset.raw_query, False)
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}", None)
                plan = "\n".join(row[-1] for row in cursor.fetchall())
        assert "MATERIALIZE" not in plan
        assert "CO-ROUTINE" not in plan
        assert "SCAN" not in plan
    assert search(joined.explain(), "uid=?")  # the author, by its key


def test_paths_of_documents_are_of_their_text(db):
    """SQLite compares a path's keys with the JSON text as it is stored, escapes included."""
    CBEverything(uid="a", json={"é<": {"b": [1, {"c": None}]}}, channels=["c"]).save()
    for path in ("é<__b__0", "é<__b__1__c"):
        assert CBEverything.objects.filter(**{f"json__{path}__isnull": False}).count() == 1
    assert str(CBEverything.objects.filter(json__é=1).query).count('$."é"') >= 1
