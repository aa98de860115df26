"""What a view may answer where nobody says how old its rows may be."""

from __future__ import annotations

from typing import Any

import pytest

from django_cbtools.models import get_stale, query_objects
from django_cbtools.query import STALE_OK, STALE_UPDATE_AFTER
from django_cbtools.tests import deploy_views
from tests.testapp.models import CBArticle, CBAuthor


@pytest.fixture(autouse=True)
def _unset(settings: Any) -> None:
    del settings.COUCHBASE_STALE


def test_the_embedded_gateways_default() -> None:
    assert get_stale() is False


def test_a_real_gateways_default(settings: Any) -> None:
    settings.COUCHBASE_DATABASE = "plain"
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    assert get_stale() == STALE_OK


def test_the_setting(settings: Any) -> None:
    settings.COUCHBASE_STALE = STALE_UPDATE_AFTER
    assert get_stale() == STALE_UPDATE_AFTER
    settings.COUCHBASE_STALE = False
    assert get_stale() is False


def test_what_is_saved_and_deleted_is_in_the_next_answer(db: None) -> None:
    deploy_views()
    author = CBAuthor(name="Ann", channels=["c"])
    author.save()
    for number in range(3):
        article = CBArticle(title=str(number), author_uid=author.uid, channels=["c"])
        article.save()
        found = query_objects("testapp/by_author", author.uid, CBArticle)
        assert len(found) == number + 1
    article.delete()
    assert article not in query_objects("testapp/by_author", author.uid, CBArticle)
