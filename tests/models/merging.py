"""Documents that the server and phones change."""

from __future__ import annotations

from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle


def article(**kwargs):
    saved = CBArticle(**{"title": "t", "channels": ["c"], **kwargs})
    saved.save()
    return saved


def stored(uid):
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def phone(uid, **members):
    """Another program, which has keys that no model declares."""
    document = stored(uid)
    del document["_id"]
    SyncGateway.save_json(uid, {**document, **members})


def saved():
    return article(tags=["a"], extra={"x": {"y": [[1]]}})
