"""Rows, conditions and expressions that nobody has thought of: documents answer as their twins."""

from __future__ import annotations

import datetime
import zoneinfo
from decimal import Decimal
from functools import reduce
from operator import and_, or_, xor

from django.db.models import Avg, Count, F, FloatField, Max, Min, Q, Sum, Value, Window
from django.db.models.functions import (
    Cast,
    Coalesce,
    Concat,
    Greatest,
    Length,
    Lower,
    Rank,
    Round,
    TruncDate,
    TruncMonth,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counts import EXAMPLES, FEW

from .rows import UTC, saved
from .twin import on_rows, same

pytestmark = on_rows

INTEGERS = st.integers(-5, 5) | st.integers(-(2**31), 2**31 - 1)
FLOATS = st.floats(-10, 10).map(lambda x: round(x, 2)) | st.floats(-1e100, 1e100)
PRICES = st.decimals(Decimal("-999999.99"), Decimal("999999.99"), places=2)
# Characters that JSON, SQL, LIKE and regular expressions take for something; and letters whose
# cases SQLite knows.
TEXTS = st.text("aAbB'\"\\%_ .*[]{}$\t\n雪é🐟&<\u2028", max_size=6) | st.text("abAB", max_size=3)
ZONES = st.sampled_from([UTC, *map(zoneinfo.ZoneInfo, ("Asia/Kolkata", "America/New_York"))])
MOMENTS = st.datetimes(
    datetime.datetime(1970, 1, 2),
    datetime.datetime(2100, 1, 1),
    timezones=ZONES,
    allow_imaginary=False,
)
DATES = st.dates(datetime.date(1000, 1, 2))
TIMES = st.times()
DURATIONS = st.timedeltas(datetime.timedelta(days=-500), datetime.timedelta(days=500))
UUIDS = st.uuids()
JSON = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.none() | TEXTS | st.floats(-9, 9).filter(bool),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["color", "é", "odd key.$", "<", "0"]), inner, max_size=2)
    ),
    max_leaves=4,
)

VALUES = {
    "title": TEXTS,
    "price": PRICES,
    "stock": INTEGERS,
    "score": FLOATS,
    "published": MOMENTS,
    "pub_date": DATES,
    "pub_time": TIMES,
    "duration": DURATIONS,
    "draft": st.booleans(),
    "serial": UUIDS,
    "meta": JSON,
}
ARTICLES = st.lists(
    st.fixed_dictionaries(
        {"author": st.sampled_from([None, "ann", "bob"])},
        optional={name: st.none() | values for name, values in VALUES.items()},
    ),
    min_size=1,
    max_size=6,
).map(lambda rows: [{"uid": f"x{i}", **row} for i, row in enumerate(rows)])

COMPARED = ("exact", "gt", "gte", "lt", "lte")
TEXTUAL = ("iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith")


def _lookup(name, lookup, values):
    return values.map(lambda value: Q(**{f"{name}__{lookup}": value}))


def _lookups(name, values):
    """Conditions on a field."""
    yield st.booleans().map(lambda value: Q(**{f"{name}__isnull": value}))
    for lookup in ("exact",) if name in ("draft", "meta") else COMPARED:
        yield _lookup(name, lookup, values)
    yield _lookup(name, "in", st.lists(values, max_size=3))
    if name == "title":
        for lookup in TEXTUAL:
            yield _lookup(name, lookup, values)
    if name in ("published", "pub_date", "pub_time", "stock", "price"):
        yield _lookup(name, "range", st.tuples(values, values).map(sorted))
    if name == "published":
        yield _lookup(name, "date__gte", DATES)
        yield _lookup(name, "time__lt", TIMES)
    if name in ("published", "pub_date"):
        for part, numbers in (
            ("year", st.integers(1971, 2099)),
            ("iso_year", st.integers(1971, 2099)),
            ("month", st.integers(1, 12)),
            ("day", st.integers(1, 31)),
            ("week", st.integers(1, 53)),
            ("week_day", st.integers(1, 7)),
            ("iso_week_day", st.integers(1, 7)),
            ("quarter", st.integers(1, 4)),
        ):
            yield _lookup(name, part, numbers)
            yield _lookup(name, f"{part}__gt", numbers)
    if name in ("published", "pub_time"):
        for part in ("hour", "minute", "second"):
            yield _lookup(name, part, st.integers(0, 59))


