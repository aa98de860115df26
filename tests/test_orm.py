"""Documents in the ORM: plain lookups, beside what the stored values say."""

from __future__ import annotations

import datetime
import decimal
import threading
import uuid

import pytest
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import NotSupportedError, connection, connections, transaction
from django.db.models import Q
from django.test import TestCase, TransactionTestCase

from django_cbtools.exceptions import SyncGatewayBulkError
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle, CBAuthor, CBEverything

UTC = datetime.timezone.utc
DAY = datetime.datetime(2020, 5, 17, 12, 30, 15, 500_000, tzinfo=UTC)

ROWS = [
    {"uid": "1", "text": "alpha", "integer": 1, "real": 0.5, "boolean": True, "moment": DAY,
     "day": datetime.date(2020, 1, 1), "hour": datetime.time(1, 0), "amount": "9.5",
     "duration": datetime.timedelta(seconds=1), "key": uuid.UUID(int=1), "address": "10.0.0.1"},
    {"uid": "2", "text": "Beta", "integer": 2, "real": 1.5, "boolean": False,
     "moment": DAY + datetime.timedelta(microseconds=1), "day": datetime.date(2020, 6, 1),
     "hour": datetime.time(13, 0, 0, 7), "amount": "10.25",
     "duration": datetime.timedelta(days=2), "key": uuid.UUID(int=2), "address": "10.0.0.2"},
    {"uid": "3", "text": "100%_sure's \"ok\"", "integer": -3, "real": -2.0, "boolean": True,
     "moment": DAY + datetime.timedelta(days=400), "day": datetime.date(2021, 1, 1),
     "hour": datetime.time(23, 59, 59), "amount": "-1",
     "duration": datetime.timedelta(0), "key": uuid.UUID(int=3), "address": "::1"},
    {"uid": "4"},
]  # fmt: skip

LOOKUPS = [
    ({"uid": "2"}, "2"),
    ({"pk__in": ["1", "3", "x"]}, "13"),
    ({"text": "alpha"}, "1"),
    ({"text__iexact": "BETA"}, "2"),
    ({"text__contains": "%_sure's \""}, "3"),
    ({"text__icontains": "ET"}, "2"),
    ({"text__startswith": "al"}, "1"),
    ({"text__istartswith": "b"}, "2"),
    ({"text__endswith": "a"}, "12"),
    ({"text__regex": "^[aB]"}, "12"),
    ({"text__isnull": True}, "4"),
    ({"text__in": ["alpha", "Beta"]}, "12"),
    ({"text__gt": "Beta"}, "1"),
    ({"integer": 1}, "1"),
    ({"integer__lt": 2}, "13"),
    ({"integer__gte": 2}, "2"),
    ({"integer__range": (-3, 1)}, "13"),
    ({"real__lte": 0.5}, "13"),
    ({"boolean": True}, "13"),
    ({"boolean": False}, "2"),
    ({"boolean__isnull": True}, "4"),
    ({"moment": DAY}, "1"),
    ({"moment__gt": DAY}, "23"),
    ({"moment__range": (DAY, DAY + datetime.timedelta(seconds=1))}, "12"),
    ({"moment__year": 2020}, "12"),
    ({"moment__date": datetime.date(2020, 5, 17)}, "12"),
    ({"moment__hour": 12}, "123"),
    ({"day": datetime.date(2020, 6, 1)}, "2"),
    ({"day__lt": datetime.date(2020, 6, 1)}, "1"),
    ({"day__month": 1}, "13"),
    ({"day__week_day": 4}, "1"),
    ({"hour__gte": datetime.time(13)}, "23"),
    ({"hour": datetime.time(13, 0, 0, 7)}, "2"),
    ({"amount": decimal.Decimal("9.50")}, "1"),
    ({"amount__gt": decimal.Decimal("9.5")}, "2"),
    ({"amount__in": [decimal.Decimal(-1), decimal.Decimal("10.25")]}, "23"),
    ({"duration__gt": datetime.timedelta(seconds=1)}, "2"),
    ({"duration": datetime.timedelta(seconds=1)}, "1"),
    ({"key": uuid.UUID(int=2)}, "2"),
    ({"key": str(uuid.UUID(int=3))}, "3"),
    ({"address": "10.0.0.2"}, "2"),
    ({"created__isnull": False}, "1234"),
    ({"st_deleted": False}, "1234"),
]


@pytest.fixture
def rows(db):
    CBEverything.objects.bulk_create(CBEverything(channels=["c"], **row) for row in ROWS)
    other = CBAuthor(name="of another type", channels=["c"])
    other.save()


@pytest.mark.parametrize(("lookup", "expected"), LOOKUPS, ids=lambda value: str(value)[:50])
def test_filter_and_exclude(rows, lookup, expected):
    found = set(CBEverything.objects.filter(**lookup).values_list("uid", flat=True))
    assert found == set(expected)
    left = set(CBEverything.objects.exclude(**lookup).values_list("uid", flat=True))
    assert left == set("1234") - set(expected)
    assert {document.uid for document in CBEverything.objects.filter(**lookup)} == set(expected)


