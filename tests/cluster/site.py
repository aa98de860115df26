"""A site whose views are asked of a cluster."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from tests.cluster.mock import BUCKET, PASSWORD

ROWS = ["a", "b"]
#: How many views there are. The mock loses and doubles rows of one that is asked twice at once.
VIEWS = 16


def configure(hosts: str, **others: Any) -> None:
    """Django's settings; it is to be done before anything else."""
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django_cbtools"],
        COUCHBASE_HOSTS=hosts,
        COUCHBASE_BUCKET=BUCKET,
        COUCHBASE_USER=BUCKET,
        COUCHBASE_PASSWORD=PASSWORD,
        **others,
    )


def prepare() -> None:
    """Put documents and views into the bucket."""
    from django_cbtools import cluster

    view = {"map": "function (doc, meta) { emit(meta.id, null); }"}
    cluster.deploy("site", {f"v{number}": view for number in range(VIEWS)})
    with cluster.connected() as (_, bucket):
        for uid in ROWS:
            bucket.default_collection().upsert(uid, {})


def ask(number: int | str = 0) -> list[str]:
    """The uids in a view: the ones of :data:`ROWS`."""
    from django_cbtools.query import query_view

    return query_view(f"site/v{int(number) % VIEWS}", None, {"keys": ROWS})
