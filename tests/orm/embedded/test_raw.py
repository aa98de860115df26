"""Raw queries: documents are in tables that have the names of Model._meta.db_table."""

from __future__ import annotations

import pytest
from django.core.exceptions import FieldDoesNotExist
from django.db import OperationalError

from ..models import Article, Author
from ..rows import ARTICLES, AUTHORS
from ..twin import on_rows

pytestmark = on_rows

ARTICLE, AUTHOR = Article._meta.db_table, Author._meta.db_table


def uids(found):
    return [article.uid for article in found]


def test_all_columns(django_assert_num_queries):
    with django_assert_num_queries(1):
        found = list(Article.objects.raw(f"SELECT * FROM {ARTICLE} ORDER BY uid"))
    assert uids(found) == [row["uid"] for row in ARTICLES]
    assert found[0] == Article("1")
    assert (found[0].title, found[0].meta, found[0].published) == (
        ARTICLES[0]["title"], ARTICLES[0]["meta"], ARTICLES[0]["published"]
    )  # fmt: skip
    assert found[0].rev == Article("1").rev


def test_parameters():
    query = f"SELECT * FROM {ARTICLE} WHERE title = %s OR stock > %s ORDER BY uid"
    assert uids(Article.objects.raw(query, ["Alpha", 9])) == ["1", "2"]
    named = f"SELECT * FROM {ARTICLE} WHERE title LIKE '%%a' AND stock = %(stock)s"
    assert uids(Article.objects.raw(named, {"stock": 10})) == ["2"]
    nasty = "' OR 1 = 1; DELETE FROM cbtools_documents; --"
    assert uids(Article.objects.raw(f"SELECT * FROM {ARTICLE} WHERE title = %s", [nasty])) == []
    like = f"SELECT * FROM {ARTICLE} WHERE title LIKE 'a%%' ORDER BY uid"
    assert uids(Article.objects.raw(like)) == ["1", "6"]
    assert uids(Article.objects.raw(like.replace("%%", "%"), None)) == ["1", "6"]


def test_some_columns_give_whole_documents(django_assert_num_queries):
    query = f"SELECT uid, stock * 2 AS twice FROM {ARTICLE} WHERE stock > 3 ORDER BY uid"
    with django_assert_num_queries(2):
        found = list(Article.objects.raw(query))
        assert [(a.uid, a.twice, a.title, a.channels) for a in found] == [
            ("2", 20, "beta", ["c"]), ("7", 14, "línea 雪", ["c"])
        ]  # fmt: skip
    assert found[0].to_dict() == Article("2").to_dict()


def test_the_key_has_to_be_selected():
    with pytest.raises(FieldDoesNotExist, match="primary key"):
        list(Article.objects.raw(f"SELECT title FROM {ARTICLE}"))


def test_translations():
    query = f"SELECT uid AS key, upper(title) AS loud FROM {ARTICLE} WHERE uid = '1'"
    (found,) = Article.objects.raw(query, translations={"key": "uid", "loud": "shout"})
    assert (found.uid, found.shout) == ("1", "ALPHA")


def test_joins_and_rows_of_no_document():
    query = (
        f"SELECT a.*, u.name AS by FROM {ARTICLE} a LEFT JOIN {AUTHOR} u ON u.uid = a.author_uid "
        "WHERE u.age = 31 ORDER BY a.uid"
    )
    found = [(article.uid, article.by) for article in Article.objects.raw(query)]
    assert found == [("1", "Ann"), ("3", "Ann"), ("6", "Dee"), ("7", "Ann")]
    left = f"SELECT a.uid FROM {AUTHOR} u LEFT JOIN {ARTICLE} a ON a.author_uid = u.uid"
    assert sorted(uids(Article.objects.raw(left))) == ["1", "2", "3", "5", "6", "7"]
    twice = f"SELECT uid, 1 AS n FROM {ARTICLE} UNION ALL SELECT uid, 2 FROM {ARTICLE}"
    found = [article for article in Article.objects.raw(twice) if article.uid == "1"]
    assert sorted(article.n for article in found) == [1, 2]


def test_common_table_expressions():
    query = (
        f"WITH cheap AS (SELECT * FROM {ARTICLE} WHERE stock < 3) SELECT * FROM cheap ORDER BY uid"
    )
    assert uids(Article.objects.raw(query)) == ["3", "5"]
    query = (
        f"with recursive up(uid, mentor_uid) as (SELECT uid, mentor_uid FROM {AUTHOR} "
        f"WHERE uid = %s UNION SELECT u.uid, u.mentor_uid FROM {AUTHOR} u JOIN up ON "
        "u.uid = up.mentor_uid) SELECT uid FROM up"
    )
    assert uids(Author.objects.raw(query, ["dee"])) == ["dee", "bob", "ann"]


def test_quoted_names_and_letter_case():
    assert len(list(Author.objects.raw(f'SELECT * FROM "{AUTHOR}"'))) == len(AUTHORS)
    assert len(list(Author.objects.raw(f"SELECT * FROM {AUTHOR.upper()}"))) == len(AUTHORS)


def test_what_a_raw_query_set_does(django_assert_num_queries):
    query = Author.objects.raw(f"SELECT * FROM {AUTHOR} ORDER BY uid")
    assert len(query) == 5
    assert query[1].uid == "bob"
    assert query.columns[:2] == ["uid", "rev"]
    assert uids(query.using("default")) == uids(query.iterator())
    assert AUTHOR in repr(query)
    with django_assert_num_queries(2):
        found = query.prefetch_related("articles")
        assert [sorted(uids(author.articles.all())) for author in found][:2] == [
            ["1", "3", "7"], ["2"]
        ]  # fmt: skip


def test_an_error_of_the_database():
    with pytest.raises(OperationalError, match="no such column"):
        list(Article.objects.raw(f"SELECT uid, nowhere FROM {ARTICLE}"))
