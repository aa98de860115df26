"""What else QuerySets do: expected rows, and the twins'."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from django.db.models import Count, F, FilteredRelation, Prefetch, Q, Sum
from django.db.models.functions import Lower, Upper

from .rows import date, moment
from .twin import line_of, on_rows, same

pytestmark = on_rows

TOKYO = zoneinfo.ZoneInfo("Asia/Tokyo")

# fmt: off
#: Queries of articles, authors and comments, and what they answer.
QUERIES = [
    # order
    (lambda A, U, C: A.order_by("stock", "uid").values_list("uid", flat=True), list("4351672")),
    (lambda A, U, C: A.order_by("-stock", "-uid").values_list("uid", flat=True), list("2761534")),
    (lambda A, U, C: A.order_by("author__name", "-title").values_list("uid", flat=True),
     list("4713562")),
    (lambda A, U, C: A.order_by("author", "uid").values_list("uid", flat=True), list("4137256")),
    (lambda A, U, C: A.order_by("parent__author__name", "uid").values_list("uid", flat=True),
     list("1462375")),
    (lambda A, U, C: A.order_by(F("stock").asc(nulls_last=True), "uid").values_list("uid",
      flat=True),
     list("3516724")),
    (lambda A, U, C: A.order_by(F("stock").desc(nulls_first=True), "uid").values_list("uid",
      flat=True),
     list("4271653")),
    (lambda A, U, C: A.order_by(F("author__age").desc(nulls_last=True), "uid").values_list("uid",
      flat=True),
     list("2136745")),
    (lambda A, U, C: A.order_by(Lower("title").desc(), "uid").values_list("uid", flat=True),
     list("7216354")),
    (lambda A, U, C: A.order_by(F("stock") * -1, "uid").values_list("uid", flat=True),
     list("4271653")),
    (lambda A, U, C: A.order_by("price", "uid").values_list("uid", flat=True), list("4351726")),
    (lambda A, U, C: A.order_by("published", "uid").values_list("uid", flat=True),
     list("4567123")),
    (lambda A, U, C: A.order_by("published__month", "uid").values_list("uid", flat=True),
     list("4571236")),
    (lambda A, U, C: A.order_by("duration", "uid").values_list("uid", flat=True), list("4531726")),
    (lambda A, U, C: A.order_by("serial", "uid").values_list("uid", flat=True), list("4123765")),
    (lambda A, U, C: A.order_by("pub_time").values_list("uid", flat=True), list("4517623")),
    (lambda A, U, C: A.order_by("meta__color", "uid").values_list("uid", flat=True),
     list("3452716")),
    (lambda A, U, C: A.order_by("title").reverse().values_list("uid", flat=True), list("7261354")),
    (lambda A, U, C: A.order_by("uid").reverse()[:3], list("765")),
    (lambda A, U, C: A.order_by("comments__votes", "uid").values_list("uid", flat=True),
     list("24571136")),
    (lambda A, U, C: A.order_by("draft", "-pk").values_list("pk", flat=True), list("4752631")),
    (lambda A, U, C: A.order_by("uid")[2:4], list("34")),
    (lambda A, U, C: A.order_by("uid")[5:], list("67")),
    (lambda A, U, C: A.order_by("uid")[1::2], list("246")),
    (lambda A, U, C: A.order_by("uid")[3], "4"),
    (lambda A, U, C: A.order_by("stock", "uid").last(), "2"),
    (lambda A, U, C: A.order_by("uid").first(), "1"),
    (lambda A, U, C: A.earliest("published"), "4"),
    (lambda A, U, C: A.latest("published"), "3"),
    (lambda A, U, C: A.latest("stock", "score"), "2"),
    (lambda A, U, C: A.earliest("pub_date", "-stock"), "4"),
    # other constructs
    (lambda A, U, C: A.count(), 7),
    (lambda A, U, C: A.filter(author__name="Ann").count(), 3),
    (lambda A, U, C: A.exists(), True),
    (lambda A, U, C: A.filter(stock=99).exists(), False),
    (lambda A, U, C: A.contains(A.get(pk="1")), True),
    (lambda A, U, C: A.get(title="Alpha"), "1"),
    (lambda A, U, C: A.in_bulk(["1", "3", "none"]), {"1": "1", "3": "3"}),
    (lambda A, U, C: sorted(A.in_bulk()), list("1234567")),
    (lambda A, U, C: list(A.order_by("uid").iterator(chunk_size=2)), list("1234567")),
    (lambda A, U, C: list(A.prefetch_related("comments").order_by("uid").iterator(chunk_size=2)),
     list("1234567")),
    (lambda A, U, C: A.dates("pub_date", "year"),
     [date(1999, 1, 1), date(2019, 1, 1), date(2020, 1, 1), date(2021, 1, 1)]),
    (lambda A, U, C: A.dates("pub_date", "month", order="DESC"),
     [date(2021, 1, 1), date(2020, 6, 1), date(2020, 2, 1), date(2020, 1, 1), date(2019, 12, 1),
       date(1999, 12, 1)]),
    (lambda A, U, C: A.dates("pub_date", "week"),
     [date(1999, 12, 27), date(2019, 12, 30), date(2020, 2, 24), date(2020, 6, 1), date(2020, 12,
       28)]),
    (lambda A, U, C: A.dates("pub_date", "day"),
     [date(1999, 12, 31), date(2019, 12, 30), date(2020, 1, 1), date(2020, 2, 29), date(2020, 6,
       1), date(2021, 1, 1)]),
    (lambda A, U, C: A.datetimes("published", "year"),
     [moment(1970, 1, 1), moment(2019, 1, 1), moment(2020, 1, 1), moment(2021, 1, 1)]),
    (lambda A, U, C: A.datetimes("published", "month", order="DESC"),
     [moment(2021, 6, 1), moment(2020, 5, 1), moment(2020, 2, 1), moment(2019, 12, 1), moment(1970,
       1, 1)]),
    (lambda A, U, C: A.datetimes("published", "hour"),
     [moment(1970, 1, 1), moment(2019, 12, 31, 23), moment(2020, 2, 29, 6), moment(2020, 5, 17,
       12), moment(2021, 6, 21)]),
    (lambda A, U, C: A.datetimes("published", "day", tzinfo=TOKYO),
     [datetime.datetime(1970, 1, 1, 0, 0, tzinfo=TOKYO), datetime.datetime(2020, 1, 1, 0, 0,
       tzinfo=TOKYO), datetime.datetime(2020, 2, 29, 0, 0, tzinfo=TOKYO), datetime.datetime(2020,
       5, 17, 0, 0, tzinfo=TOKYO), datetime.datetime(2021, 6, 21, 0, 0, tzinfo=TOKYO)]),
    (lambda A, U, C: A.values_list("stock", flat=True).distinct(), [-3, 0, 10, 3, 7, None]),
    (lambda A, U, C: A.values("stock", "draft").distinct(),
     [{"stock": -3, "draft": True}, {"stock": 0, "draft": False}, {"stock": 10, "draft": False},
       {"stock": 3, "draft": True}, {"stock": 7, "draft": False}, {"stock": None, "draft": None}]),
    (lambda A, U, C: A.values("author__name", "author__mentor__name"),
     [{"author__name": "Ann", "author__mentor__name": None}, {"author__name": "Ann",
       "author__mentor__name": None}, {"author__name": "Ann", "author__mentor__name": None},
       {"author__name": 'Cid \\ 100%_\'s "ok"', "author__mentor__name": "Ann"}, {"author__name":
       "Dee", "author__mentor__name": "bob"}, {"author__name": "bob", "author__mentor__name":
       "Ann"}, {"author__name": None, "author__mentor__name": None}]),
    (lambda A, U, C: A.values_list("uid", "comments__text"),
     [("1", "bad"), ("1", "good"), ("2", "good"), ("3", None), ("4", None), ("5", None), ("6",
       "good"), ("7", None)]),
    (lambda A, U, C: [tuple(row) for row in A.values_list("uid", "title",
      named=True).order_by("uid")],
     [("1", "Alpha"), ("2", "beta"), ("3", '100%_sure\'s "ok" \\o/'), ("4", None), ("5", ""), ("6",
       "alpha"), ("7", "línea 雪")]),
    (lambda A, U, C: A.values(up=Upper("title")),
     [{"up": ""}, {"up": '100%_SURE\'S "OK" \\O/'}, {"up": "ALPHA"}, {"up": "ALPHA"}, {"up":
       "BETA"}, {"up": "LíNEA 雪"}, {"up": None}]),
    (lambda A, U, C: A.values_list("uid", Upper("title")),
     [("1", "ALPHA"), ("2", "BETA"), ("3", '100%_SURE\'S "OK" \\O/'), ("4", None), ("5", ""), ("6",
       "ALPHA"), ("7", "LíNEA 雪")]),
    (lambda A, U, C: A.values("pk", "stock"),
     [{"pk": "1", "stock": 3}, {"pk": "2", "stock": 10}, {"pk": "3", "stock": -3}, {"pk": "4",
       "stock": None}, {"pk": "5", "stock": 0}, {"pk": "6", "stock": 3}, {"pk": "7", "stock": 7}]),
    (lambda A, U, C: A.annotate(x=F("author__name")).values("x", "uid"),
     [{"x": "Ann", "uid": "1"}, {"x": "Ann", "uid": "3"}, {"x": "Ann", "uid": "7"}, {"x":
       'Cid \\ 100%_\'s "ok"', "uid": "5"}, {"x": "Dee", "uid": "6"}, {"x": "bob", "uid": "2"},
       {"x": None, "uid": "4"}]),
    (lambda A, U, C: A.only("title").order_by("uid"), list("1234567")),
    (lambda A, U, C: A.defer("title").order_by("uid"), list("1234567")),
    (lambda A, U, C: A.select_related("author").only("title", "author__name"), list("1234567")),
    (lambda A, U, C: [(a.pk, a.author and a.author.name) for a in
      A.select_related("author").order_by("uid")],
     [("1", "Ann"), ("2", "bob"), ("3", "Ann"), ("4", None), ("5", 'Cid \\ 100%_\'s "ok"'), ("6",
       "Dee"), ("7", "Ann")]),
    (lambda A, U, C: [(a.pk, a.author and a.author.mentor and a.author.mentor.name) for a in
      A.select_related("author__mentor").order_by("uid")],
     [("1", None), ("2", "Ann"), ("3", None), ("4", None), ("5", "Ann"), ("6", "bob"), ("7",
       None)]),
    (lambda A, U, C: [(a.pk, a.parent and a.parent.author.name) for a in
      A.select_related("parent__author").order_by("uid")],
     [("1", None), ("2", "Ann"), ("3", "Ann"), ("4", None), ("5", "bob"), ("6", None), ("7",
       "Ann")]),
    (lambda A, U, C: [(c.pk, c.article and c.article.author.name, c.author and c.author.name) for c
      in C.select_related("article__author", "author").order_by("uid")],
     [("c1", "Ann", "bob"), ("c2", "Ann", "Ann"), ("c3", "bob", "Ann"), ("c4", "Ann", None), ("c5",
       None, "Dee"), ("c6", "Dee", "bob")]),
    (lambda A, U, C: [(u.pk, sorted(a.pk for a in u.articles.all())) for u in
      U.prefetch_related("articles").order_by("uid")],
     [("ann", ["1", "3", "7"]), ("bob", ["2"]), ("cid", ["5"]), ("dee", ["6"]), ("eve", [])]),
    (lambda A, U, C: [(u.pk, sorted(c.pk for a in u.articles.all() for c in a.comments.all())) for
      u in U.prefetch_related("articles__comments").order_by("uid")],
     [("ann", ["c1", "c2", "c4"]), ("bob", ["c3"]), ("cid", []), ("dee", ["c6"]), ("eve", [])]),
    (lambda A, U, C: [(a.pk, a.author and sorted(p.pk for p in a.author.pupils.all())) for a in
      A.prefetch_related("author__pupils").order_by("uid")],
     [("1", ["bob", "cid"]), ("2", ["dee"]), ("3", ["bob", "cid"]), ("4", None), ("5", []), ("6",
       []), ("7", ["bob", "cid"])]),
    (lambda A, U, C: [(u.pk, [a.pk for a in u.drafts]) for u in
      U.prefetch_related(Prefetch("articles", A.filter(draft=True).order_by("-uid"),
      to_attr="drafts")).order_by("uid")],
     [("ann", ["3", "1"]), ("bob", []), ("cid", []), ("dee", ["6"]), ("eve", [])]),
    (lambda A, U, C: [(u.pk, [a.pk for a in u.last]) for u in
      U.prefetch_related(Prefetch("articles", A.order_by("-uid")[:2],
      to_attr="last")).order_by("uid")],
     [("ann", ["7", "3"]), ("bob", ["2"]), ("cid", ["5"]), ("dee", ["6"]), ("eve", [])]),
    (lambda A, U, C: [(u.pk, [(a.pk, a.n) for a in u.articles.all()]) for u in
      U.prefetch_related(Prefetch("articles",
      A.annotate(n=Count("comments")).order_by("uid"))).order_by("uid")],
     [("ann", [("1", 2), ("3", 1), ("7", 0)]), ("bob", [("2", 1)]), ("cid", [("5", 0)]), ("dee",
       [("6", 1)]), ("eve", [])]),
    (lambda A, U, C: [(c.pk, c.article and c.article.author.pk) for c in
      C.prefetch_related("article", "article__author").order_by("uid")],
     [("c1", "ann"), ("c2", "ann"), ("c3", "bob"), ("c4", "ann"), ("c5", None), ("c6", "dee")]),
    (lambda A, U, C: A.annotate(good=FilteredRelation("comments",
      condition=Q(comments__text="good"))).values_list("uid", "good__votes"),
     [("1", 3), ("2", None), ("3", None), ("4", None), ("5", None), ("6", 8), ("7", None)]),
    (lambda A, U, C: A.annotate(good=FilteredRelation("comments",
      condition=Q(comments__text="good"))).filter(good__isnull=True),
     list("3457")),
    (lambda A, U, C: A.annotate(good=FilteredRelation("comments",
      condition=Q(comments__votes__gt=0))).annotate(n=Count("good")).values_list("uid", "n"),
     [("1", 1), ("2", 0), ("3", 1), ("4", 0), ("5", 0), ("6", 1), ("7", 0)]),
    (lambda A, U, C: A.annotate(w=FilteredRelation("author",
      condition=Q(author__age__gt=40))).filter(w__name="bob"),
     list("2")),
    (lambda A, U, C: U.annotate(d=FilteredRelation("articles",
      condition=Q(articles__draft=True))).filter(d__comments__votes=3).distinct(),
     ["ann"]),
    (lambda A, U, C: A.extra(where=["1 = %s"], params=[1]).count(), 7),
    (lambda A, U, C: A.dates("pub_date", "year").count(), 4),
    (lambda A, U, C: sorted(a.pk for a in A.get(pk="1").children.all()), list("23")),
    (lambda A, U, C: [u.pk for u in U.get(pk="ann").pupils.order_by("uid")], ["bob", "cid"]),
    (lambda A, U, C: U.get(pk="ann").articles.filter(comments__votes__gt=0).count(), 2),
    (lambda A, U, C: U.get(pk="ann").articles.aggregate(s=Sum("stock")), {"s": 7}),
    (lambda A, U, C: A.get(pk="2").parent.author.pupils.filter(age=45).get().name, "bob"),
]
# fmt: on


@pytest.mark.parametrize(("query", "expected"), QUERIES, ids=line_of)
def test_query(query, expected):
    assert same(lambda m: query(m.Article.objects, m.Author.objects, m.Comment.objects)) == expected
