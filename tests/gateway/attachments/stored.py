"""What is stored of attachments."""

from __future__ import annotations

import pytest
from django.db import connection

from django_cbtools.embedded.database import Database
from tests.gateway.attachments.client import DB, digest_of

BOB = ("bob", "bob's")
MEGABYTE = 1024 * 1024

# A server's threads need committed data.
TRANSACTIONAL = pytest.mark.django_db(transaction=True)


def database():
    return Database.open("default", DB[1:])


def rows(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def kept():
    """All contents in the store, by digest; each is what its digest says."""
    chunks = rows(
        "SELECT digest, position, data FROM cbtools_attachment_chunks ORDER BY digest, position"
    )
    kept = {}
    for digest, position, data in chunks:
        assert position == len(kept.setdefault(digest, b""))
        kept[digest] += data
    assert all(digest_of(data) == digest for digest, data in kept.items())
    return kept


def links():
    return set(rows("SELECT uid, digest FROM cbtools_attachments"))


# ------------------------------------------------------------- what is refused

FOLLOWS = {"follows": True, "length": 4, "digest": digest_of(b"data")}
