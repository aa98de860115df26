"""Aggregates and groups: expected values, and the twins'."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db.models import Avg, Count, F, Max, Min, Q, StdDev, Sum, Variance
from django.db.models.functions import TruncYear, Upper

from .rows import date, delta, moment, time
from .twin import line_of, on_rows, same

pytestmark = on_rows

# fmt: off
#: Queries of articles, authors and comments, and what they answer.
QUERIES = [
    # aggregates
    (lambda A, U, C: A.aggregate(n=Count("*"), m=Count("stock"), d=Count("stock", distinct=True)),
     {"n": 7, "m": 6, "d": 5}),
    (lambda A, U, C: A.aggregate(s=Sum("stock"), a=Avg("stock"), lo=Min("stock"), hi=Max("stock")),
     {"s": 20, "a": 3.33333333, "lo": -3, "hi": 10}),
    (lambda A, U, C: A.aggregate(s=Sum("price"), a=Avg("price"), lo=Min("price"), hi=Max("price")),
     {"s": Decimal('1234596.14000000'), "a": Decimal('205766.023333333'), "lo": Decimal('-1'),
       "hi": Decimal('1234567.89000000')}),
    (lambda A, U, C: A.aggregate(s=Sum("score"), a=Avg("score"), lo=Min("score"), hi=Max("score")),
     {"s": 1000000000.0, "a": 166666667.0, "lo": -2.0, "hi": 1000000000.0}),
    (lambda A, U, C: A.aggregate(s=Sum("duration"), a=Avg("duration"), lo=Min("duration"),
      hi=Max("duration")),
     {"s": delta(days=402, seconds=1801, microseconds=5), "a": delta(days=67, seconds=300,
       microseconds=166668), "lo": delta(days=-1, seconds=82800), "hi": delta(days=400,
       microseconds=5)}),
    (lambda A, U, C: A.aggregate(lo=Min("published"), hi=Max("published")),
     {"lo": moment(1970, 1, 1), "hi": moment(2021, 6, 21)}),
    (lambda A, U, C: A.aggregate(lo=Min("pub_date"), hi=Max("pub_time")),
     {"lo": date(1999, 12, 31), "hi": time(23, 59, 59)}),
    (lambda A, U, C: A.aggregate(lo=Min("title"), hi=Max("title")), {"lo": "", "hi": "línea 雪"}),
    (lambda A, U, C: A.filter(stock__isnull=False).aggregate(s=StdDev("stock"), t=StdDev("stock",
      sample=True), v=Variance("stock"), w=Variance("stock", sample=True)),
     {"s": 4.26874949, "t": 4.67618078, "v": 18.2222222, "w": 21.8666667}),
    (lambda A, U, C: A.aggregate(s=Sum("stock", distinct=True), a=Avg("stock", distinct=True)),
     {"s": 17, "a": 3.4}),
    (lambda A, U, C: A.aggregate(s=Sum("stock", filter=Q(draft=True)), n=Count("pk",
      filter=Q(title__contains="a"))),
     {"s": 3, "n": 4}),
    (lambda A, U, C: A.aggregate(s=Sum("stock", default=0), t=Sum("stock", filter=Q(pk="none"),
      default=7)),
     {"s": 20, "t": 7}),
    (lambda A, U, C: A.filter(pk="none").aggregate(s=Sum("stock"), n=Count("pk"), a=Avg("price")),
     {"s": None, "n": 0, "a": None}),
    (lambda A, U, C: A.none().aggregate(s=Sum("stock", default=1), n=Count("pk")),
     {"s": 1, "n": 0}),
    (lambda A, U, C: A.aggregate(s=Sum(F("stock") * F("score"))), {"s": 3000000020.0}),
    (lambda A, U, C: A.aggregate(s=Sum("stock") + Count("pk")), {"s": 27}),
    (lambda A, U, C: A.aggregate(s=Sum("author__age"), n=Count("comments"),
      d=Count("comments__author", distinct=True)),
     {"s": 200, "n": 5, "d": 2}),
    (lambda A, U, C: A.annotate(n=Count("comments")).values_list("uid", "n"),
     [("1", 2), ("2", 1), ("3", 1), ("4", 0), ("5", 0), ("6", 1), ("7", 0)]),
    (lambda A, U, C: A.annotate(n=Count("comments"), m=Count("children", distinct=True),
      c=Count("comments", distinct=True)).values_list("uid", "n", "m", "c"),
     [("1", 4, 2, 2), ("2", 1, 1, 1), ("3", 1, 0, 1), ("4", 0, 0, 0), ("5", 0, 0, 0), ("6", 1, 0,
       1), ("7", 0, 1, 0)]),
    (lambda A, U, C: A.annotate(s=Sum("comments__votes"),
      hi=Max("comments__votes")).values_list("uid", "s", "hi"),
     [("1", 2, 3), ("2", None, None), ("3", 3, 3), ("4", None, None), ("5", None, None), ("6", 8,
       8), ("7", None, None)]),
    (lambda A, U, C: A.annotate(n=Count("comments",
      filter=Q(comments__text="good"))).values_list("uid", "n"),
     [("1", 1), ("2", 1), ("3", 0), ("4", 0), ("5", 0), ("6", 1), ("7", 0)]),
    (lambda A, U, C: A.annotate(n=Count("comments")).filter(n__gt=0).order_by("-n",
      "uid").values_list("uid", "n"),
     [("1", 2), ("2", 1), ("3", 1), ("6", 1)]),
    (lambda A, U, C: A.annotate(n=Count("comments")).filter(n=0).count(), 3),
    (lambda A, U, C: A.annotate(n=Count("comments")).aggregate(s=Sum("n"), hi=Max("n")),
     {"s": 5, "hi": 2}),
    (lambda A, U, C: A.values("draft").annotate(n=Count("pk"), s=Sum("stock")).values_list("draft",
      "n", "s"),
     [(False, 3, 17), (None, 1, None), (True, 3, 3)]),
    (lambda A, U, C: A.values("author__name").annotate(n=Count("pk")).order_by("-n",
      "author__name"),
     [{"author__name": "Ann", "n": 3}, {"author__name": None, "n": 1}, {"author__name":
       'Cid \\ 100%_\'s "ok"', "n": 1}, {"author__name": "Dee", "n": 1}, {"author__name": "bob",
       "n": 1}]),
    (lambda A, U, C: A.values("author").annotate(p=Avg("price")).values_list("author", "p"),
     [("ann", Decimal('6')), ("bob", Decimal('10.25')), ("cid", Decimal('0')), ("dee",
       Decimal('1234567.89000000')), (None, None)]),
    (lambda A, U, C: A.values("draft", "stock").annotate(n=Count("pk")),
     [{"draft": False, "stock": 0, "n": 1}, {"draft": False, "stock": 10, "n": 1}, {"draft": False,
       "stock": 7, "n": 1}, {"draft": None, "stock": None, "n": 1}, {"draft": True, "stock": -3,
       "n": 1}, {"draft": True, "stock": 3, "n": 2}]),
    (lambda A, U, C:
      A.values("published__year").annotate(n=Count("pk")).order_by("published__year"),
     [{"published__year": None, "n": 1}, {"published__year": 1970, "n": 1}, {"published__year":
       2019, "n": 1}, {"published__year": 2020, "n": 3}, {"published__year": 2021, "n": 1}]),
    (lambda A, U, C:
      A.annotate(y=TruncYear("pub_date")).values("y").annotate(n=Count("pk")).values_list("y",
      "n"),
     [(None, 1), (date(1999, 1, 1), 1), (date(2019, 1, 1), 1), (date(2020, 1, 1), 3), (date(2021,
       1, 1), 1)]),
    (lambda A, U, C: A.values("meta__color").annotate(n=Count("pk")),
     [{"meta__color": "blue", "n": 1}, {"meta__color": "línea", "n": 1}, {"meta__color": "red",
       "n": 2}, {"meta__color": None, "n": 3}]),
    (lambda A, U, C: A.values("tags").annotate(n=Count("pk")).values_list("n", flat=True),
     [1, 1, 1, 1, 1, 2]),
    (lambda A, U, C: A.values("draft").annotate(n=Count("pk")).filter(n__gt=1),
     [{"draft": False, "n": 3}, {"draft": True, "n": 3}]),
    (lambda A, U, C: A.values("draft").annotate(s=Sum("stock")).aggregate(hi=Max("s")),
     {"hi": 17}),
    (lambda A, U, C:
      A.filter(stock__gt=0).values("draft").annotate(n=Count("pk")).exclude(draft=None),
     [{"draft": False, "n": 2}, {"draft": True, "n": 2}]),
    (lambda A, U, C: A.annotate(x=F("stock") * 2).aggregate(s=Sum("x")), {"s": 40}),
    (lambda A, U, C: A.alias(n=Count("comments")).filter(n__gte=1), list("1236")),
    (lambda A, U, C: A.alias(x=Upper("title")).filter(x="ALPHA").values_list("uid", "title"),
     [("1", "Alpha"), ("6", "alpha")]),
    (lambda A, U, C: A.distinct().aggregate(n=Count("stock")), {"n": 6}),
    (lambda A, U, C: A.order_by("uid")[1:4].aggregate(s=Sum("stock")), {"s": 7}),
    (lambda A, U, C: A.values("stock").distinct().count(), 6),
    (lambda A, U, C: U.annotate(n=Count("articles"), s=Sum("articles__stock")).values_list("uid",
      "n", "s"),
     [("ann", 3, 7), ("bob", 1, 10), ("cid", 1, 0), ("dee", 1, 3), ("eve", 0, None)]),
    (lambda A, U, C: U.annotate(n=Count("articles__comments", distinct=True)).values_list("uid",
      "n"),
     [("ann", 3), ("bob", 1), ("cid", 0), ("dee", 1), ("eve", 0)]),
    (lambda A, U, C: U.annotate(p=Avg("articles__price"),
      lo=Min("articles__pub_date")).values_list("uid", "p", "lo"),
     [("ann", Decimal('6'), date(2020, 1, 1)), ("bob", Decimal('10.25'), date(2020, 6, 1)), ("cid",
       Decimal('0'), date(1999, 12, 31)), ("dee", Decimal('1234567.89000000'), date(2019, 12, 30)),
       ("eve", None, None)]),
    (lambda A, U, C: U.annotate(hi=Max("articles__published")).order_by("-hi",
      "uid").values_list("uid", "hi"),
     [("ann", moment(2021, 6, 21)), ("bob", moment(2020, 5, 17, 12, 30, 15, 500001)), ("dee",
       moment(2019, 12, 31, 23, 59, 59, 999999)), ("cid", moment(1970, 1, 1)), ("eve", None)]),
    (lambda A, U, C: U.annotate(n=Count("pupils")).filter(n__gt=F("age") - 31), ["ann", "eve"]),
    (lambda A, U, C: U.annotate(n=Count("articles")).filter(Q(n__gt=1) | Q(age__gt=40)),
     ["ann", "bob"]),
    (lambda A, U, C: U.values("age").annotate(n=Count("articles__stock", distinct=True),
      m=Max("articles__score")),
     [{"age": 0, "n": 0, "m": None}, {"age": 31, "n": 3, "m": 1000000000.0}, {"age": 45, "n": 1,
       "m": 1.5}, {"age": None, "n": 1, "m": 0.0}]),
    (lambda A, U, C: U.annotate(first=Min("articles__title",
      filter=Q(articles__draft=True))).values_list("uid", "first"),
     [("ann", '100%_sure\'s "ok" \\o/'), ("bob", None), ("cid", None), ("dee", "alpha"), ("eve",
       None)]),
    (lambda A, U, C:
      C.values("article__author__name").annotate(s=Sum("votes")).values_list("article__author__name",
      "s"),
     [("Ann", 5), ("Dee", 8), ("bob", None), (None, 0)]),
    (lambda A, U, C: C.aggregate(n=Count("text", distinct=True), s=Sum("votes")),
     {"n": 3, "s": 13}),
    (lambda A, U, C: C.values_list("text").annotate(Count("pk"), Avg("votes")),
     [("bad", 1, -1.0), ("good", 3, 5.5), ("so so", 1, 0.0), (None, 1, 3.0)]),
]
# fmt: on


@pytest.mark.parametrize(("query", "expected"), QUERIES, ids=line_of)
def test_query(query, expected):
    assert same(lambda m: query(m.Article.objects, m.Author.objects, m.Comment.objects)) == expected
