"""A document's metadata is limited: writing it holds the write lock, and all readers read it."""

from __future__ import annotations

import pytest

from django_cbtools.embedded.documents import documents, syncfunction
from tests.gateway.access.client import ADMIN, create_database, function

pytestmark = pytest.mark.django_db(transaction=True)

MANY = documents.MAX_METADATA // 10


def _names(count, prefix="c"):
    return [f"{prefix}{number}" for number in range(count)]


@pytest.mark.parametrize(
    "body",
    [
        {"channels": _names(MANY)},
        {"channels": ["c" * documents.MAX_METADATA]},
        {"users": _names(400, "u"), "access": _names(400)},
        {"_attachments": {"a": {"stub": True, "digest": "x", "y": "z" * documents.MAX_METADATA}}},
    ],
    ids=["channels", "a long channel", "grants", "attachments"],
)
def test_metadata_that_a_body_makes(body):
    create_database(function("channel(doc.channels || []); access(doc.users || [], doc.access);"))
    status, answer = ADMIN.ask("PUT", "/a", body)
    assert (status, answer["reason"]) == (413, "Document too large!")
    assert ADMIN.ask("GET", "/a")[0] == 404
    _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": [{"_id": "a", **body}, {"_id": "b"}]})
    assert [row.get("status", 201) for row in rows] == [413, 201]


@pytest.mark.parametrize("ids", [["x" * documents.MAX_METADATA], _names(MANY)])
def test_histories(ids):
    create_database()
    body = {"_revisions": {"start": len(ids), "ids": ids}}
    assert ADMIN.ask("PUT", "/a", body, new_edits="false")[0] == 413


def test_histories_that_grow():
    create_database()
    parents = []
    statuses = []
    for number in range(1, 6):
        parents.insert(0, f"{number}" + "x" * (documents.MAX_METADATA // 4))
        body = {"_revisions": {"start": number, "ids": parents[:2]}}
        statuses.append(ADMIN.ask("PUT", "/a", body, new_edits="false")[0])
    assert statuses == [201, 201, 201, 413, 409]


def test_channels_that_were_left():
    create_database(function("channel(doc.channels);"))
    body = {}
    for place in range(100):
        body["channels"] = _names(5000, f"{place}.")
        status, answer = ADMIN.ask("PUT", "/a", body)
        if status != 201:
            break
        body["_rev"] = answer["rev"]
    assert status == 413
    assert 1 < place < 10
    # It can be deleted nevertheless; its tombstone does not grow.
    deleted = {**body, "_deleted": True}
    status, answer = ADMIN.ask("PUT", "/a", deleted)
    assert status == 201
    assert ADMIN.ask("PUT", "/a", {**deleted, "_rev": answer["rev"]})[0] == 413


def test_each_name_that_is_granted_is_looked_at_once(monkeypatch):
    seen = []
    monkeypatch.setattr(syncfunction, "check_channel", lambda name: seen.append(name) or name)
    names = _names(1000)
    assert syncfunction._granted(("u", [name]) for name in names) == {"u": names}
    assert seen == names
