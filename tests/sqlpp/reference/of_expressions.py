"""Times, aggregates, functions, conditions, subqueries, joins and windows, over articles."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Callable
from typing import Any

from django.db.models import (
    Avg,
    BooleanField,
    Case,
    CharField,
    Count,
    DateField,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    RowRange,
    StdDev,
    Subquery,
    Sum,
    Value,
    ValueRange,
    Variance,
    When,
    Window,
)
from django.db.models import functions as fn
from django.db.models.functions import Cast, Coalesce, Extract, Trunc

from .models import RefArticle as Article
from .models import RefAuthor as Author
from .models import RefComment as Comment
from .models import RefOrder as Order

ARTICLES, AUTHORS, COMMENTS = Article.all_objects, Author.all_objects, Comment.all_objects
A: Any = ARTICLES.order_by("uid")
U: Any = AUTHORS.order_by("uid")
UTC = datetime.timezone.utc
PARIS, NEW_YORK = zoneinfo.ZoneInfo("Europe/Paris"), zoneinfo.ZoneInfo("America/New_York")
Y2024, Y2025 = (datetime.datetime(year, 1, 1, tzinfo=UTC) for year in (2024, 2025))
OF_ARTICLE = COMMENTS.filter(article=OuterRef("pk"))
OF_AUTHOR = COMMENTS.filter(author=OuterRef("pk"))
COUNTED = Coalesce(
    Subquery(OF_ARTICLE.order_by().values("article").annotate(n=Count("pk")).values("n")), 0
)
LATEST = Subquery(OF_ARTICLE.order_by("-created").values("text")[:1])
NONE = ARTICLES.filter(title="none")


def shown(*expressions: Any) -> Callable[[], Any]:
    """The values of expressions, by uid."""
    return lambda: A.values_list("uid", *expressions)


def of_authors(*expressions: Any) -> Callable[[], Any]:
    return lambda: U.values_list("uid", *expressions)


def parts(*names: str, tzinfo: Any = UTC) -> Callable[[], Any]:
    return shown(*(Extract("published", name, tzinfo=tzinfo) for name in names))


def moment(expression: Any) -> Any:
    return ExpressionWrapper(expression, output_field=DateTimeField())


def computed(*values: Any) -> Callable[[], Any]:
    """The values of expressions, once."""
    return lambda: ARTICLES.filter(pk="article::1").values_list(*values)


DATES: dict[str, Callable[[], Any]] = {
    "compare.utc": lambda: A.filter(published__gte=Y2024, published__lt=Y2025),
    "millis": lambda: A.filter(published__gte=Y2024, published__lt=Y2025),
    "compare.exact": lambda: A.filter(
        published=datetime.datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
    ),
    "compare.micro": lambda: A.filter(
        published=datetime.datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
    ),
    "year.between": lambda: A.filter(published__year=2024),
    "extract.year": parts("year"),
    "extract.all": parts("month", "day", "hour", "minute", "second", "quarter", "iso_year"),
    "extract.week": parts("week"),
    "extract.weekday": parts("week_day"),
    "extract.isoweekday": parts("iso_week_day"),
    "extract.tz": parts("hour", "day", tzinfo=PARIS),
    "extract.tz.ny": parts("month", tzinfo=NEW_YORK),
    "lookup.date": lambda: A.filter(published__date=datetime.date(2024, 1, 1)),
    "lookup.time": lambda: A.filter(published__time__gte=datetime.time(10, 30)),
    "lookup.hour": lambda: A.filter(published__hour=10),
    "lookup.month.gt": lambda: A.filter(published__month__gt=1),
    "lookup.weekday": lambda: A.filter(published__week_day=2),
    "trunc": shown(
        *(
            Trunc("published", part, tzinfo=UTC)
            for part in ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
        )
    ),
    "trunc.tz": shown(
        Trunc("published", "month", tzinfo=PARIS), Trunc("published", "day", tzinfo=PARIS)
    ),
    "trunc.date": shown(
        Trunc("pub_date", "month"), Trunc("pub_date", "week"), Trunc("pub_time", "hour")
    ),
    "trunc.todate": shown(fn.TruncDate("published"), fn.TruncTime("published")),
    "date.extract": shown(
        Extract("pub_date", "year"), Extract("pub_date", "week"), Extract("pub_date", "week_day"),
        Extract("pub_time", "hour"), Extract("pub_time", "second"),
    ),
    "date.range": lambda: A.filter(
        pub_date__range=(datetime.date(2024, 1, 1), datetime.date(2024, 12, 31))
    ),
    "order.utc": lambda: ARTICLES.order_by("created", "uid"),
    "add": shown(moment(F("published") + datetime.timedelta(days=1))),
    "diff": lambda: A.filter(pk__in=["article::1", "article::2", "article::3"]).values_list(
        "uid", ExpressionWrapper(F("updated") - F("created"), output_field=DurationField())
    ),
    "duration": lambda: A.filter(duration__gte=datetime.timedelta(minutes=90)),
    "duration.add": shown(moment(F("published") + F("duration"))),
    "dates": lambda: ARTICLES.dates("pub_date", "month"),
    "index": lambda: ARTICLES.filter(published__gte=Y2024).order_by("published", "uid"),
}  # fmt: skip
CASTS: dict[str, Callable[[], Any]] = {
    "text": shown(Cast("stock", CharField())),
    "text.float": shown(Cast("score", CharField())),
    "int": shown(Cast("score", IntegerField())),
    "float": shown(Cast("price", FloatField())),
    "bool": shown(Cast("stock", BooleanField())),
    "date": shown(Cast("published", DateField())),
}
AGGREGATES: dict[str, Callable[[], Any]] = {
    "dec.sum": lambda: ARTICLES.aggregate(x=Sum("price")),
    "dec.agg": lambda: ARTICLES.aggregate(x=Avg("price"), y=Min("price"), z=Max("price")),
    "dec.arith": shown(F("price") * 2),
    "agg.basic": lambda: ARTICLES.aggregate(
        a=Count("*"), b=Count("stock"), c=Sum("stock"), d=Avg("stock"), e=Min("stock"),
        f=Max("stock"),
    ),
    "agg.count": lambda: ARTICLES.count(),
    "agg.distinct": lambda: ARTICLES.aggregate(
        a=Count("stock", distinct=True), b=Sum("stock", distinct=True),
        c=Avg("stock", distinct=True),
    ),
    "agg.empty": lambda: NONE.aggregate(
        a=Count("*"), b=Count("stock"), c=Sum("stock"), d=Avg("stock"), e=Min("stock"),
        f=StdDev("stock"),
    ),
    "agg.default": lambda: NONE.aggregate(x=Sum("stock", default=0)),
    "agg.stddev": lambda: ARTICLES.aggregate(
        a=StdDev("stock"), b=StdDev("stock", sample=True), c=Variance("stock"),
        d=Variance("stock", sample=True),
    ),
    "agg.filter": lambda: ARTICLES.aggregate(
        a=Count("pk", filter=Q(draft=True)), b=Sum("stock", filter=Q(draft=False)),
        c=Count("stock", filter=Q(stock__gt=0), distinct=True),
    ),
    "agg.filter.case": lambda: ARTICLES.aggregate(
        a=Count(Case(When(draft=True, then="pk"))), b=Sum(Case(When(draft=False, then="stock")))
    ),
    "agg.of.annotation": lambda: ARTICLES.annotate(n=Count("comments")).aggregate(x=Max("n")),
    "agg.join.dup": of_authors(Count("articles", distinct=True), Count("comments")),
    "group.by": lambda: ARTICLES.order_by("draft").values_list("draft").annotate(n=Count("pk")),
    "group.param.same": lambda: ARTICLES.order_by("pub_date__year").values_list(
        "pub_date__year"
    ).annotate(n=Count("pk")),
    "group.let": lambda: ARTICLES.order_by("pub_date__year").values_list(
        "pub_date__year"
    ).annotate(n=Count("pk")),
    "group.alias": lambda: ARTICLES.filter(pub_date__isnull=False).order_by(
        "pub_date__year"
    ).values_list("pub_date__year").annotate(n=Count("pk")).filter(n__gte=1),
    "group.having": lambda: ARTICLES.filter(draft__isnull=False).order_by("draft").values_list(
        "draft"
    ).annotate(n=Count("pk")).filter(n__gt=1),
    "group.pk": shown("title", "stock", Count("comments")),
    "group.doc": shown("title", "stock", Count("comments")),
    "group.relation": lambda: ARTICLES.order_by("author__name").values_list(
        "author__name"
    ).annotate(n=Count("pk")),
    "group.none": lambda: NONE.order_by("draft").values_list("draft").annotate(n=Count("pk")),
    "group.subquery.let": lambda: ARTICLES.filter(author__isnull=False).annotate(
        name=Subquery(AUTHORS.filter(pk=OuterRef("author")).values("name"))
    ).order_by("name").values_list("name").annotate(n=Count("pk")),
}  # fmt: skip
MATH: dict[str, Callable[[], Any]] = {
    "add": shown(F("stock") + 1, F("stock") * F("score")),
    "div": shown(F("stock") / 2),
    "mod": shown(F("stock") % 5),
    "pow": shown(F("stock") ** 2),
    "neg": shown(-F("stock")),
    "bit.rshift": shown(F("stock").bitrightshift(1)),
    "round.nearest": shown(fn.Round("score")),
    "fn1": shown(fn.Abs("score"), fn.Ceil("score"), fn.Floor("score"), fn.Sign("score")),
    "fn2": computed(
        fn.Sqrt(Value(16.0)), fn.Exp(Value(1.0)), fn.Ln(Value(10.0)),
        fn.Power(Value(2.0), Value(0.5)), fn.Pi(), fn.Degrees(fn.Pi()), fn.Radians(Value(180.0)),
    ),
    "trig": computed(
        fn.Sin(Value(1.0)), fn.Cos(Value(1.0)), fn.Tan(Value(1.0)), fn.Cot(Value(1.0)),
        fn.ASin(Value(1.0)), fn.ACos(Value(1.0)), fn.ATan(Value(1.0)),
        fn.ATan2(Value(1.0), Value(2.0)),
    ),
    "log": computed(fn.Log(Value(2.0), Value(8.0)), fn.Log(Value(10.0), Value(100.0))),
    "filter": lambda: A.filter(stock__gt=F("score") * 2),
}  # fmt: skip
TEXTS: dict[str, Callable[[], Any]] = {
    "concat": shown(fn.Concat("title", Value(" by "), "author__uid", output_field=CharField())),
    "greatest": shown(fn.Greatest("stock", "score", Value(3), output_field=FloatField())),
    "coalesce": of_authors(Coalesce("email", "name")),
    "nullif": shown(fn.NullIf("stock", Value(7))),
    "lower": of_authors(fn.Lower("name"), fn.Upper("name")),
    "length": shown(fn.Length("title")),
    "substr": shown(fn.Substr("title", 1, 3)),
    "left": shown(fn.Left("title", 4)),
    "right": shown(fn.Right("title", 4)),
    "replace": shown(fn.Replace("title", Value(" "), Value("_"))),
    "pad": of_authors(fn.LPad("name", 8, Value("*")), fn.RPad("name", 8, Value("*"))),
    "reverse": of_authors(fn.Reverse("name")),
    "strindex": shown(fn.StrIndex("title", Value("o"))),
    "md5": shown(fn.MD5("title")),
    "sha": computed(*(sha(Value("abc")) for sha in (fn.SHA224, fn.SHA256, fn.SHA384, fn.SHA512))),
}
CASES: dict[str, Callable[[], Any]] = {
    "when": shown(
        Case(
            When(draft=True, then=Value("d")), When(draft=False, then=Value("p")),
            default=Value("?"),
        )
    ),
    "when.not": shown(Case(When(~Q(stock=7), then=1), default=0, output_field=IntegerField())),
    "filter": lambda: A.annotate(
        x=Case(When(stock__gt=5, then=Value("many")), default=Value("few"))
    ).filter(x="many"),
    "aggregate": lambda: ARTICLES.aggregate(x=Sum(Case(When(draft=True, then="stock"), default=0))),
    "order": lambda: ARTICLES.order_by(
        Case(When(draft=True, then=0), default=1, output_field=IntegerField()), "uid"
    ),
}  # fmt: skip
SUBQUERIES: dict[str, Callable[[], Any]] = {
    "order.subquery": lambda: ARTICLES.order_by(COUNTED.desc(), "uid"),
    "subq.exists": lambda: U.filter(Exists(OF_AUTHOR)),
    "subq.notexists": lambda: U.filter(~Exists(OF_AUTHOR)),
    "subq.exists.annotate": of_authors(Exists(OF_AUTHOR)),
    "subq.exists.nested": lambda: U.filter(
        Exists(
            ARTICLES.filter(
                Exists(OF_ARTICLE.exclude(author=OuterRef(OuterRef("pk")))), author=OuterRef("pk")
            )
        )
    ),
    "subq.scalar": shown(LATEST),
    "subq.scalar.rowarray": shown(LATEST),
    "subq.scalar.compare": lambda: A.filter(
        stock=Subquery(ARTICLES.filter(stock__isnull=False).order_by("-stock").values("stock")[:1])
    ),
    "subq.count": shown(COUNTED),
    "subq.filter": lambda: A.annotate(n=COUNTED).filter(n__gte=2),
    "subq.usekeys": shown(Subquery(AUTHORS.filter(pk=OuterRef("author")).values("name"))),
    "subq.from.object": lambda: ARTICLES.order_by("-stock")[:2].aggregate(x=Sum("stock")),
    "subq.from.position": lambda: ARTICLES.order_by("-stock")[:2].aggregate(x=Sum("stock")),
    "subq.count.distinct": lambda: ARTICLES.values("draft", "stock").distinct().count(),
    "join.inner": lambda: A.filter(author__name__isnull=False).values_list("uid", "author__name"),
    "join.left": shown("author__name"),
    "join.left.doctype": shown("author", "author__name"),
    "join.isnull": lambda: A.filter(author__name__isnull=True),
    "join.self": shown("parent__title"),
    "join.two": lambda: A.filter(parent__author__name="Ada Lovelace"),
    "join.reverse": lambda: ARTICLES.filter(comments__votes__gt=2).order_by(
        "uid", "comments__uid"
    ).values_list("uid", "comments__uid"),
    "join.reverse.exclude": lambda: A.exclude(comments__votes__gt=2),
    "join.reverse.agg": shown(Count("comments"), Sum("comments__votes")),
    "join.comma": lambda: COMMENTS.filter(author__name__isnull=False).order_by("uid").values_list(
        "uid", "author__uid"
    ),
    "join.collection": lambda: Order.all_objects.order_by("uid").values_list(
        "uid", "author__name", "total"
    ),
    "join.onkeys": lambda: COMMENTS.filter(author__name__isnull=False).order_by("uid").values_list(
        "uid", "author__name"
    ),
}  # fmt: skip


def window(*expressions: Any, **over: Any) -> Callable[[], Any]:
    return shown(*(Window(each, **over) for each in expressions))


WHOLE = RowRange(None, None)
WINDOWS: dict[str, Callable[[], Any]] = {
    "rownumber": window(fn.RowNumber(), order_by=["stock", "uid"]),
    "rank": window(fn.Rank(), fn.DenseRank(), fn.PercentRank(), fn.CumeDist(), order_by="stock"),
    "lag": shown(
        Window(fn.Lag("stock"), order_by="uid"),
        Window(fn.Lag("stock", 2, Value(-1)), order_by="uid"),
        Window(fn.Lead("stock"), partition_by="draft", order_by="uid"),
    ),
    "partition": window(Sum("stock"), partition_by="draft"),
    "running": window(Sum("stock"), order_by="uid"),
    "frame.rows": window(Avg("stock"), order_by="uid", frame=RowRange(-1, 0)),
    "frame.range": window(Sum("stock"), order_by="uid", frame=ValueRange(None, 0)),
    "first": shown(
        *(
            Window(each, order_by="uid", frame=WHOLE)
            for each in (fn.FirstValue("stock"), fn.LastValue("stock"), fn.NthValue("stock", 2))
        ),
        Window(fn.Ntile(3), order_by="uid"),
    ),
    "filter": window(Count("pk", filter=Q(stock__gt=0)), partition_by="draft"),
    "topn": lambda: A.annotate(
        x=Window(fn.RowNumber(), partition_by="author", order_by=[F("stock").desc(), "uid"])
    ).filter(x__lte=1).values_list("uid", "x"),
}  # fmt: skip
CONSTRUCTS: dict[str, Callable[[], Any]] = {
    **{f"dt.{name}": ask for name, ask in DATES.items()},
    **{f"cast.{name}": ask for name, ask in CASTS.items()},
    **AGGREGATES,
    **{f"math.{name}": ask for name, ask in MATH.items()},
    **{f"text.{name}": ask for name, ask in TEXTS.items()},
    **{f"case.{name}": ask for name, ask in CASES.items()},
    **SUBQUERIES,
    **{f"win.{name}": ask for name, ask in WINDOWS.items()},
}
