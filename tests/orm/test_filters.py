"""Conditions put together, across relations too: expected rows, and the twins'."""

from __future__ import annotations

import pytest
from django.db.models import F, Q

from .twin import line_of, on_rows, same

pytestmark = on_rows

# fmt: off
#: Queries of articles, authors and comments, and what they answer.
QUERIES = [
    # Q trees
    (lambda A, U, C: A.filter(Q(stock=3) & Q(draft=True)), list("16")),
    (lambda A, U, C: A.filter(Q(stock=3) | Q(stock=10)), list("126")),
    (lambda A, U, C: A.filter(Q(stock=3) ^ Q(draft=True)), list("3")),
    (lambda A, U, C: A.filter(Q(stock=3) ^ Q(draft=True) ^ Q(score__gt=1)), list("236")),
    (lambda A, U, C: A.filter(~Q(stock=3)), list("23457")),
    (lambda A, U, C: A.filter(~Q(stock=3) & ~Q(draft=False)), list("34")),
    (lambda A, U, C: A.filter(~(Q(stock=3) | Q(title__contains="a"))), list("345")),
    (lambda A, U, C: A.filter(~(Q(stock=3) ^ Q(draft=False))), list("34")),
    (lambda A, U, C: A.filter(~Q(~Q(stock=3))), list("16")),
    (lambda A, U, C: A.filter(Q(author__name="Ann") | Q(parent__author__name="Ann")),
     list("1237")),
    (lambda A, U, C: A.filter(~Q(author__name="Ann"), ~Q(parent__title="Alpha")), list("456")),
    (lambda A, U, C: A.filter(Q(comments__votes=3) | Q(author__pupils__name="bob")).distinct(),
     list("137")),
    (lambda A, U, C: A.exclude(comments__votes=3), list("24567")),
    (lambda A, U, C: A.exclude(comments__votes=3, comments__text="good"), list("234567")),
    (lambda A, U, C: A.exclude(comments__author__name="Ann"), list("34567")),
    (lambda A, U, C: A.exclude(author__pupils__age__gt=40), list("2456")),
    (lambda A, U, C: A.exclude(children__children__stock=0), list("234567")),
    (lambda A, U, C: A.filter(comments__votes=3).filter(comments__votes=-1), list("1")),
    (lambda A, U, C: A.filter(comments__votes=3, comments__text="bad"), []),
    (lambda A, U, C: A.exclude(parent__parent=None), list("57")),
    (lambda A, U, C: A.exclude(Q(stock=3) | Q(comments__isnull=True)), list("23")),
    (lambda A, U, C: A.filter(Q(), ~Q()), list("1234567")),
    (lambda A, U, C: A.none(), []),
    (lambda A, U, C: A.filter(pk__in=[]), []),
    (lambda A, U, C: A.exclude(pk__in=[]), list("1234567")),
    (lambda A, U, C: A.filter(Q(*[Q(stock=n) for n in range(300)], _connector="OR")),
     list("12567")),
    (lambda A, U, C: A.filter(pk__in=[str(n) for n in range(5000)]), list("1234567")),
    (lambda A, U, C: U.filter(articles__comments__text="good").distinct(), ["ann", "bob", "dee"]),
    (lambda A, U, C: U.filter(articles__isnull=True), ["eve"]),
    (lambda A, U, C: U.exclude(articles__draft=True), ["bob", "cid", "eve"]),
    (lambda A, U, C: U.filter(pupils__pupils__name="Dee"), ["ann"]),
    (lambda A, U, C: U.exclude(comments__article__author=F("pk")), ["bob", "cid", "dee", "eve"]),
    (lambda A, U, C: U.filter(mentor=F("pk")), ["eve"]),
    (lambda A, U, C: C.filter(article__author__mentor__name="Ann"), ["c3"]),
    (lambda A, U, C: C.filter(article__author=F("author")), ["c2"]),
    (lambda A, U, C: C.exclude(article__author=F("author")), ["c1", "c3", "c4", "c5", "c6"]),
    (lambda A, U, C: C.filter(author__isnull=True) | C.filter(votes=0), ["c4", "c5"]),
    (lambda A, U, C: C.filter(text="good") & C.filter(votes__gt=3), ["c6"]),
    (lambda A, U, C: C.filter(text="good") ^ C.filter(votes__gt=3), ["c1", "c3"]),
]
# fmt: on


@pytest.mark.parametrize(("query", "expected"), QUERIES, ids=line_of)
def test_query(query, expected):
    assert same(lambda m: query(m.Article.objects, m.Author.objects, m.Comment.objects)) == expected
