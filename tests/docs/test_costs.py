"""The round trips and queries that docs/performance.rst names, counted."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import models, transaction
from django.db.models.sql.compiler import SQLCompiler

from django_cbtools.models import (
    CouchbaseModel,
    ForeignKey,
    load_objects,
    load_related_objects,
    merge_fields,
    query_objects,
    query_view,
)
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.transport.transport import Transport
from django_cbtools.tests import deploy_views
from tests.docs.blocks import DOCS

ROW = re.compile(r"^   \* - ``(.+)``\n     - (\d+)\n     - (\d+)$", re.MULTILINE)
TABLE = [(call, int(requests), int(queries)) for call, requests, queries in ROW.findall(
    (DOCS / "performance.rst").read_text("utf-8")
)]  # fmt: skip


class CBWriter(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    doc_type = "costs_writer"
    default_channels = ["a"]

    name = models.CharField(max_length=20)


class CBPiece(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    doc_type = "costs_piece"
    default_channels = ["a"]

    title = models.CharField(max_length=20)
    is_draft = models.BooleanField(default=True)
    year = models.IntegerField(default=2024)
    author = ForeignKey(CBWriter, related_name="+", null=True)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Requests to the gateway, and queries of documents."""
    count = {"requests": 0, "queries": 0}
    send, execute = Transport.send, SQLCompiler.execute_sql

    def sending(self: Any, *args: Any, **kwargs: Any) -> Any:
        count["requests"] += 1
        return send(self, *args, **kwargs)

    def executing(self: Any, *args: Any, **kwargs: Any) -> Any:
        count["queries"] += 1
        return execute(self, *args, **kwargs)

    monkeypatch.setattr(Transport, "send", sending)
    monkeypatch.setattr(SQLCompiler, "execute_sql", executing)
    return count


@pytest.fixture
def names(db: None) -> dict[str, Any]:
    """What the calls in the table are about."""
    author = CBWriter.objects.create(name="Ann")
    pieces = [CBPiece(title=f"{number}", author=author) for number in range(3)]
    CBPiece.objects.bulk_create(pieces)
    article = CBPiece.objects.create(title="One", author=author)
    article.attachments.add("photo.jpg", ContentFile(b"x"))
    article.save()
    stale = CBPiece(article.uid)
    article.is_draft = False
    article.save()
    stale.title = "Two"
    deploy_views()
    return {
        "CBArticle": CBPiece,
        "CBAuthor": CBWriter,
        "SyncGateway": SyncGateway,
        "article": CBPiece(article.uid),
        "articles": load_objects([piece.uid for piece in pieces], CBPiece),
        "change": lambda article: setattr(article, "title", "Changed"),
        "load_objects": load_objects,
        "load_related_objects": load_related_objects,
        "merge_fields": merge_fields,
        "new": [CBPiece(title="New") for _ in range(3)],
        "query_view": lambda name, key: query_view(name, "costs_piece"),
        "query_objects": lambda name, key, cls: query_objects(name, "costs_piece", cls),
        "stale": stale,
        "uid": article.uid,
        "uids": [piece.uid for piece in pieces],
    }


def test_calls_cost_what_the_page_says(names: dict[str, Any], counted: dict[str, int]) -> None:
    assert len(TABLE) > 15
    found = []
    for call, *_ in TABLE:
        with transaction.atomic():
            mine = {name: _own(value) for name, value in names.items()}
            counted.update(requests=0, queries=0)
            exec(call, mine)
            found.append((call, counted["requests"], counted["queries"]))
            transaction.set_rollback(True)
    assert found == TABLE


def _own(value: Any) -> Any:
    return copy.deepcopy(value) if isinstance(value, CouchbaseModel | list) else value
