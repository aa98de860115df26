"""The CB* generic views."""

from __future__ import annotations

import pytest

from tests.testapp.models import CBArticle


@pytest.fixture
def article(db):
    saved = CBArticle(title="First", channels=["c"], extra={"kept": 1})
    saved.save()
    return saved


def test_list(client, article):
    assert "First," in client.get("/articles/").content.decode()
    article.delete()
    assert "First," not in client.get("/articles/").content.decode()
