"""union(), intersection() and difference() of instances, in any order."""

from __future__ import annotations

import pytest
from django.db.models import F

from .twin import line_of, on_rows, same

pytestmark = on_rows

FIELDS = ["title", "price", "stock", "score", "published", "pub_date", "pub_time", "duration",
          "draft", "serial", "author", "pk"]  # fmt: skip


def unions(articles):
    return articles.filter(stock__gte=3).union(articles.filter(draft=True))


@pytest.mark.parametrize("name", FIELDS)
def test_any_field(name):
    assert same(lambda m: unions(m.Article.objects).order_by(name, "uid"))
    assert same(lambda m: unions(m.Article.objects).order_by(f"-{name}", "-uid"))
    last = F(name).desc(nulls_last=True)
    assert same(lambda m: unions(m.Article.objects).order_by(last, "uid"))


# fmt: off
QUERIES = [
    (lambda A: unions(A).order_by("stock", "uid")[1:3], list("16")),
    (lambda A: unions(A).order_by("-stock", "uid").first(), "2"),
    (lambda A: unions(A).order_by("stock", "uid").last(), "2"),
    (lambda A: unions(A).earliest("stock"), "3"),
    (lambda A: unions(A).latest("stock"), "2"),
    (lambda A: unions(A).order_by("stock").reverse()[0], "2"),
    (lambda A: unions(A).order_by("stock").count(), 5),
    (lambda A: unions(A).order_by("stock").exists(), True),
    (lambda A: A.union(A.filter(stock=3), all=True).order_by("stock", "uid")[:4], list("4351")),
    (lambda A: A.intersection(A.filter(stock=3)).order_by("-score"), list("61")),
    (lambda A: A.difference(A.filter(stock=3)).order_by("-stock", "uid"), list("27534")),
    (lambda A: A.filter(stock=3).union(A.none()).order_by("-score"), list("61")),
    (lambda A: A.filter(stock=3).union(A.filter(stock=10)).union(A.filter(stock=7))
     .order_by("-stock", "uid"), list("2716")),
    (lambda A: A.filter(stock=3).union(A.filter(stock=10).union(A.filter(stock=7)))
     .order_by("-stock", "uid"), list("2716")),
    (lambda A: A.annotate(x=F("stock") + 1).union(A.annotate(x=F("stock"))).order_by("-x", "title")
     .values_list("x", flat=True)[:3], [11, 10, 8]),
    (lambda A: [a.x for a in A.filter(stock=3).annotate(x=F("stock") * 2)
     .union(A.filter(stock=10).annotate(x=F("stock"))).order_by("-stock", "uid")], [10, 6, 6]),
    (lambda A: A.filter(stock=3).select_related("author").union(A.filter(stock=10)
     .select_related("author")).order_by("-stock", "uid"), list("216")),
    (lambda A: list(A.filter(stock=3).union(A.filter(stock=10)).order_by("-stock", "uid")
     .iterator()), list("216")),
]
# fmt: on


@pytest.mark.parametrize(("query", "expected"), QUERIES, ids=line_of)
def test_query(query, expected):
    assert same(lambda m: query(m.Article.objects.all())) == expected


def test_again_and_in_another_order():
    for name in ("stock", "title", "-stock"):
        both = same(lambda m, name=name: unions(m.Article.objects).order_by(name, "uid"))
        assert both == same(
            lambda m, name=name: list(unions(m.Article.objects).order_by(name, "uid").all())
        )


def test_instances_are_whole():
    from .models import Article

    (found, *_) = unions(Article.objects).order_by("-stock")
    assert (found.uid, found.meta, found.extra) == ("2", {"color": "blue", "n": None}, {})
    assert found.rev == Article("2").rev
