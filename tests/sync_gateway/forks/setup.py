"""A site whose gateway is at GATEWAY, trusted by the certificates in the file TRUSTED."""

from __future__ import annotations

import os

import django
from django.conf import settings

from django_cbtools.sync_gateway import SyncGateway


def configure(**more: object) -> None:
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django_cbtools"],
        SYNC_GATEWAY_URL=os.environ["GATEWAY"],
        SYNC_GATEWAY_BUCKET="test_documents",
        SYNC_GATEWAY_OPTIONS={"verify": os.environ.get("TRUSTED") or True, "pool_size": 2},
        **more,
    )
    django.setup()


def ask(who: str) -> None:
    """Write and read a document of that name."""
    answer = SyncGateway.save_json(who, {"who": who}).json()
    assert answer["id"] == who, answer
    (row,) = SyncGateway.all_docs([who])["rows"]
    assert row["id"] == who, row
