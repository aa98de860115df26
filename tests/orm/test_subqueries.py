"""Subqueries, window functions and combined queries: expected rows, and the twins'."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db.models import (
    Avg,
    Count,
    Exists,
    F,
    Max,
    OuterRef,
    Q,
    RowRange,
    Subquery,
    Sum,
    ValueRange,
    Window,
)
from django.db.models.functions import (
    CumeDist,
    DenseRank,
    FirstValue,
    Lag,
    LastValue,
    Lead,
    NthValue,
    Ntile,
    PercentRank,
    Rank,
    RowNumber,
)

from .rows import moment
from .twin import each, line_of, on_rows, same

pytestmark = on_rows

# fmt: off
#: Queries of articles, authors and comments, and what they answer.
QUERIES = [
    # subqueries
    (lambda A, U, C: A.filter(Exists(C.filter(article=OuterRef("pk")))), list("1236")),
    (lambda A, U, C: A.filter(~Exists(C.filter(article=OuterRef("pk"), votes__gt=0))),
     list("2457")),
    (lambda A, U, C: each(A.annotate(x=Exists(C.filter(article=OuterRef("pk"))))),
     [True, True, True, False, False, True, False]),
    (lambda A, U, C:
      each(A.annotate(x=Subquery(C.filter(article=OuterRef("pk")).order_by("-uid").values("text")[:1]))),
     ["bad", "good", None, None, None, "good", None]),
    (lambda A, U, C:
      each(A.annotate(x=Subquery(U.filter(pk=OuterRef("author")).values("name"))).filter(x="Ann")),
     ["Ann", "Ann", "Ann"]),
    (lambda A, U, C:
      each(A.annotate(x=Subquery(C.filter(article=OuterRef("pk")).values("article").annotate(n=Count("pk")).values("n")))),
     [2, 1, 1, None, None, 1, None]),
    (lambda A, U, C: A.filter(author__in=U.filter(age=31)), list("1367")),
    (lambda A, U, C: A.filter(author__in=U.filter(age=31).values("pk")), list("1367")),
    (lambda A, U, C: A.exclude(author__in=U.filter(age=31)), list("245")),
    (lambda A, U, C: A.filter(stock__in=A.filter(draft=True).values("stock")), list("136")),
    (lambda A, U, C: A.filter(stock=Subquery(A.order_by("-stock").values("stock")[:1])),
     list("2")),
    (lambda A, U, C: A.filter(stock__gt=Subquery(A.filter(pk="1").values("stock"))), list("27")),
    (lambda A, U, C: A.filter(pk__in=A.order_by("uid")[:2]), list("12")),
    (lambda A, U, C: A.filter(pk__in=C.values("article")), list("1236")),
    (lambda A, U, C: A.filter(pk__in=C.exclude(article=None).values("article")[:1]), list("1")),
    (lambda A, U, C:
      each(A.annotate(x=Subquery(A.filter(author=OuterRef("author")).order_by("-stock").values("title")[:1]))),
     ["línea 雪", "beta", "línea 雪", None, "", "alpha", "línea 雪"]),
    (lambda A, U, C:
      each(A.annotate(x=Subquery(A.filter(parent=OuterRef("pk")).values("published").order_by("published")[:1]))),
     [moment(2020, 5, 17, 12, 30, 15, 500001), moment(1970, 1, 1), None, None, None, None,
       moment(2020, 2, 29, 6, 7, 8)]),
    (lambda A, U, C: U.filter(Exists(A.filter(Exists(C.filter(article=OuterRef("pk"),
      author=OuterRef(OuterRef("pk")))), author=OuterRef("pk")))),
     ["ann"]),
    (lambda A, U, C:
      U.annotate(x=Subquery(A.filter(author=OuterRef("pk")).values("price").order_by("-price")[:1])).values_list("uid",
      "x"),
     [("ann", Decimal('9.5')), ("bob", Decimal('10.25')), ("cid", Decimal('0')), ("dee",
       Decimal('1234567.89000000')), ("eve", None)]),
    (lambda A, U, C: U.filter(Exists(A.filter(author=OuterRef("pk"))) | Q(age=0)),
     ["ann", "bob", "cid", "dee", "eve"]),
    (lambda A, U, C: U.annotate(a=Exists(A.filter(author=OuterRef("pk"))),
      b=Count("pupils")).values_list("uid", "a", "b"),
     [("ann", True, 2), ("bob", True, 1), ("cid", True, 0), ("dee", True, 0), ("eve", False, 1)]),
    (lambda A, U, C:
      U.order_by(Subquery(A.filter(author=OuterRef("pk")).order_by("-score").values("score")[:1]).desc(nulls_last=True),
      "uid").values_list("uid", flat=True),
     ["dee", "bob", "ann", "cid", "eve"]),
    # windows
    (lambda A, U, C: each(A.annotate(x=Window(RowNumber(), order_by="uid"))),
     [1, 2, 3, 4, 5, 6, 7]),
    (lambda A, U, C: each(A.annotate(x=Window(Rank(), order_by="stock"))), [4, 7, 2, 1, 3, 4, 6]),
    (lambda A, U, C: each(A.annotate(x=Window(DenseRank(), partition_by="draft",
      order_by=F("stock").desc()))),
     [1, 1, 2, 1, 3, 1, 2]),
    (lambda A, U, C: each(A.annotate(x=Window(PercentRank(), order_by="stock"),
      y=Window(CumeDist(), order_by="stock")), "x", "y"),
     [(0.5, 0.714285714), (1.0, 1.0), (0.166666667, 0.285714286), (0.0, 0.142857143), (0.333333333,
       0.428571429), (0.5, 0.714285714), (0.833333333, 0.857142857)]),
    (lambda A, U, C: each(A.annotate(x=Window(Ntile(3), order_by="uid"))), [1, 1, 1, 2, 2, 3, 3]),
    (lambda A, U, C: each(A.annotate(x=Window(Lag("title"), order_by="uid"), y=Window(Lead("stock",
      2, 0), order_by="uid")), "x", "y"),
     [(None, -3), ("Alpha", None), ("beta", 0), ('100%_sure\'s "ok" \\o/', 3), (None, 7), ("", 0),
       ("alpha", 0)]),
    (lambda A, U, C: each(A.annotate(x=Window(FirstValue("title"), partition_by="author",
      order_by="uid"), y=Window(LastValue("title"), partition_by="author", order_by="uid")), "x",
      "y"),
     [("Alpha", "Alpha"), ("beta", "beta"), ("Alpha", '100%_sure\'s "ok" \\o/'), (None, None), ("",
       ""), ("alpha", "alpha"), ("Alpha", "línea 雪")]),
    (lambda A, U, C: each(A.annotate(x=Window(NthValue("title", 2), partition_by="draft",
      order_by="uid"))),
     [None, None, '100%_sure\'s "ok" \\o/', None, "", '100%_sure\'s "ok" \\o/', ""]),
    (lambda A, U, C: each(A.annotate(x=Window(Sum("stock"), partition_by="draft"))),
     [3, 17, 3, None, 17, 3, 17]),
    (lambda A, U, C: each(A.annotate(x=Window(Avg("price"), order_by="uid",
      frame=RowRange(start=-1, end=1)))),
     [Decimal('9.875'), Decimal('6.25'), Decimal('4.625'), Decimal('-0.5'),
       Decimal('617283.945000000'), Decimal('411525.796666667'), Decimal('617288.695000000')]),
    (lambda A, U, C: each(A.annotate(x=Window(Sum("stock"), order_by="stock",
      frame=ValueRange(start=None, end=0)))),
     [3, 20, -3, None, -3, 3, 10]),
    (lambda A, U, C: each(A.annotate(x=Window(Count("pk"), partition_by=["author", "draft"]))),
     [2, 1, 2, 1, 1, 1, 1]),
    (lambda A, U, C: each(A.annotate(x=Window(Max("published"), partition_by="author__name"))),
     [moment(2021, 6, 21), moment(2020, 5, 17, 12, 30, 15, 500001), moment(2021, 6, 21), None,
       moment(1970, 1, 1), moment(2019, 12, 31, 23, 59, 59, 999999), moment(2021, 6, 21)]),
    (lambda A, U, C: each(A.annotate(x=Window(Rank(), partition_by="draft",
      order_by="stock")).filter(x=1)),
     [1, 1, 1]),
    (lambda A, U, C: U.annotate(n=Count("articles"), x=Window(Rank(),
      order_by=F("n").desc())).values_list("uid", "n", "x"),
     [("ann", 3, 1), ("bob", 1, 2), ("cid", 1, 2), ("dee", 1, 2), ("eve", 0, 5)]),
    # sets
    (lambda A, U, C: A.filter(stock=3).union(A.filter(stock=10)).order_by("uid"), list("126")),
    (lambda A, U, C: A.filter(stock=3).union(A.filter(draft=True)).order_by("-uid"), list("631")),
    (lambda A, U, C: A.values_list("stock").union(A.values_list("stock"), all=True),
     [(-3,), (-3,), (0,), (0,), (10,), (10,), (3,), (3,), (3,), (3,), (7,), (7,), (None,),
       (None,)]),
    (lambda A, U, C: A.values_list("title", flat=True).union(U.values_list("name", flat=True)),
     ["", '100%_sure\'s "ok" \\o/', "Alpha", "Ann", 'Cid \\ 100%_\'s "ok"', "Dee", "Eve", "alpha",
       "beta", "bob", "línea 雪", None]),
    (lambda A, U, C: A.filter(draft=True).intersection(A.filter(stock=3)), list("16")),
    (lambda A, U, C: A.filter(draft=True).difference(A.filter(stock=3)), list("3")),
    (lambda A, U, C: A.filter(stock=3).union(A.filter(stock=10), A.filter(score=0)).count(), 4),
    (lambda A, U, C:
      A.filter(stock=3).union(A.filter(stock=10)).order_by("title").values_list("title",
      flat=True),
     ["Alpha", "alpha", "beta"]),
    (lambda A, U, C: A.filter(stock=3).union(A.filter(stock=10)).values_list("uid", "title"),
     [("1", "Alpha"), ("2", "beta"), ("6", "alpha")]),
    (lambda A, U, C: A.filter(pk__in=["1", "2"]).union(A.none()), list("12")),
    (lambda A, U, C: A.values_list("author").union(U.values_list("pk")).order_by("author"),
     [(None,), ("ann",), ("bob",), ("cid",), ("dee",), ("eve",)]),
    (lambda A, U, C: A.annotate(x=F("stock") * 2).values_list("x").union(C.values_list("votes")),
     [(-1,), (-6,), (0,), (14,), (20,), (3,), (6,), (8,), (None,)]),
    (lambda A, U, C: A.filter(pk__in=A.filter(stock=3).union(A.filter(stock=10)).values("pk")),
     list("126")),
    (lambda A, U, C: A.filter(stock=3).union(A.filter(stock=7)).exists(), True),
    (lambda A, U, C: A.filter(stock=3).union(A.filter(stock=7)).order_by("uid").first(), "1"),
]
# fmt: on


@pytest.mark.parametrize(("query", "expected"), QUERIES, ids=line_of)
def test_query(query, expected):
    assert same(lambda m: query(m.Article.objects, m.Author.objects, m.Comment.objects)) == expected
