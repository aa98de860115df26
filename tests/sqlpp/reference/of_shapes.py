"""Subqueries, joins, groups and combined queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    FilteredRelation,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    StdDev,
    Subquery,
    Sum,
    Value,
    Variance,
    When,
)
from django.db.models.functions import Coalesce

from tests.orm.models import Article, Author, Comment

from .models import RefFk

A: Any = Article.objects.order_by("uid")
U: Any = Author.objects.order_by("uid")
C: Any = Comment.objects
ODD_KEYS: Any = RefFk.all_objects.order_by("uid")
OF_ARTICLE = C.filter(article=OuterRef("pk"))
OF_AUTHOR = Article.objects.filter(author=OuterRef("pk"))
NAME = Subquery(Author.objects.filter(pk=OuterRef("author")).values("name"))
#: How many comments, and the comment with most votes.
COUNTED = Subquery(OF_ARTICLE.order_by().values("article").annotate(n=Count("pk")).values("n"))
BEST = Subquery(OF_ARTICLE.order_by("-votes", "uid").values("text")[:1])
POINTING = Subquery(
    RefFk.all_objects.filter(author=OuterRef("pk"))
    .values("author")
    .annotate(n=Count("pk"))
    .values("n")
)
SAME_AUTHOR: Any = Article.objects.filter(author=OuterRef("author"))
THREE, TEN = Article.objects.filter(stock=3), Article.objects.filter(stock=10)
DRAFTS: Any = Article.objects.filter(draft=True)


def shown(**annotations: Any) -> Any:
    return A.annotate(**annotations).values_list("uid", *annotations)


def grouped(key: str, **aggregates: Any) -> Any:
    return Article.objects.order_by(key).values_list(key).annotate(**aggregates)


CONSTRUCTS: dict[str, Callable[[], Any]] = {
    "shape2.exists": lambda: A.filter(Exists(OF_ARTICLE)),
    "shape2.exists.not": lambda: A.filter(~Exists(OF_ARTICLE.filter(votes__gt=0))),
    "shape2.exists.or": lambda: U.filter(Exists(OF_AUTHOR) | Q(age=0)),
    "shape2.exists.annotate": lambda: shown(x=Exists(OF_ARTICLE)).order_by("-x", "uid"),
    "shape2.exists.nested": lambda: U.filter(
        Exists(OF_AUTHOR.filter(Exists(OF_ARTICLE.filter(author=OuterRef(OuterRef("pk"))))))
    ),
    "shape2.subquery.first": lambda: shown(
        x=Subquery(OF_ARTICLE.order_by("-uid").values("text")[:1])
    ),
    "shape2.subquery.filter": lambda: A.annotate(x=NAME).filter(x="Ann"),
    "shape2.subquery.pk.usekeys": lambda: A.annotate(x=NAME).filter(x="Ann"),
    "shape2.subquery.count": lambda: shown(x=COUNTED),
    "shape2.subquery.order": lambda: U.order_by(
        Subquery(OF_AUTHOR.order_by("-score").values("score")[:1]).desc(nulls_last=True), "uid"
    ),
    "shape2.subquery.self": lambda: shown(
        x=Subquery(SAME_AUTHOR.order_by("-stock", "uid").values("title")[:1])
    ),
    "shape2.subquery.compare": lambda: A.filter(
        stock__gt=Subquery(Article.objects.filter(pk="1").values("stock"))
    ),
    "shape2.in.subquery": lambda: A.filter(author__in=Author.objects.filter(age=31)),
    "shape2.in.subquery.exclude": lambda: A.exclude(author__in=Author.objects.filter(age=31)),
    "shape2.in.subquery.limit": lambda: A.filter(pk__in=Article.objects.order_by("uid")[:2]),
    "shape2.in.subquery.limit.keys": lambda: A.filter(pk__in=Article.objects.order_by("uid")[:2]),
    "shape2.in.subquery.fk": lambda: A.filter(pk__in=C.values("article")),
    "shape2.in.subquery.union": lambda: A.filter(
        pk__in=THREE.order_by().values("pk").union(TEN.order_by().values("pk"))
    ),
    "shape2.subquery.aggregate.let": lambda: U.annotate(
        a=Exists(OF_AUTHOR), b=Count("pupils")
    ).values_list("uid", "a", "b"),
    "shape2.join.forward": lambda: A.filter(author__name="Ann"),
    "shape2.join.forward.isnull": lambda: A.filter(author__email__isnull=True),
    "shape2.join.forward.exclude": lambda: A.exclude(author__age__gte=31),
    "shape2.join.three": lambda: A.filter(author__mentor__name="Ann"),
    "shape2.join.self.three": lambda: A.values_list(
        "uid", "parent__title", "parent__parent__title", "parent__parent__author__name"
    ),
    "shape2.join.reverse": lambda: A.filter(comments__votes=3),
    "shape2.join.reverse.isnull": lambda: A.filter(comments__isnull=True),
    "shape2.join.reverse.notnull": lambda: A.filter(comments__isnull=False),
    "shape2.join.reverse.exclude": lambda: A.exclude(comments__text="good"),
    "shape2.join.reverse.twice": lambda: A.filter(comments__text="good", comments__votes=3),
    "shape2.join.reverse.chain": lambda: A.filter(comments__author__mentor__name="Ann"),
    "shape2.join.or": lambda: A.filter(Q(author__name="bob") | Q(comments__votes=8)).distinct(),
    "shape2.filteredrelation": lambda: A.annotate(
        good=FilteredRelation("comments", condition=Q(comments__text="good"))
    ).values_list("uid", "good__votes"),
    "shape2.filteredrelation.isnull": lambda: A.annotate(
        good=FilteredRelation("comments", condition=Q(comments__text="good"))
    ).filter(good__isnull=True),
    "shape2.join.count.two": lambda: shown(
        x=Count("comments"),
        y=Count("children", distinct=True),
        z=Count("comments", distinct=True),
    ),
    "shape2.join.sum": lambda: shown(x=Sum("comments__votes"), y=Max("comments__votes")),
    "shape2.join.count.filter": lambda: shown(
        x=Count("comments", filter=Q(comments__text="good"))
    ),
    "shape2.join.having": lambda: shown(n=Count("comments")).filter(n__gt=0).order_by("-n", "uid"),
    "shape2.join.having.expr": lambda: U.annotate(n=Count("pupils")).filter(n__gt=F("age") - 31),
    "shape2.join.aggregate.of": lambda: A.annotate(n=Count("comments")).aggregate(
        x=Sum("n"), y=Max("n")
    ),
    "shape2.join.reverse.order": lambda: U.annotate(x=Max("articles__published")).order_by(
        F("x").desc(nulls_last=True), "uid"
    ),
    "shape2.join.on.exists": lambda: U.annotate(
        n=Count("articles", filter=Exists(C.filter(article=OuterRef("articles__pk"))))
    ).values_list("uid", "n"),
    "shape2.group.related": lambda: Article.objects.values_list("author__name").annotate(
        n=Count("pk")
    ).order_by("-n", "author__name"),
    "shape2.group.two.deep": lambda: C.order_by("article__author__name").values_list(
        "article__author__name"
    ).annotate(n=Sum("votes")),
    "shape2.group.year": lambda: grouped("published__year", n=Count("pk")),
    "shape2.group.json": lambda: grouped("meta__color", n=Count("pk")),
    "shape2.group.array": lambda: grouped("tags", n=Count("pk")),
    "shape2.group.guard": lambda: grouped("price", n=Count("pk")),
    "shape2.group.case": lambda: Article.objects.annotate(
        x=Case(
            When(stock__gt=5, then=Value("many")),
            When(stock__gt=0, then=Value("few")),
            default=Value("none"),
        )
    ).order_by("x").values_list("x").annotate(n=Count("pk")),
    "shape2.group.case.param": lambda: Article.objects.annotate(
        x=Case(When(stock__gt=5, then=Value("many")), default=Value("few"))
    ).order_by("x").values_list("x").annotate(n=Count("pk")),
    "shape2.slice.aggregate": lambda: A[1:4].aggregate(x=Sum("stock")),
    "shape2.agg.default": lambda: A.aggregate(x=Sum("stock", filter=Q(pk="none"), default=7)),
    "shape2.agg.distinct": lambda: A.aggregate(
        x=Sum("stock", distinct=True), y=Avg("stock", distinct=True),
        z=Count("author", distinct=True),
    ),
    "shape2.agg.stddev": lambda: A.aggregate(
        a=StdDev("stock"), b=StdDev("stock", sample=True), c=Variance("stock"),
        d=Variance("stock", sample=True),
    ),
    "shape2.agg.decimal": lambda: A.aggregate(
        a=Sum("price"), b=Avg("price"), c=Min("price"), d=Max("price")
    ),
    "shape2.set.union.order": lambda: THREE.values_list("uid", "title").union(
        TEN.values_list("uid", "title")
    ).order_by("title", "uid"),
    "shape2.set.union.documents": lambda: [
        (one.pk, one.title) for one in THREE.union(TEN).order_by("-title")[:2]
    ],
    "shape2.set.union.all": lambda: Article.objects.values_list("stock").union(
        Article.objects.values_list("stock"), all=True
    ).count(),
    "shape2.set.union.models": lambda: Article.objects.values_list("author").union(
        Author.objects.values_list("pk")
    ).order_by("author"),
    "shape2.set.intersection": lambda: DRAFTS.intersection(THREE).order_by("uid"),
    "shape2.set.difference": lambda: DRAFTS.difference(THREE).order_by("uid"),
    "shape2.set.count": lambda: THREE.union(TEN, Article.objects.filter(score=0)).count(),
    "shape2.set.annotated": lambda: Article.objects.annotate(
        x=F("stock") * 2
    ).values_list("x").union(C.values_list("votes")).order_by("x"),
    "shape2.set.none": lambda: Article.objects.filter(pk__in=["1", "2"]).union(
        Article.objects.none()
    ).order_by("uid"),
    "shape2.filter.exists.case": lambda: A.aggregate(x=Count("pk", filter=Exists(OF_ARTICLE))),
    "shape2.filter.in.subquery": lambda: A.aggregate(
        x=Sum("stock", filter=Q(author__in=Author.objects.filter(age=31)))
    ),
    "shape2.sum.subquery": lambda: A.annotate(x=COUNTED).aggregate(y=Sum("x")),
    "shape2.sum.subquery.direct": lambda: A.aggregate(y=Sum(COUNTED)),
    "shape2.case.subquery.order": lambda: Article.objects.order_by(
        Case(When(Exists(OF_ARTICLE), then=0), default=1, output_field=IntegerField()), "uid"
    ),
    "shape2.distinct.guard": lambda: Article.objects.order_by(
        "price"
    ).values_list("price").distinct(),
    "shape2.in.correlated.limit": lambda: A.filter(
        stock__in=Subquery(SAME_AUTHOR.order_by("-stock").values("stock")[:1])
    ),
    "shape2.update.subquery": lambda: shown(n=Coalesce(COUNTED, 0)),
    "shape2.explain.documents": lambda: Article.objects.filter(
        comments__isnull=False
    ).distinct().count(),
    "shape2.bool.order": lambda: Article.objects.annotate(x=Q(stock__gt=3)).order_by("-x", "uid"),
    "field.fk.read": lambda: ODD_KEYS.values_list("uid", "author"),
    "field.fk.exact": lambda: ODD_KEYS.filter(author="ann"),
    "field.fk.isnull": lambda: ODD_KEYS.filter(author__isnull=True),
    "field.fk.join": lambda: ODD_KEYS.values_list("uid", "author__name"),
    "field.fk.join.filter": lambda: ODD_KEYS.filter(author__name="Ann"),
    "field.fk.join.isnull": lambda: ODD_KEYS.filter(author__name__isnull=True),
    "field.fk.join.exclude": lambda: ODD_KEYS.exclude(author__name="Ann"),
    "field.fk.order": lambda: RefFk.all_objects.order_by("author_uid", "uid"),
    "field.fk.reverse": lambda: U.annotate(n=Coalesce(POINTING, 0)).values_list("uid", "n"),
    "plan2.softdelete": lambda: A.filter(title__gt="a"),
    "plan2.fk.join.guarded": lambda: shown(n=Count("comments")),
    "plan2.fk.join.guarded.raw": lambda: shown(n=Count("comments")),
    "plan2.fk.join.both": lambda: shown(n=Count("comments")),
    "plan2.fk.subquery": lambda: shown(n=Coalesce(COUNTED, 0)),
    "plan2.earlyorder.bug": lambda: shown(x=BEST),
    "plan2.earlyorder.let": lambda: shown(x=BEST),
    "plan2.earlyorder.nested": lambda: shown(x=BEST),
    "plan2.earlyorder.nolimit": lambda: shown(x=BEST),
    "plan2.earlyorder.uncovered": lambda: shown(x=BEST, t=F("title")),
    "plan2.earlyorder.indexorder": lambda: shown(x=BEST),
    "plan2.earlyorder.exists": lambda: A.filter(Exists(OF_ARTICLE.order_by("-votes", "uid")[:1])),
}  # fmt: skip
