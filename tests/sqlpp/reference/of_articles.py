"""Lookups, nulls, orders, slices, combined queries and indexes, over articles and their authors."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Lower

from .models import RefArticle as Article
from .models import RefAuthor as Author
from .models import RefComment as Comment
from .models import RefOrder as Order

ARTICLES, AUTHORS = Article.all_objects, Author.all_objects
A: Any = ARTICLES.order_by("uid")
U: Any = AUTHORS.order_by("uid")
C: Any = Comment.all_objects.order_by("uid")
ORDERED: Any = Order.all_objects.order_by("uid")
STOCKS, AGES = ARTICLES.values_list("stock"), AUTHORS.values_list("age")
SEVEN = ARTICLES.filter(stock=7)
BOTH = STOCKS.union(AGES)
MOST = Comment.all_objects.order_by("-votes").values("article")

STATEMENTS: dict[str, Callable[[], Any]] = {
    "shape.from": lambda: A.values_list("uid", "title"),
    "shape.rows.raw": lambda: U.values_list("uid", "email", "age"),
    "shape.rows.single": lambda: U.values_list("email", flat=True),
    "shape.rows.values": lambda: A.filter(pk="article::1").values_list("stock"),
    "shape.raw.orderby.expr": lambda: ARTICLES.order_by("-stock", "uid").values_list("title"),
    "shape.raw.orderby.alias": lambda: ARTICLES.order_by("-stock", "uid").values_list(
        "stock", "uid"
    ),
    "shape.quote.backtick": lambda: ORDERED.filter(pk="order::1").values_list(
        "odd", "dotted", "select", "ticked", "accented"
    ),
    "shape.keyspace.full": lambda: ORDERED.values_list("uid", "total"),
    "shape.keyspace.default": lambda: AUTHORS.count(),
    "shape.keyspace.context": lambda: ORDERED,
    "base.doctype": lambda: C,
    "base.alive": lambda: Article.objects.order_by("uid"),
    "base.alive.distinct": lambda: A.exclude(st_deleted=True),
    "base.pk.eq": lambda: A.filter(pk="article::2").values_list("uid", "title"),
    "base.pk.where": lambda: A.filter(pk="article::2"),
    "base.pk.in": lambda: A.filter(pk__in=["article::3", "article::1", "author::1", "nope"]),
    "base.pk.startswith": lambda: C.filter(pk__startswith="comment::"),
    "base.pk.subquery": lambda: U.filter(pk__in=ARTICLES.values("author")).values_list(
        "uid", "name"
    ),
    "param.injection": lambda: A.filter(title="x' OR 1=1 --"),
}  # fmt: skip
LOOKUPS: dict[str, Callable[[], Any]] = {
    "exact": lambda: A.filter(stock=7),
    "exact.float": lambda: A.filter(stock=7.0),
    "exact.bool": lambda: A.filter(draft=True),
    "bool.bare": lambda: A.filter(Q(draft=True)),
    "iexact": lambda: A.filter(title__iexact="DJANGO BASICS"),
    "iexact.unicode": lambda: U.filter(name__iexact="éMILE ZOLA"),
    "contains": lambda: A.filter(title__contains="jang"),
    "contains.like": lambda: A.filter(title__contains="100%"),
    "contains.wild": lambda: A.filter(title__contains="%"),
    "contains.underscore": lambda: A.filter(title__contains="_"),
    "contains.backslash": lambda: A.filter(title__contains="\\"),
    "contains.special": lambda: A.filter(title__contains="[x] ^$.*"),
    "like.escape": lambda: A.filter(title__contains="_"),
    "icontains": lambda: A.filter(title__icontains="DJANGO"),
    "icontains.like": lambda: A.filter(title__icontains="ÜNÏ"),
    "startswith": lambda: A.filter(title__startswith="Dang"),
    "startswith.meta": lambda: U.filter(name__startswith="O'Brien_100%"),
    "startswith.expr": lambda: U.filter(name__startswith=F("name")),
    "startswith.position": lambda: U.filter(name__startswith=F("name")),
    "istartswith": lambda: A.filter(title__istartswith="dJ"),
    "endswith": lambda: A.filter(title__endswith="Action"),
    "iendswith": lambda: A.filter(title__iendswith="ACTION"),
    "gt": lambda: A.filter(stock__gt=5),
    "gte": lambda: A.filter(stock__gte=7),
    "lt": lambda: A.filter(stock__lt=0),
    "lte": lambda: A.filter(stock__lte=0),
    "range": lambda: A.filter(stock__range=(0, 7)),
    "in": lambda: A.filter(stock__in=[7, 0]),
    "in.array": lambda: A.filter(stock__in=[7, 0]),
    "in.null": lambda: A.filter(stock__in=[7, None]),
    "in.empty": lambda: A.filter(stock__in=[]),
    "in.subquery": lambda: A.filter(author__in=AUTHORS.filter(active=True)),
    "in.subquery.unwrap": lambda: A.filter(author__in=AUTHORS.filter(active=True).values("pk")),
    "in.subquery.limit": lambda: A.filter(pk__in=MOST[:1]),
    "regex": lambda: A.filter(title__regex="^[Dd]jango"),
    "iregex": lambda: A.filter(title__iregex="^DJANGO"),
}
NULLS: dict[str, Callable[[], Any]] = {
    "isnull": lambda: A.filter(stock__isnull=True),
    "isnull.false": lambda: A.filter(stock__isnull=False),
    "exclude": lambda: A.exclude(stock=7),
    "exclude.notnullfield": lambda: A.exclude(stock=7),
    "exclude.in": lambda: A.exclude(stock__in=[7, 0]),
    "exclude.in.subquery": lambda: A.exclude(author__in=C.order_by().values("author")),
    "exclude.range": lambda: A.exclude(stock__gt=5),
    "exclude.like": lambda: U.exclude(email__contains="ada"),
    "exclude.isnull": lambda: A.exclude(stock__isnull=True),
    "exclude.multi": lambda: A.exclude(stock=7, draft=False),
    "or": lambda: A.filter(Q(stock=7) | Q(draft=True)),
    "xor": lambda: A.filter(Q(stock=7) ^ Q(draft=True)),
    "f.f": lambda: A.exclude(stock=F("score")),
    "project": lambda: A.annotate(x=Q(stock__gt=0)).values_list("uid", "x"),
    "empty": lambda: A.filter(Q(pk__in=[]) | Q(stock=7)),
}
DECIMALS: dict[str, Callable[[], Any]] = {
    "exact": lambda: A.filter(price=Decimal("9.99")),
    "exact.number": lambda: A.filter(price=Decimal("9.990")),
    "gt": lambda: A.filter(price__gt=Decimal("9.99")),
    "order": lambda: ARTICLES.order_by("price", "uid").values_list("uid", "price"),
}
ORDERS: dict[str, Callable[[], Any]] = {
    "order.asc": lambda: ARTICLES.order_by("stock", "pk"),
    "order.desc": lambda: ARTICLES.order_by("-stock", "pk"),
    "order.nulls_last": lambda: ARTICLES.order_by(F("stock").asc(nulls_last=True), "pk"),
    "order.nulls_first": lambda: ARTICLES.order_by(F("stock").desc(nulls_first=True), "pk"),
    "order.bool": lambda: ARTICLES.order_by("draft", "pk"),
    "order.text": lambda: AUTHORS.order_by("name").values_list("name"),
    "order.lower": lambda: AUTHORS.order_by(Lower("name")).values_list("name"),
    "order.relation": lambda: ARTICLES.order_by("author__name", "pk"),
    "order.random": lambda: len(ARTICLES.order_by("?")),
    "slice.limit": lambda: A[:3],
    "slice.offset": lambda: A[2:5],
    "slice.offset.only": lambda: A[6:],
    "slice.limit.zero": lambda: A[:0],
    "distinct": lambda: ARTICLES.order_by("draft").values_list("draft").distinct(),
}
COMBINED: dict[str, Callable[[], Any]] = {
    "union": lambda: BOTH,
    "union.all": lambda: STOCKS.union(AGES, all=True),
    "intersect": lambda: ARTICLES.values_list("draft").intersection(AUTHORS.values_list("active")),
    "except": lambda: STOCKS.difference(SEVEN.values_list("stock")),
    "order": lambda: BOTH.order_by("-stock")[1:4],
    "order.alias": lambda: BOTH.order_by("-stock")[1:4],
    "arm.limit": lambda: STOCKS.order_by("-stock")[:1].union(AGES.order_by("-age")[:1], all=True),
    "count": lambda: BOTH.count(),
}
INDEXED: dict[str, Callable[[], Any]] = {
    "composite": lambda: A.filter(stock__gt=5),
    "partial": lambda: A.filter(stock=7),
    "partial.param": lambda: A.filter(stock=7),
    "isnull": lambda: A.filter(stock__isnull=True),
    "isnull.leading": lambda: A.filter(stock__isnull=True),
    "include.missing": lambda: A.filter(stock__isnull=True),
    "order": lambda: ARTICLES.filter(stock__isnull=False).order_by("stock").values_list(
        "uid", "stock"
    )[:2],
    "order.ifmissing": lambda: ARTICLES.filter(stock__isnull=False).order_by("stock").values_list(
        "uid", "stock"
    )[:2],
    "order.wrongdir": lambda: ARTICLES.filter(published__isnull=False).order_by("published")[:2],
    "functional": lambda: Article.objects.order_by("uid").filter(stock=7),
    "lower": lambda: A.filter(title__istartswith="DJANGO"),
    "like": lambda: A.filter(title__startswith="D"),
    "decimal": lambda: A.filter(price__gt=Decimal("9.99")),
    "array.any": lambda: A.filter(tags__contains="db"),
    "array.overlap": lambda: A.filter(tags__overlap=["sql", "orm"]),
    "array.all": lambda: A.filter(tags__contains=["db", "sql"]),
    "array.in": lambda: A.filter(tags__contains="db"),
    "array.contains": lambda: A.filter(tags__contains="db"),
    "array.unnest": lambda: A.filter(tags__contains="db"),
    "count": lambda: ARTICLES.count(),
    "join": lambda: ARTICLES.filter(pk="article::1").order_by("comments__uid").values_list(
        "uid", "comments__uid"
    ),
    "or": lambda: A.filter(Q(stock=7) | Q(stock__gt=50)),
    "exclude": lambda: A.exclude(stock=7),
    "in": lambda: A.filter(stock__in=[7, 0]),
    "none": lambda: C,
}  # fmt: skip
JSON: dict[str, Callable[[], Any]] = {
    "json.path": lambda: A.filter(meta__lang="en"),
    "json.path.deep": lambda: A.filter(meta__editions__0__year=2020),
    "json.path.param": lambda: A.filter(meta__dims__w=10),
    "json.key.isnull": lambda: A.filter(meta__pages__isnull=True),
    "json.key.isnotnull": lambda: A.filter(meta__pages__isnull=False),
    "json.key.none": lambda: A.filter(meta__pages=None),
    "json.column.isnull": lambda: A.filter(meta__isnull=True),
    "json.exact": lambda: A.filter(meta={"lang": "en", "dims": {"w": 10}}),
    "json.exact.encode": lambda: A.filter(meta={"lang": "fr", "pages": None}),
    "json.exact.empty": lambda: A.filter(meta={}),
    "json.exclude": lambda: A.exclude(meta__lang="en"),
    "json.gt": lambda: A.filter(meta__pages__gt=5),
    "json.in": lambda: A.filter(meta__lang__in=["en", "fr"]),
    "json.icontains": lambda: A.filter(meta__lang__icontains="E"),
    "json.startswith": lambda: A.filter(meta__lang__startswith="e"),
    "json.order": lambda: ARTICLES.order_by("meta__pages", "uid"),
    "json.haskey": lambda: A.filter(meta__has_key="pages"),
    "json.haskey.names": lambda: A.filter(meta__has_key="pages"),
    "json.haskeys": lambda: A.filter(meta__has_keys=["lang", "pages"]),
    "json.haskeys.array": lambda: A.filter(meta__has_keys=["lang", "pages"]),
    "json.hasanykeys": lambda: A.filter(meta__has_any_keys=["dims", "pages"]),
    "array.contains.one": lambda: A.filter(tags__contains="db"),
    "array.contains.in": lambda: A.filter(tags__contains="db"),
    "array.exclude": lambda: A.exclude(tags__contains=["db"]),
    "first.array.contains.all": lambda: A.filter(tags__contains=["db", "sql"]),
    "array.contained_by": lambda: A.filter(tags__contained_by=["db", "sql", "x"]),
    "first.array.overlap": lambda: A.filter(tags__overlap=["sql", "orm"]),
    "first.array.len": lambda: A.filter(tags__len=2),
    "first.array.index": lambda: A.filter(tags__0="db"),
    "array.channels": lambda: [
        *A.filter(channels__contains="staff"), *U.filter(channels__contains="staff")
    ],
    "index.json": lambda: A.filter(meta__dims__w__gt=5),
}  # fmt: skip
CONSTRUCTS: dict[str, Callable[[], Any]] = {
    **STATEMENTS,
    **{f"lookup.{name}": ask for name, ask in LOOKUPS.items()},
    **{f"null.{name}": ask for name, ask in NULLS.items()},
    **{f"dec.{name}": ask for name, ask in DECIMALS.items()},
    **ORDERS,
    **{f"set.{name}": ask for name, ask in COMBINED.items()},
    **{f"index.{name}": ask for name, ask in INDEXED.items()},
    **JSON,
}
