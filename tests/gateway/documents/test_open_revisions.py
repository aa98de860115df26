"""``open_revs``: several revisions of a document in one answer."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.gateway.access.client import ADMIN, Client, add_user, create_database

pytestmark = pytest.mark.django_db

LEAVES = ["3-d", "2-c", "2-b"]


@pytest.fixture(autouse=True)
def _document() -> None:
    """A document with a current revision, and with the tombstones of two other branches."""
    create_database()
    for rev, *parents in (["2-b", "1-b"], ["2-c", "1-c"], ["3-d", "2-d", "1-d"]):
        for chain in ([*parents], [rev, *parents]):
            ids = [one[2:] for one in chain]
            body = {
                "_id": "doc", "_rev": chain[0], "channels": ["a"],
                "_revisions": {"start": int(chain[0][0]), "ids": ids},
                "_deleted": chain[0] in LEAVES[1:],
            }  # fmt: skip
            asked = {"docs": [body], "new_edits": False}
            status, rows = ADMIN.ask("POST", "/_bulk_docs", asked)
            assert (status, [row.get("status") for row in rows]) == (201, [None] * len(rows))


def queries(client: Client, revs: list[str] | str, accept: str, *, missing: int = 0) -> list[str]:
    """The queries for documents and revisions of an answer, without that for expired ones."""
    asking = Client(client.port, **{**client.headers, "accept": accept})
    with CaptureQueriesContext(connection) as captured:
        answer = asking.send("GET", "/doc", open_revs=revs)
        text = b"".join(answer.chunks()).decode()
    assert answer.status == 200
    assert text.count('"missing"') == missing
    found = [query["sql"] for query in captured if "expires <=" not in query["sql"]]
    return [
        "revisions" if "cbtools_revisions" in sql else "documents"
        for sql in found
        if "FROM cbtools_revisions" in sql or "FROM cbtools_documents" in sql
    ]


@pytest.mark.parametrize("accept", ["application/json", "multipart/mixed"])
def test_the_document_is_loaded_once(accept: str) -> None:
    for client in (ADMIN, add_user("alice", admin_channels=["a"])):
        # The current revision comes with the document, each of the others takes a query.
        assert queries(client, "all", accept) == ["documents", "revisions", "revisions"]
        assert queries(client, ["3-d"] * 5, accept) == ["documents"]
        assert queries(client, LEAVES, accept) == ["documents", "revisions", "revisions"]
        assert queries(client, ["9-x", "8-x"], accept, missing=2) == ["documents"]


@pytest.mark.parametrize("accept", ["application/json", "multipart/mixed"])
def test_a_document_that_is_not_there(accept: str) -> None:
    client = Client(accept=accept)
    assert client.get("/none", open_revs="all")[0] == 404
    answer = client.send("GET", "/none", open_revs=["1-a", "1-b"])
    text = b"".join(answer.chunks()).decode()
    assert (answer.status, text.count('{"missing":')) == (200, 2)
