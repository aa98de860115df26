"""What an edit of a document starts from, and what its body may hold."""

from __future__ import annotations

import pytest

from django_cbtools.embedded.documents import documents
from tests.gateway.access.client import ADMIN, create_database
from tests.gateway.documents.revisions import CONFLICT

pytestmark = pytest.mark.django_db


# ---------------------------------------------------- what an edit starts from


def saved(uid, **body):
    status, answer = ADMIN.put(f"/{uid}", body)
    assert status == 201
    return answer


def test_a_version_says_more_than_a_revision():
    create_database()
    one = saved("doc", n=1)
    two = saved("doc", n=2, _rev=one["rev"])
    # As a parameter ...
    status, answer = ADMIN.put("/doc", {"_rev": one["rev"], "n": 3}, rev=two["cv"])
    assert (status, answer["rev"][:2]) == (201, "3-")
    # ... and in the body beside it.
    status, refused = ADMIN.put("/doc", {"_cv": two["cv"], "n": 4}, rev=answer["rev"])
    assert (status, refused["reason"]) == CONFLICT
    status, refused = ADMIN.put("/doc", {"_cv": one["cv"], "n": 4}, rev=answer["cv"])
    assert (status, refused["reason"]) == (400, "CVs provided do not match")
    assert ADMIN.put("/doc", {"_cv": answer["cv"], "n": 4}, rev=answer["cv"])[0] == 201


@pytest.mark.parametrize(("body", "query", "expected"), [
    ({"_rev": 5}, {}, (400, 'Invalid version type for OCC value: ""')),
    ({"_cv": 5}, {}, (400, 'Invalid version type for OCC value: ""')),
    ({"_cv": None, "_rev": "1-a"}, {}, (400, 'Invalid version type for OCC value: ""')),
    ({"_rev": 5}, {"rev": "1-a"}, (400, "Revision IDs provided do not match")),
    ({"_rev": "1-b"}, {"rev": "1-a"}, (400, "Revision IDs provided do not match")),
    ({"_cv": 5}, {"rev": "1-a"}, CONFLICT),
    ({"_rev": None, "_cv": None}, {"rev": "1-a"}, CONFLICT),
    ({"_cv": 5}, {"rev": "1@a"}, (400, "CVs provided do not match")),
    ({"_rev": "x"}, {"rev": "1@a"}, (400, "Invalid revision ID")),
    ({"_rev": "", "_cv": ""}, {}, (409, "Document exists")),
    ({"_rev": "0-a"}, {}, (400, "Invalid revision ID")),
    ({"_rev": "\u0661-a"}, {}, (400, "Invalid revision ID")),
    ({}, {"rev": "a b"}, (400, 'Bad rev query parameter: "a b" - ensure this query parameter value '
                               "is URL Encoded")),
])  # fmt: skip
def test_starts_that_are_refused(body, query, expected):
    create_database()
    saved("doc", n=1)
    status, answer = ADMIN.put("/doc", body, **query)
    assert (status, answer["reason"]) == expected


def test_what_is_no_string_says_nothing_in_a_batch():
    create_database()
    saved("doc", n=1)
    docs = [{"_id": "doc", "_rev": 5}, {"_id": "new", "_rev": 5, "_cv": {}}]
    _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs})
    assert (rows[0]["status"], rows[0]["reason"]) == (409, "Document exists")
    assert rows[1]["rev"].startswith("1-")


@pytest.mark.parametrize("start", [{"_rev": "1-a"}, {"_cv": "1@a"}, {"_rev": 5}, {"_cv": ""}])
def test_a_new_document_starts_from_nothing(start):
    create_database()
    for body in ({"_id": "doc", **start}, start):
        status, answer = ADMIN.ask("POST", "/", body)
        assert (status, answer["reason"]) == (404, "No previous revision to replace")
    _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": [start]})
    assert rows == [
        {"error": "not_found", "reason": "No previous revision to replace", "status": 404}
    ]
    assert ADMIN.ask("POST", "/", {"_id": "doc", "_rev": None, "_cv": None})[0] == 200


# -------------------------------------------------------------- what a body holds


RESERVED = {
    "_sync": (400, "document-top level property '_sync' is a reserved internal property"),
    "_removed": (404, "Document revision is not accessible"),
    "_purged": (400, "user defined top-level property '_purged' is not allowed in document body"),
    "_sync_x": (400, "user defined top-level properties that start with '_sync_' are not allowed "
                     "in document body"),
}  # fmt: skip


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_properties_are_refused_by_every_write(name):
    create_database()
    body = {name: True, "n": 1}
    pushed = {**body, "_revisions": {"start": 1, "ids": ["a"]}}
    for status, answer in (
        ADMIN.put("/doc", body), ADMIN.put("/doc", pushed, new_edits="false"),
        ADMIN.put("/doc", {**body, "_deleted": True}),
        ADMIN.ask("POST", "/", {"_id": "doc", **body}),
    ):  # fmt: skip
        assert (status, answer["reason"]) == RESERVED[name]
    for options, doc in (({}, body), ({"new_edits": False}, pushed)):
        docs = [{"_id": "doc", **doc}]
        _, (row,) = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, **options})
        assert (row["status"], row["reason"]) == RESERVED[name]
    assert ADMIN.get("/doc")[0] == 404
    # Deeper down it is anybody's.
    assert ADMIN.put("/doc", {"own": body})[0] == 201


def test_a_conflict_comes_before_most_of_them():
    create_database()
    saved("doc", n=1)
    refused = {name: ADMIN.put("/doc", {name: 1})[1]["reason"] for name in RESERVED}
    assert refused == {**dict.fromkeys(RESERVED, "Document exists"), "_sync": RESERVED["_sync"][1]}
    _, first, *_ = (RESERVED[name][1] for name in RESERVED)
    assert ADMIN.put("/new", {"_sync_x": 1, "_purged": 1, "_removed": 1})[1]["reason"] == first


def test_the_size_is_limited(monkeypatch):
    create_database()
    most = 20 * 1024 * 1024 - len('{"pad":""}')
    assert ADMIN.put("/most", {"pad": "x" * most})[0] == 201
    status, answer = ADMIN.put("/more", {"pad": "x" * (most + 1)})
    assert (status, answer["reason"]) == (413, "Document too large!")

    # What else is too large is the same at any size.
    monkeypatch.setattr(documents, "MAX_BYTES", 100_000)
    most = 100_000 - len('{"pad":""}')
    assert ADMIN.put("/small", {"pad": "x" * most})[0] == 201
    for pad in ("x" * (most + 1), "\u00e9" * (most // 2 + 1)):
        status, answer = ADMIN.put("/more", {"pad": pad})
        assert (status, answer) == (
            413, {"error": "Request Entity Too Large", "reason": "Document too large!"}
        )  # fmt: skip
        docs = [{"_id": "more", "pad": pad}, {"_id": "other"}]
        _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs})
        assert (rows[0]["status"], rows[0]["reason"]) == (413, "Document too large!")
        assert "cv" in rows[1] or rows[1]["status"] == 409
    assert ADMIN.get("/more")[0] == 404
