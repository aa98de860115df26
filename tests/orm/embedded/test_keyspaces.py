"""Queries of documents in collections: each class has those of its own."""

from __future__ import annotations

import pytest
from django.db import NotSupportedError

from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle, CBAuthor, CBReview

pytestmark = pytest.mark.django_db(transaction=True)
A, B = "inv.a", "inv.b"


@pytest.fixture(autouse=True)
def two(settings, monkeypatch):
    settings.SYNC_GATEWAY_BUCKET = "test_collections"
    settings.SYNC_GATEWAY_DATABASE = {"scopes": {"inv": {"collections": {"a": {}, "b": {}}}}}
    monkeypatch.setattr(CBArticle, "keyspace", A)
    monkeypatch.setattr(CBAuthor, "keyspace", B)


def test_rows_are_of_the_right_collection():
    CBArticle(uid="x", title="here", channels=["a"]).save()
    SyncGateway.in_keyspace(B).save_json("x", {"doc_type": "article", "title": "there"})
    SyncGateway.in_keyspace(B).save_json("y", {"doc_type": "article", "title": "there"})
    assert list(CBArticle.objects.values_list("uid", "title")) == [("x", "here")]
    assert CBArticle.objects.filter(title="there").count() == 0
    (found,) = CBArticle.objects.raw("SELECT * FROM testapp_cbarticle")
    assert found.title == "here"


def test_joins_and_relations():
    author = CBAuthor(uid="x", name="Ann", channels=["a"])
    author.save()
    article = CBArticle(uid="x", title="one", author=author, channels=["a"])
    article.save()
    assert CBArticle.objects.get(author__name="Ann") == article
    assert CBAuthor.objects.get(articles__title="one") == author
    (loaded,) = CBArticle.objects.select_related("author")
    assert loaded.author.name == "Ann"
    (loaded,) = CBAuthor.objects.prefetch_related("articles")
    assert [each.title for each in loaded.articles.all()] == ["one"]


def test_writes_in_bulk():
    articles = [CBArticle(uid=f"x{n}", title=str(n), channels=["a"]) for n in range(5)]
    CBArticle.objects.bulk_create(articles)
    assert CBArticle.objects.filter(title__in=["1", "2"]).update(title="new") == 2
    assert CBArticle("x1").title == "new"
    for article in articles:
        article.refresh_from_db()
        article.year_published = 1999
    CBArticle.objects.bulk_update(articles, ["year_published"])
    assert CBArticle.objects.filter(year_published=1999).count() == 5
    assert CBArticle.objects.filter(title="0").delete()[0] == 1
    assert CBArticle("x0").st_deleted
    assert "error" in SyncGateway.in_keyspace(B).all_docs(["x1"])["rows"][0]


def test_several_classes(monkeypatch):
    CBArticle(uid="x", channels=["a"]).save()
    CBReview(uid="y", channels=["a"]).save()
    assert {type(found) for found in CBArticle.select_subclasses()} == {CBArticle, CBReview}
    monkeypatch.setattr(CBReview, "keyspace", B)
    assert list(CBReview.objects.all()) == []
    with pytest.raises(NotSupportedError, match=r"in several keyspaces: inv\.a, inv\.b"):
        list(CBArticle.select_subclasses())