CONDITIONS = st.one_of(
    *(lookup for name, values in VALUES.items() for lookup in _lookups(name, values)),
    st.sampled_from(
        [
            Q(stock=F("score")), Q(stock__gt=F("price")), Q(pub_date__lt=F("published__date")),
            Q(author__name="Ann"), Q(author__mentor__isnull=True), Q(author__age__gt=F("stock")),
            Q(author__articles__draft=True), Q(comments__isnull=True), Q(comments__votes=3),
            Q(parent__title__contains="a"), Q(children__stock__lt=3), Q(author__in=["ann", "x"]),
            Q(meta__color__isnull=True), Q(meta__color="a"), Q(meta__has_key="é"), Q(meta__0=1),
            Q(**{"meta__<__isnull": False}), Q(meta__color__startswith="a"), Q(pk__in=[]), Q(),
        ]
    ),
)  # fmt: skip
TREES = st.recursive(
    CONDITIONS,
    lambda inner: (
        st.builds(
            lambda join, parts: reduce(join, parts),
            st.sampled_from([and_, or_, xor]),
            st.lists(inner, min_size=2, max_size=3),
        )
        | inner.map(lambda q: ~q)
    ),
    max_leaves=6,
)

ANNOTATIONS = [
    F("stock") + F("score"),
    F("price") * 3,
    F("published") - F("duration"),
    Length("title"),
    Concat(Lower("title"), Value("%"), "author__name"),
    Coalesce("title", "author__name", Value("-")),
    Greatest("stock", "score", output_field=FloatField()),
    Round("score"),
    Cast("price", FloatField()),
    TruncDate("published"),
    TruncMonth("pub_date"),
    F("meta__color"),
    F("meta__é"),
    F("meta"),
    Window(Rank(), partition_by="draft", order_by=["stock", "uid"]),
    Window(Max("title"), partition_by="author"),
]
AGGREGATES = {
    "n": Count("stock", distinct=True), "s": Sum("stock"), "a": Avg("price"), "t": Sum("price"),
    "lo": Min("published"), "hi": Max("pub_date"), "d": Sum("duration"), "x": Max("title"),
    "y": Min("pub_time"), "z": Sum("stock", filter=Q(draft=True), default=0),
}  # fmt: skip


class TestConditions:
    @settings(max_examples=2 * EXAMPLES)
    @given(tree=TREES)
    def test_trees(self, tree):
        same(lambda m: m.Article.objects.filter(tree))
        same(lambda m: m.Article.objects.exclude(tree).count())

    @settings(max_examples=2 * FEW)
    @given(tree=TREES, other=TREES, names=st.permutations(["draft", "stock", "author__name"]))
    def test_what_is_made_of_what_is_found(self, tree, other, names):
        names = names[:2]
        for ask in (
            lambda articles: articles.values(*names).annotate(n=Count("pk", distinct=True)),
            lambda articles: articles.values_list(*names).distinct(),
            lambda articles: articles.order_by(*names, "uid").values_list("uid"),
            lambda articles: articles.annotate(n=Count("comments")).values_list("uid", "n"),
            lambda articles: articles.filter(pk__in=articles.model.objects.exclude(other)),
            lambda articles: articles.union(articles.model.objects.filter(other)),
            lambda articles: articles.aggregate(**AGGREGATES),
        ):
            same(lambda m, ask=ask: ask(m.Article.objects.filter(tree)))


class TestRows:
    @settings(max_examples=FEW)
    @given(rows=ARTICLES, trees=st.lists(TREES, min_size=5, max_size=5))
    def test_any_rows(self, rows, trees):
        comments = [{"uid": "c", "votes": 3, "article": "x0"}]
        with saved(authors=[], articles=rows, comments=comments):
            for name in VALUES:
                same(lambda m, name=name: m.Article.objects.values_list("uid", name))
                for value in {repr(row.get(name)): row.get(name) for row in rows}.values():
                    if value is not None:
                        is_value = Q(**{name: value})
                        same(lambda m, is_value=is_value: m.Article.objects.filter(is_value))
                if name != "meta":
                    same(lambda m, name=name: m.Article.objects.order_by(name, "uid"))
            for annotation in ANNOTATIONS:
                same(
                    lambda m, x=annotation: m.Article.objects.annotate(x=x).values_list("uid", "x")
                )
            for tree in trees:
                same(lambda m, tree=tree: m.Article.objects.filter(tree))
            same(lambda m: m.Article.objects.aggregate(**AGGREGATES))
