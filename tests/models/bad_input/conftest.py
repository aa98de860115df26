"""A document that no hostile client may harm."""

from __future__ import annotations

import pytest

from django_cbtools.sync_gateway import SyncGateway
from tests.models.bad_input.sending import everything
from tests.testapp.models import CBArticle


@pytest.fixture
def article(db):
    """A document beside a user, both of which have to be there, unchanged, in the end."""
    SyncGateway.put_user("x", password="secret", admin_channels=["news"])
    article = CBArticle(title="Kept", channels=["news"])
    article.save()
    before = everything()
    yield article
    assert before <= everything()
    assert CBArticle(article.uid).to_dict() == article.to_dict()
