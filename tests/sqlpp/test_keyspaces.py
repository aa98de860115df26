"""Documents in collections, asked of Couchbase Server: as a query service answered."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from django_cbtools.models import indexes
from tests.testapp.models import CBArticle, CBAuthor

from .recorded import recorded


@pytest.fixture
def server(couchbase_alias, settings, monkeypatch):
    """Articles are in one collection, authors in another."""
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    monkeypatch.setattr(indexes, "_registered", {CBArticle: ["title"]})
    monkeypatch.setattr(indexes, "documents", lambda: [CBArticle, CBAuthor])
    monkeypatch.setattr(CBArticle, "keyspace", "inv.a")
    monkeypatch.setattr(CBAuthor, "keyspace", "inv.b")
    with recorded("keyspaces") as server:
        couchbase_alias(server.url)
        yield server


def ask(sql):
    with connections["server"].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_collections_of_classes(server, capsys):
    with pytest.raises(CommandError, match=r"no keyspace `test_documents`\.`inv`\.`a`"):
        call_command("create_cb_indexes")
    ask("CREATE SCOPE test_documents.inv")
    for name in ("a", "b"):
        ask(f"CREATE COLLECTION test_documents.inv.{name}")
    try:
        call_command("create_cb_indexes")
        made = ask(
            "SELECT RAW [IFMISSING(i.scope_id, ''), i.keyspace_id, SPLIT(i.name, '_')[2]] "
            "FROM system:indexes AS i ORDER BY i.scope_id, i.keyspace_id, i.name"
        )
        assert [tuple(row) for row in made] == [
            ("", "test_documents", "documents"), ("inv", "a", "documents"),
            ("inv", "a", "testapp"), ("inv", "a", "testapp"), ("inv", "b", "documents"),
        ]  # fmt: skip
        capsys.readouterr()
        call_command("create_cb_indexes", verbosity=1)
        assert capsys.readouterr().out == "0 indexes are made, 0 dropped.\n"
        article = '{"doc_type": "article", "title": "here", "author_uid": "x"}'
        ask(f'UPSERT INTO test_documents.inv.a VALUES ("x", {article})')
        for value in ('{"doc_type": "author", "name": "Ann"}', '{"doc_type": "article"}'):
            uid = "x" if "author" in value else "y"
            ask(f'UPSERT INTO test_documents.inv.b VALUES ("{uid}", {value})')
        articles = CBArticle.objects.order_by("uid")
        assert list(articles.values_list("uid", "title")) == [("x", "here")]
        assert list(articles.filter(author__name="Ann").values_list("title", "author__name")) == [
            ("here", "Ann")
        ]
        assert list(articles.filter(pk__in=["x", "y"]).values_list("uid")) == [("x",)]
        assert CBAuthor.objects.filter(articles__title="here").count() == 1
        plan = articles.filter(title="here").explain()
        assert "testapp" in plan
    finally:
        ask("DROP SCOPE test_documents.inv")
