"""Functions that compare and convert, and conditional expressions: what they give."""

from __future__ import annotations

import pytest
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    DateField,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    Q,
    Value,
    When,
)
from django.db.models.fields.json import KT, KeyTransform
from django.db.models.functions import Cast, Coalesce, Collate, Greatest, JSONObject, Least, NullIf
from django.db.models.lookups import GreaterThan, IsNull

from .rows import date
from .twin import each, line_of, on_rows, same

pytestmark = on_rows

# fmt: off
#: Queries of articles, authors and comments, and what they answer.
QUERIES = [
    # comparison and conversion
    (lambda A, U, C: each(A.annotate(x=Coalesce("title", Value("none")))),
     ["Alpha", "beta", '100%_sure\'s "ok" \\o/', "none", "", "alpha", "línea 雪"]),
    (lambda A, U, C: each(A.annotate(x=Coalesce("parent__stock", "stock", 99))),
     [3, 3, 3, 99, 10, 3, 7]),
    (lambda A, U, C: each(A.annotate(x=Greatest("stock", "score", output_field=FloatField()))),
     [3.0, 10.0, -2.0, None, 0.0, 1000000000.0, 7.0]),
    (lambda A, U, C: each(A.annotate(x=Least("stock", "score", output_field=FloatField()))),
     [0.5, 1.5, -3.0, None, 0.0, 3.0, 0.25]),
    (lambda A, U, C: each(A.annotate(x=Greatest("pub_date", "author__joined"))),
     [date(2020, 1, 1), date(2020, 6, 1), date(2021, 1, 1), None, None, date(2021, 1, 1),
       date(2020, 2, 29)]),
    (lambda A, U, C: each(A.annotate(x=NullIf("stock", Value(3)))),
     [None, 10, -3, None, 0, None, 7]),
    (lambda A, U, C: each(A.annotate(x=Cast("stock", CharField()))),
     ["3", "10", "-3", None, "0", "3", "7"]),
    (lambda A, U, C: each(A.annotate(x=Cast("score", IntegerField()))),
     [0, 1, -2, None, 0, 1000000000, 0]),
    (lambda A, U, C: each(A.annotate(x=Cast("stock", FloatField()))),
     [3.0, 10.0, -3.0, None, 0.0, 3.0, 7.0]),
    (lambda A, U, C: each(A.annotate(x=Cast("price", FloatField()))),
     [9.5, 10.25, -1.0, None, 0.0, 1234567.89, 9.5]),
    (lambda A, U, C: each(A.annotate(x=Cast("pub_date", CharField()))),
     ["2020-01-01", "2020-06-01", "2021-01-01", None, "1999-12-31", "2019-12-30", "2020-02-29"]),
    (lambda A, U, C: each(A.annotate(x=Cast("published", DateField()))),
     [date(2020, 5, 17), date(2020, 5, 17), date(2021, 6, 21), None, date(1970, 1, 1), date(2019,
       12, 31), date(2020, 2, 29)]),
    (lambda A, U, C: each(A.annotate(x=Cast(Value("2020-01-01"), DateField()))),
     [date(2020, 1, 1), date(2020, 1, 1), date(2020, 1, 1), date(2020, 1, 1), date(2020, 1, 1),
       date(2020, 1, 1), date(2020, 1, 1)]),
    (lambda A, U, C: each(A.annotate(x=Cast("uid", IntegerField())).filter(x__gt=5)), [6, 7]),
    (lambda A, U, C: each(A.annotate(x=JSONObject(t="title", s=F("stock") * 2))),
     [{"t": "Alpha", "s": 6}, {"t": "beta", "s": 20}, {"t": '100%_sure\'s "ok" \\o/', "s": -6},
       {"t": None, "s": None}, {"t": "", "s": 0}, {"t": "alpha", "s": 6}, {"t": "línea 雪", "s":
       14}]),
    (lambda A, U, C: A.annotate(x=Collate("title", "nocase")).order_by("x",
      "uid").values_list("uid", flat=True),
     list("4531627")),
    (lambda A, U, C: A.filter(title=Collate(Value("ALPHA"), "nocase")), list("16")),
    (lambda A, U, C: each(A.annotate(x=F("meta__color"))),
     ["red", "blue", None, None, None, "red", "línea"]),
    (lambda A, U, C: each(A.annotate(x=F("meta__size__w"))),
     [1, None, None, None, None, 10, None]),
    (lambda A, U, C: each(A.annotate(x=KT("meta__color"))),
     ["red", "blue", None, None, None, "red", "línea"]),
    (lambda A, U, C: each(A.annotate(x=KT("meta__color")).filter(x__startswith="r")),
     ["red", "red"]),
    (lambda A, U, C: each(A.annotate(x=KeyTransform("0", "tags"))),
     ["a", "b", None, None, "b", "c", None]),
    (lambda A, U, C: A.values_list("uid", "meta__color"),
     [("1", "red"), ("2", "blue"), ("3", None), ("4", None), ("5", None), ("6", "red"), ("7",
       "línea")]),
    (lambda A, U, C: A.values_list("uid", "meta"),
     [("1", {"color": "red", "size": {"w": 1, "h": 2.5}, "list": [1, "two", None]}), ("2",
       {"color": "blue", "n": None}), ("3", {}), ("4", None), ("5", [1, {"deep": "er"}]), ("6",
       {"color": "red", "size": {"w": 10, "h": None}, "odd key.$": True}), ("7", {"color": "línea",
       "n": 2})]),
    (lambda A, U, C: A.values_list("uid", "published__year", "title"),
     [("1", 2020, "Alpha"), ("2", 2020, "beta"), ("3", 2021, '100%_sure\'s "ok" \\o/'), ("4", None,
       None), ("5", 1970, ""), ("6", 2019, "alpha"), ("7", 2020, "línea 雪")]),
    # conditions
    (lambda A, U, C: each(A.annotate(x=Case(When(stock__gt=5, then=Value("many")),
      When(stock__gt=0, then=Value("few")), default=Value("none")))),
     ["few", "many", "none", "none", "none", "few", "many"]),
    (lambda A, U, C: each(A.annotate(x=Case(When(draft=True, then="title"),
      default="author__name"))),
     ["Alpha", "bob", '100%_sure\'s "ok" \\o/', None, 'Cid \\ 100%_\'s "ok"', "alpha", "Ann"]),
    (lambda A, U, C: each(A.annotate(x=Case(When(Q(stock=3) | Q(score=0), then=F("stock") + 1)))),
     [4, None, None, None, 1, 4, None]),
    (lambda A, U, C: A.annotate(x=Case(When(author__age__gt=40, then=Value(1)),
      default=Value(0))).filter(x=1),
     list("2")),
    (lambda A, U, C: each(A.annotate(x=Q(stock__gt=3))),
     [False, True, False, None, False, False, True]),
    (lambda A, U, C: each(A.annotate(x=ExpressionWrapper(Q(draft=True), BooleanField()))),
     [True, False, True, None, False, True, False]),
    (lambda A, U, C: each(A.annotate(x=ExpressionWrapper(Q(pk__in=[]), BooleanField()))),
     [False, False, False, False, False, False, False]),
    (lambda A, U, C: A.filter(Case(When(stock=3, then="draft"), default=False,
      output_field=BooleanField())),
     list("16")),
    (lambda A, U, C: A.order_by(Case(When(title="beta", then=0), default=1),
      "uid").values_list("uid", flat=True),
     list("2134567")),
    (lambda A, U, C: A.filter(GreaterThan(F("stock"), 3)), list("27")),
    (lambda A, U, C: each(A.annotate(x=IsNull(F("title"), True))),
     [False, False, False, True, False, False, False]),
    (lambda A, U, C: A.annotate(x=Value(1), y=Value("a%"), z=Value(None,
      CharField())).values_list("x", "y", "z"),
     [(1, "a%", None), (1, "a%", None), (1, "a%", None), (1, "a%", None), (1, "a%", None), (1,
       "a%", None), (1, "a%", None)]),
]
# fmt: on


@pytest.mark.parametrize(("query", "expected"), QUERIES, ids=line_of)
def test_query(query, expected):
    assert same(lambda m: query(m.Article.objects, m.Author.objects, m.Comment.objects)) == expected
