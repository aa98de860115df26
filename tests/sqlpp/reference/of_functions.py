"""Functions, casts, conditions and windows."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db.models import (
    Avg,
    BooleanField,
    Case,
    CharField,
    Count,
    DateField,
    F,
    FloatField,
    IntegerField,
    Max,
    Q,
    RowRange,
    Sum,
    TextField,
    Value,
    ValueRange,
    When,
    Window,
    WindowFrameExclusion,
)
from django.db.models import functions as fn
from django.db.models.functions import Cast

from tests.orm.models import Article, Author

A: Any = Article.objects.order_by("uid")
U: Any = Author.objects.order_by("uid")
text = CharField()


def shown(*expressions: Any) -> Callable[[], Any]:
    """The values of expressions, by uid."""
    return lambda: A.values_list("uid", *expressions)


def window(expression: Any, **over: Any) -> Callable[[], Any]:
    return shown(Window(expression, **over))


FUNCTIONS: dict[str, Callable[[], Any]] = {
    "case.nested": shown(
        Case(
            When(
                stock__gt=0,
                then=Case(When(draft=True, then=Value("d")), default=Value("p")),
            ),
            default=Value("-"),
        )
    ),
    "case.join": shown(Case(When(draft=True, then="title"), default="author__name")),
    "q": lambda: A.annotate(x=Q(stock__gt=3)).values_list("uid", "x"),
    "case.filter": lambda: A.filter(
        Case(When(stock=3, then="draft"), default=Value(False), output_field=BooleanField())
    ),
    "coalesce": shown(fn.Coalesce("stock", 0)),
    "nullif": shown(fn.NullIf("stock", Value(3))),
    "greatest": shown(fn.Greatest("stock", "score", output_field=FloatField())),
    "least.null": shown(fn.Least("stock", Value(5))),
    "concat": shown(fn.Concat("title", Value("-"), "stock", output_field=text)),
    "strindex": shown(fn.StrIndex("title", Value("a"))),
    "strindex.unicode": shown(fn.StrIndex("title", Value("雪"))),
    "substr": shown(fn.Substr("title", 2, 3)),
    "left": shown(fn.Left("title", 2)),
    "right": shown(fn.Right("title", 2)),
    "replace": shown(fn.Replace("title", Value("l"), Value("LL"))),
    "trim": shown(fn.Trim(Value("  a\t "))),
    "lpad": shown(fn.LPad("title", 8, Value("*"))),
    "rpad": shown(fn.RPad("title", 4, Value("ab"))),
    "reverse": shown(fn.Reverse("title")),
    "repeat": shown(fn.Repeat("title", 2)),
    "length": shown(fn.Length("title")),
    "upper": shown(fn.Upper("title")),
    "md5": shown(fn.MD5("title")),
    "sha224": shown(fn.SHA224("title")),
    "sha256": shown(fn.SHA256("title")),
    "sha384": shown(fn.SHA384("title")),
    "sha512": shown(fn.SHA512("title")),
    "ord": shown(fn.Ord("title")),
    "chr": shown(fn.Chr(F("stock") + 65)),
    "chr.json": shown(fn.Chr(F("stock") + 8364)),
    "round": shown(fn.Round(F("score") * 10 / 3, precision=2)),
    "floor": shown(fn.Floor("score")),
    "ceil": shown(fn.Ceil("score")),
    "mod": shown(fn.Mod("stock", 4)),
    "power": shown(fn.Power("stock", 2)),
    "sqrt": shown(fn.Sqrt(F("stock") * F("stock"))),
    "ln": shown(fn.Ln("score")),
    "log": shown(fn.Log(2, F("stock") + 5)),
    "trig": shown(fn.Sin("score")),
    "cot": shown(fn.Cot("stock")),
    "degrees": shown(fn.Degrees("score")),
    "sign": shown(fn.Sign("stock")),
    "abs": shown(fn.Abs("stock")),
    "bitand": shown(F("stock").bitand(2)),
    "bitor": shown(F("stock").bitor(8)),
    "bitxor": shown(F("stock").bitxor(3)),
    "bitleft": shown(F("stock").bitleftshift(1)),
    "bitright": shown(F("stock").bitrightshift(1)),
    "random": lambda: A.annotate(x=fn.Random()).annotate(
        y=Q(x__gte=0) & Q(x__lt=1)
    ).values_list("uid", "y"),
    "div": shown(F("stock") / 2),
    "div.float": shown(F("score") / 2),
    "arith.mixed": shown(F("stock") + F("score")),
    "arith.decimal": shown(F("price") * 2),
    "arith.decimal.add": shown(F("price") + Decimal("0.05")),
    "cast.int.char": shown(Cast("stock", text)),
    "cast.float.int": shown(Cast("score", IntegerField())),
    "cast.int.float": shown(Cast("stock", FloatField())),
    "cast.decimal.float": shown(Cast("price", FloatField())),
    "cast.date.char": shown(Cast("pub_date", text)),
    "cast.datetime.date": shown(Cast("published", DateField())),
    "cast.text.date": shown(Cast(Value("2020-01-01"), DateField())),
    "cast.text.int": shown(Cast("uid", IntegerField())),
    "cast.bool.int": shown(Cast("draft", IntegerField())),
    "cast.int.bool": shown(Cast("stock", BooleanField())),
    "cast.bool.char": shown(Cast("draft", text)),
    "cast.float.char": shown(Cast("score", text)),
    "cast.datetime.char": shown(Cast("published", text)),
    "cast.json.text": shown(Cast("meta", TextField())),
    "jsonobject": shown(fn.JSONObject(t="title", s=F("stock") * 2)),
    "filter.length": lambda: A.annotate(n=fn.Length("title")).filter(n__gt=F("stock")),
    "collate": lambda: Article.objects.order_by(fn.Lower("title"), "uid"),
}  # fmt: skip
WINDOWS: dict[str, Callable[[], Any]] = {
    "rank.null": window(fn.Rank(), order_by="stock"),
    "dense": window(fn.DenseRank(), partition_by="draft", order_by="-stock"),
    "ntile": window(fn.Ntile(3), order_by="uid"),
    "lead": window(fn.Lead("stock", 2, Value(0)), order_by="uid"),
    "last": window(fn.LastValue("title"), partition_by="author", order_by="uid"),
    "nth": window(fn.NthValue("title", 2), partition_by="draft", order_by="uid"),
    "rows": window(Avg("price"), order_by="uid", frame=RowRange(-1, 1)),
    "range": window(Sum("stock"), order_by="stock", frame=ValueRange(None, 0)),
    "count2": window(Count("pk"), partition_by=["author", "draft"]),
    "join": window(Max("published"), partition_by="author__name"),
    "filter": lambda: A.annotate(
        x=Window(fn.Rank(), partition_by="draft", order_by="stock")
    ).filter(x=1),
    "agg": lambda: U.annotate(n=Count("articles")).annotate(
        x=Window(fn.Rank(), order_by=F("n").desc())
    ).values_list("uid", "n", "x"),
    "order": lambda: Article.objects.order_by(
        Window(fn.RowNumber(), order_by=[F("stock").desc(), "uid"])
    )[:3],
    "exclude": window(
        Sum("stock"), order_by="uid",
        frame=RowRange(None, None, exclusion=WindowFrameExclusion.CURRENT_ROW),
    ),
    "valuerange": window(Sum("stock"), order_by="stock", frame=ValueRange(-3, 3)),
    "distinct": window(Count("stock", distinct=True), partition_by="draft"),
    "guard": window(Sum("price"), partition_by="published__year", order_by="published"),
}  # fmt: skip
CONSTRUCTS: dict[str, Callable[[], Any]] = {
    **{f"shape2.fn.{name}": ask for name, ask in FUNCTIONS.items()},
    **{f"shape2.window.{name}": ask for name, ask in WINDOWS.items()},
    "shape2.nullif.sql": shown(fn.NullIf("stock", "score", output_field=IntegerField())),
    "shape2.distinct.on.window": lambda: A.annotate(
        x=Window(fn.RowNumber(), partition_by="draft", order_by=[F("stock").desc(), "uid"])
    ).filter(x=1),
    "shape2.lookup.int.contains": lambda: A.filter(stock__contains=1),
    "shape2.lookup.int.regex": lambda: A.filter(stock__regex="^[37]$"),
    "shape2.lookup.uuid.contains": lambda: A.filter(serial__contains="beef-0000"),
    "shape2.lookup.in.f": lambda: A.filter(stock__in=[F("stock"), 7]),
    "shape2.lookup.startswith.f": lambda: A.filter(title__startswith=F("title")),
    "shape2.lookup.icontains.f": lambda: A.filter(author__name__icontains=F("title")),
    "shape2.lookup.iregex": lambda: A.filter(title__iregex="^[AB]"),
}