def test_q_objects(rows):
    found = CBEverything.objects.filter(Q(integer=1) | ~Q(boolean=True), text__isnull=False)
    assert {document.uid for document in found} == {"1", "2"}


def test_order_slice_count_exists(rows):
    ordered = CBEverything.objects.order_by("-integer")
    assert [document.uid for document in ordered[:2]] == ["2", "1"]
    assert [document.uid for document in ordered[1:3]] == ["1", "3"]
    assert [document.uid for document in CBEverything.objects.order_by("moment")] == list("4123")
    assert [document.uid for document in CBEverything.objects.order_by("amount")] == list("4312")
    assert ordered.first().uid == "2"
    assert CBEverything.objects.count() == 4
    assert CBEverything.objects.filter(integer__gt=1).exists()
    assert not CBEverything.objects.filter(integer__gt=2).exists()


def test_get(rows):
    assert CBEverything.objects.get(text="alpha").uid == "1"
    with pytest.raises(CBEverything.DoesNotExist):
        CBEverything.objects.get(text="nobody")
    with pytest.raises(CBEverything.MultipleObjectsReturned):
        CBEverything.objects.get(boolean=True)


def test_values_have_the_fields_types(rows):
    names = [name for name in ROWS[0] if name != "amount"]
    (found,) = CBEverything.objects.filter(uid="2").values(*names, "amount", "channels")
    assert found == {**ROWS[1], "amount": decimal.Decimal("10.2500"), "channels": ["c"]}
    (empty,) = CBEverything.objects.filter(uid="4").values_list(*names)
    assert empty == ("4", *[None] * (len(names) - 1))


def test_instances_carry_the_whole_document(db):
    SyncGateway.save_json("a", {"doc_type": "article", "channels": ["c"], "title": "t", "x": 1})
    for queryset in (CBArticle.objects.all(), CBArticle.objects.only("title")):
        (loaded,) = queryset
        assert loaded.extra == {"x": 1}
        loaded.save()
    assert SyncGateway.all_docs(["a"])["rows"][0]["doc"]["x"] == 1


def test_spanning_a_relation_and_select_related(db, django_assert_num_queries):
    authors = CBAuthor.objects.bulk_create(
        CBAuthor(name=name, channels=["c"]) for name in ("Ann", "Bob")
    )
    for author in authors:
        CBArticle(title=f"by {author.name}", author=author, channels=["c"]).save()
    CBArticle(title="by nobody", channels=["c"]).save()
    assert CBArticle.objects.get(author__name="Ann").title == "by Ann"
    with django_assert_num_queries(1):
        found = {a.title: a.author for a in CBArticle.objects.select_related("author")}
    assert found == {"by Ann": authors[0], "by Bob": authors[1], "by nobody": None}


def test_filter_uses_the_index_of_types(rows):
    plan = CBEverything.objects.filter(text="alpha").explain()
    assert "cbtools_documents_doc_type" in plan
    assert "SCAN cbtools_documents" not in plan
    plan = CBEverything.objects.filter(uid="1").explain()
    assert "USING INDEX" in plan or "COVERING INDEX" in plan


def test_names_and_values_are_quoted(rows):
    nasty = "'; DELETE FROM cbtools_documents; --"
    assert not CBEverything.objects.filter(text=nasty).exists()
    with pytest.raises(FieldError):
        CBEverything.objects.filter(**{nasty: 1}).exists()
    with pytest.raises(FieldError):
        CBEverything.objects.order_by(nasty).first()
    assert CBEverything.objects.count() == 4


def test_wrong_values_get_djangos_errors(rows):
    with pytest.raises(ValueError, match="integer"):
        CBEverything.objects.filter(integer="many").exists()


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


def test_bulk_create_is_few_queries(db, django_assert_max_num_queries):
    # The first request of all makes the database.
    CBAuthor(name="first", channels=["c"]).save()
    documents = [CBAuthor(name=str(n), channels=["c"]) for n in range(1000)]
    with django_assert_max_num_queries(7):
        CBAuthor.objects.bulk_create(documents)
    assert CBAuthor.objects.count() == 1001


@pytest.mark.parametrize(
    "write", [lambda q: q.update(name="x"), lambda q: q.delete()], ids=["update", "delete"]
)
def test_writes_never_go_behind_the_gateway(db, write):
    CBAuthor(name="Ann", channels=["c"]).save()
    with pytest.raises(NotSupportedError, match="through the gateway"):
        write(CBAuthor.objects.all())
    assert CBAuthor.objects.get().name == "Ann"


def test_without_an_orm_it_says_what_to_set(gateway_by_http):
    CBAuthor(name="Ann", channels=["c"]).save()
    with pytest.raises(ImproperlyConfigured, match="DocumentRouter"):
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
