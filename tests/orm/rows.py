"""The rows of the documents and of their twins: the same ones."""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django.db import transaction

from .models import Article, Author, Comment, PlainArticle, PlainAuthor, PlainComment

UTC = datetime.timezone.utc
date, time, delta = datetime.date, datetime.time, datetime.timedelta

#: What a query is asked of.
DOCUMENTS = SimpleNamespace(Author=Author, Article=Article, Comment=Comment)
TWINS = SimpleNamespace(Author=PlainAuthor, Article=PlainArticle, Comment=PlainComment)


def moment(*args: int) -> datetime.datetime:
    return datetime.datetime(*args, tzinfo=UTC)  # type: ignore[misc, arg-type]


AUTHORS = [
    {"uid": "ann", "name": "Ann", "email": "ann@example.com", "age": 31, "rating": 4.5,
     "active": True, "joined": date(2019, 12, 30)},
    {"uid": "bob", "name": "bob", "email": "bob@example.org", "age": 45, "rating": 3.25,
     "active": False, "joined": date(2020, 2, 29), "mentor": "ann"},
    {"uid": "cid", "name": "Cid \\ 100%_'s \"ok\"", "mentor": "ann"},
    {"uid": "dee", "name": "Dee", "age": 31, "rating": -1.0, "active": True,
     "joined": date(2021, 1, 1), "mentor": "bob"},
    {"uid": "eve", "name": "Eve", "email": "", "age": 0, "rating": 0.0, "active": False,
     "joined": date(1999, 12, 31), "mentor": "eve"},
]  # fmt: skip

ARTICLES = [
    {"uid": "1", "title": "Alpha", "price": Decimal("9.50"), "stock": 3, "score": 0.5,
     "published": moment(2020, 5, 17, 12, 30, 15, 500_000), "pub_date": date(2020, 1, 1),
     "pub_time": time(1, 0), "duration": delta(seconds=1), "draft": True,
     "serial": uuid.UUID(int=1), "address": "10.0.0.1",
     "meta": {"color": "red", "size": {"w": 1, "h": 2.5}, "list": [1, "two", None]},
     "tags": ["a", "b"], "author": "ann"},
    {"uid": "2", "title": "beta", "price": Decimal("10.25"), "stock": 10, "score": 1.5,
     "published": moment(2020, 5, 17, 12, 30, 15, 500_001), "pub_date": date(2020, 6, 1),
     "pub_time": time(13, 0, 0, 7), "duration": delta(days=2), "draft": False,
     "serial": uuid.UUID(int=2), "address": "10.0.0.2", "meta": {"color": "blue", "n": None},
     "tags": ["b"], "author": "bob", "parent": "1"},
    {"uid": "3", "title": "100%_sure's \"ok\" \\o/", "price": Decimal("-1.00"), "stock": -3,
     "score": -2.0, "published": moment(2021, 6, 21, 0, 0), "pub_date": date(2021, 1, 1),
     "pub_time": time(23, 59, 59), "duration": delta(0), "draft": True,
     "serial": uuid.UUID(int=3), "address": "::1", "meta": {}, "tags": [], "author": "ann",
     "parent": "1"},
    {"uid": "4"},
    {"uid": "5", "title": "", "price": Decimal("0.00"), "stock": 0, "score": 0.0,
     "published": moment(1970, 1, 1), "pub_date": date(1999, 12, 31), "pub_time": time(0, 0),
     "duration": -delta(hours=1), "draft": False, "serial": uuid.UUID(int=2**128 - 1),
     "address": "::", "meta": [1, {"deep": "er"}], "tags": ["b", "a"], "author": "cid",
     "parent": "2"},
    {"uid": "6", "title": "alpha", "price": Decimal("1234567.89"), "stock": 3, "score": 1e9,
     "published": moment(2019, 12, 31, 23, 59, 59, 999_999), "pub_date": date(2019, 12, 30),
     "pub_time": time(12, 30), "duration": delta(days=400, microseconds=5), "draft": True,
     "serial": uuid.UUID("deadbeef-0000-4000-8000-00000000000a"), "address": "192.168.1.1",
     "meta": {"color": "red", "size": {"w": 10, "h": None}, "odd key.$": True}, "tags": ["c"],
     "author": "dee"},
    {"uid": "7", "title": "línea 雪", "price": Decimal("9.50"), "stock": 7, "score": 0.25,
     "published": moment(2020, 2, 29, 6, 7, 8), "pub_date": date(2020, 2, 29),
     "pub_time": time(6, 7, 8, 900_000), "duration": delta(minutes=90), "draft": False,
     "serial": uuid.UUID(int=7), "address": "10.0.0.10", "meta": {"color": "línea", "n": 2},
     "tags": None, "author": "ann", "parent": "7"},
]  # fmt: skip

COMMENTS = [
    {"uid": "c1", "text": "good", "votes": 3, "article": "1", "author": "bob"},
    {"uid": "c2", "text": "bad", "votes": -1, "article": "1", "author": "ann"},
    {"uid": "c3", "text": "good", "votes": None, "article": "2", "author": "ann"},
    {"uid": "c4", "text": None, "votes": 3, "article": "3", "author": None},
    {"uid": "c5", "text": "so so", "votes": 0, "article": None, "author": "dee"},
    {"uid": "c6", "text": "good", "votes": 8, "article": "6", "author": "bob"},
]


def save(models: Any, authors: Any, articles: Any, comments: Any) -> None:
    for model, rows in (
        (models.Author, authors),
        (models.Article, articles),
        (models.Comment, comments),
    ):
        is_document = models is DOCUMENTS
        relations = {f.name: f.attname for f in model._meta.fields if f.is_relation}
        model.objects.bulk_create(
            model(
                **{relations.get(name, name): value for name, value in row.items()},
                **({"channels": ["c"]} if is_document else {}),
            )
            for row in rows
        )


@contextlib.contextmanager
def saved(
    authors: Any = AUTHORS, articles: Any = ARTICLES, comments: Any = COMMENTS
) -> Iterator[None]:
    """The rows, as documents and as their twins, until the end of the block."""
    with transaction.atomic(), transaction.atomic("plain"):
        save(DOCUMENTS, authors, articles, comments)
        save(TWINS, authors, articles, comments)
        try:
            yield
        finally:
            transaction.set_rollback(True)
            transaction.set_rollback(True, "plain")
