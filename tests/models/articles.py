"""Articles, and when they are published."""

from __future__ import annotations

import datetime

from tests.testapp.models import CBArticle

UTC = datetime.timezone.utc


def article(**kwargs):
    saved = CBArticle(**{"title": "Couchbase & You", "channels": ["public"], **kwargs})
    saved.save()
    return saved
