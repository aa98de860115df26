"""A database, and documents in it whose time is over."""

from __future__ import annotations

import pytest

from tests.gateway.access.client import ADMIN, create_database
from tests.gateway.documents.expiry.ending import FAR, let_end, put

MAP = "function (doc, meta) { emit(doc.n, meta.id); }"


@pytest.fixture(autouse=True)
def database():
    create_database()


# ---------------------------------------------------------------- when it is over


@pytest.fixture
def ended():
    """A document whose time is over, and one that stays, in a view and in a channel."""
    views = {"views": {"by_n": {"map": MAP}}}
    assert ADMIN.put("/_design/d", views)[0] == 201
    attachment = {"file": {"data": "aGVsbG8="}}
    rev = put("doc", n=1, channels=["a"], _exp=FAR, _attachments=attachment)["rev"]
    put("stays", n=2, channels=["a"], _exp=FAR)
    assert len(ADMIN.get("/_design/d/_view/by_n", stale="false")[1]["rows"]) == 2
    let_end("doc")
    return rev
