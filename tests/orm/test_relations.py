"""Documents that point to documents: how they are followed, and in how many queries."""

from __future__ import annotations

import pytest
from django.core.exceptions import FieldError
from django.db import models
from django.db.models import Prefetch, prefetch_related_objects

from .models import Article, Author, Comment
from .rows import ARTICLES
from .twin import on_rows

pytestmark = on_rows


def test_forward(django_assert_num_queries):
    comment = Comment.objects.get(pk="c1")
    assert comment.article.author.name == "Ann"
    with django_assert_num_queries(0):
        assert comment.article.author.name == "Ann"
    assert Comment.objects.get(pk="c5").article is None


def test_reverse():
    ann = Author.objects.get(pk="ann")
    assert {article.uid for article in ann.articles.all()} == {"1", "3", "7"}
    assert {article.uid for article in ann.articles.filter(comments__votes=3)} == {"1", "3"}
    assert {pupil.uid for pupil in ann.pupils.all()} == {"bob", "cid"}
    assert all(article.author is ann for article in ann.articles.all())
    assert Article.objects.get(pk="7").children.get().uid == "7"


@pytest.mark.parametrize(
    "queryset",
    [
        Article.objects.all(),
        Article.objects.only("title"),
        Article.objects.only("uid"),
        Article.objects.defer("title", "meta"),
        Article.objects.only("title").defer("title"),
        Article.objects.defer(None),
        Article.objects.select_related("author").only("title", "author__name"),
        Article.objects.select_related("author").defer("author__name"),
    ],
    ids=range(8),
)
def test_only_and_defer_are_hints(queryset, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = list(queryset.order_by("uid"))
        assert [article.title for article in found] == [row.get("title") for row in ARTICLES]
        assert not any(article.get_deferred_fields() for article in found)
        is_joined = queryset.query.select_related
        names = [article.author and article.author.name for article in found if is_joined]
    assert names[:3] == (["Ann", "bob", "Ann"] if is_joined else [])


def test_only_in_what_is_fetched_for_others(django_assert_num_queries):
    with django_assert_num_queries(2):
        titles = Prefetch("articles", Article.objects.only("title").order_by("uid"))
        authors = Author.objects.prefetch_related(titles).order_by("uid")
        found = [[(a.title, a.stock, a.author.name) for a in u.articles.all()] for u in authors]
    assert found[1] == [("beta", 10, "bob")]


def test_select_related(django_assert_num_queries):
    with django_assert_num_queries(1):
        found = Comment.objects.select_related("article__author__mentor", "author").order_by("uid")
        names = [c.article and c.article.author.name for c in found]
        assert names == ["Ann", "Ann", "bob", "Ann", None, "Dee"]
        assert [c.author and c.author.name for c in found] == [
            "bob", "Ann", "Ann", None, "Dee", "bob"
        ]  # fmt: skip
        assert found[5].article.author.mentor.name == "bob"
        article = found[0].article
        assert (article.rev, article.channels, article.tags) == (article.rev, ["c"], ["a", "b"])
    assert article.to_dict() == Article("1").to_dict()


def test_select_related_errors():
    with pytest.raises(FieldError, match="Invalid field name"):
        list(Comment.objects.select_related("nothing"))
    with pytest.raises(FieldError, match="Non-relational field"):
        list(Comment.objects.select_related("text"))


def test_prefetch_related(django_assert_num_queries):
    with django_assert_num_queries(4):
        authors = Author.objects.prefetch_related("articles__comments__author").order_by("uid")
        names = {
            author.uid: sorted(
                comment.author.name
                for article in author.articles.all()
                for comment in article.comments.all()
                if comment.author
            )
            for author in authors
        }
    assert names == {"ann": ["Ann", "bob"], "bob": ["Ann"], "cid": [], "dee": ["bob"], "eve": []}
    articles = list(Article.objects.filter(author="ann").order_by("uid"))
    with django_assert_num_queries(2):
        prefetch_related_objects(articles, "author", "comments")
        assert [len(article.comments.all()) for article in articles] == [2, 1, 0]
        assert {article.author.name for article in articles} == {"Ann"}


def test_missing_documents():
    Article(uid="lost", channels=["c"], author_uid="nobody").save()
    assert Article.objects.select_related("author").get(pk="lost").author is None
    assert Article.objects.filter(author="nobody").get().uid == "lost"
    found = list(Article.objects.prefetch_related("author").filter(pk="lost"))
    with pytest.raises(Author.DoesNotExist):
        Article.objects.get(pk="lost").author  # noqa: B018
    assert found[0].author_uid == "nobody"


if hasattr(models, "FETCH_PEERS"):  # since Django 6.1

    def test_fetch_modes(django_assert_num_queries):
        found = list(Comment.objects.fetch_mode(models.FETCH_PEERS).order_by("uid"))
        with django_assert_num_queries(2):
            names = [comment.article and comment.article.author.name for comment in found]
        assert names == ["Ann", "Ann", "bob", "Ann", None, "Dee"]
        comment = Comment.objects.fetch_mode(models.FETCH_RAISE).get(pk="c1")
        with pytest.raises(FieldError):
            comment.article  # noqa: B018


def test_explain():
    assert Article.objects.filter(author__name="Ann").explain().strip()
