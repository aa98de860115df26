"""Documents in the ORM of the embedded backend: plans and SQL."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Count, Exists, OuterRef, QuerySet

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
