"""Articles in the admin, and who sees them."""

from __future__ import annotations

import datetime

import pytest
from django.contrib.auth import get_user_model

from tests.admin.pages import UTC
from tests.testapp.models import CBArticle, CBAuthor


@pytest.fixture
def boss(client):
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


@pytest.fixture
def articles():
    ann, bob = CBAuthor(uid="ann", name="Ann"), CBAuthor(uid="bob", name="Bob")
    made = [
        CBArticle(uid="1", title="Alpha", year_published=2019, is_draft=False, author=ann,
                  published=datetime.datetime(2019, 3, 1, 12, tzinfo=UTC)),
        CBArticle(uid="2", title="Beta", year_published=2020, author=bob,
                  published=datetime.datetime(2020, 4, 1, 12, tzinfo=UTC)),
        CBArticle(uid="3", title="Gamma", year_published=2021, author=bob),
        CBArticle(uid="4", title="Gone", st_deleted=True),
    ]  # fmt: skip
    for document in (ann, bob, *made):
        document.channels = ["c"]
    CBAuthor.objects.bulk_create([ann, bob])
    CBArticle.objects.bulk_create(made)
    return made
