"""Documents whose time is over, in queries."""

from __future__ import annotations

import pytest

from tests.gateway.access.client import ADMIN
from tests.gateway.documents.expiry.ending import FAR, let_end, rows
from tests.testapp.models import CBArticle

pytestmark = pytest.mark.django_db


@pytest.fixture
def articles():
    stays = CBArticle.objects.create(title="stays", channels=["a"])
    ends = CBArticle.objects.create(title="ends", channels=["a"])
    for article in (stays, ends):
        path = f"test_documents/{article.uid}"
        _, body = ADMIN.ask("GET", path)
        assert ADMIN.put(path, {**body, "_exp": FAR})[0] == 201
    let_end(ends.uid)
    return stays, ends


def test_queries_do_not_find_it(articles):
    stays, ends = articles
    assert rows("documents") == 2
    assert [article.title for article in CBArticle.objects.all()] == ["stays"]
    assert CBArticle.objects.count() == 1
    assert not CBArticle.objects.filter(uid=ends.uid).exists()
    assert not CBArticle.objects.filter(title="ends").exists()
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle.objects.get(uid=ends.uid)
    assert CBArticle.objects.get(uid=stays.uid).title == "stays"
    # They only read.
    assert rows("documents") == 2


def test_the_time_is_that_of_the_query(articles):
    stays, _ = articles
    query = CBArticle.objects.filter(title="stays")
    assert query.count() == 1
    let_end(stays.uid)
    assert query.count() == 0


def test_a_model_may_be_saved_again(articles):
    _, ends = articles
    again = CBArticle(uid=ends.uid, title="again", channels=["a"])
    again.save()
    assert CBArticle.objects.get(uid=ends.uid).title == "again"


def test_queries_use_their_indexes(articles):
    for query in (CBArticle.objects.filter(title="x"), CBArticle.objects.filter(uid="1")):
        plan = query.explain()
        assert "SCAN cbtools_documents" not in plan
        assert "cbtools_documents_expires" not in plan
