"""A role that opens all channels: what it opens, and what it does not."""

from __future__ import annotations

import json

import pytest

from tests.gateway.access.client import ADMIN, Client, add_user, create_database

pytestmark = pytest.mark.django_db

SYNC = """function (doc) {
  channel(doc.channels);
  access(doc.to, doc.opens);
  role(doc.to, doc.gives);
}"""
GONE = {"_removed": True}


@pytest.fixture
def documents() -> dict[str, list[str]]:
    """Revision ids: of a document that is nowhere, of others that left a channel, of another."""
    create_database(SYNC)
    ADMIN.put("/_role/all", {"admin_channels": ["*"]})
    revs: dict[str, list[str]] = {}

    def save(uid: str, **body: object) -> None:
        known = revs.setdefault(uid, [])
        start = {"_rev": known[-1]} if known else {}
        known.append(ADMIN.put(f"/{uid}", {**body, **start})[1]["rev"])

    save("nowhere", _attachments={"file": {"data": ""}})
    save("left", channels=["a"])
    save("left")
    save("found")
    save("found", channels=["a"])
    save("dead", channels=["a"])
    save("dead", _deleted=True)
    return revs


def user(kind: str) -> Client:
    if kind == "granted":
        client = add_user("alice")
        ADMIN.put("/grant", {"to": "alice", "gives": ["role:all"], "channels": ["b"]})
        return client
    roles = ["all"] if "role" in kind else []
    return add_user("alice", admin_roles=roles, admin_channels=["*"] if "own" in kind else ["b"])


@pytest.mark.parametrize("kind", ["own", "role", "own and role", "granted"])
def test_documents_in_no_channel(documents: dict[str, list[str]], kind: str) -> None:
    """Who has all channels by himself reads them, who has them by a role does not."""
    alice, may = user(kind), "own" in kind
    for uid, status in (("nowhere", 200), ("left", 200), ("found", 200), ("dead", 404)):
        expected = status if may or uid == "found" else 403
        assert alice.get(f"/{uid}")[0] == expected
        for rev in documents[uid]:
            answer = alice.get(f"/{uid}", rev=rev)
            is_nowhere = rev in (documents["nowhere"][0], documents["found"][0])
            is_nowhere |= rev == documents["left"][1]
            assert answer[0] == 200
            assert (answer[1] == {"_id": uid, "_rev": rev, **GONE}) is (is_nowhere and not may)
    assert alice.get("/nowhere/file")[0] == (200 if may else 403)
    status, answer = alice.ask("POST", "/_all_docs", {"keys": [*documents]})
    found = [row.get("status") for row in answer["rows"]]
    assert found == ([None, None, None, 404] if may else [403, 403, None, 403])


def test_lists_and_feeds_name_them(documents: dict[str, list[str]]) -> None:
    alice = user("role")
    rows = alice.get("/_all_docs")[1]["rows"]
    assert [row["id"] for row in rows] == ["found", "left", "nowhere"]
    rows = alice.get("/_all_docs", include_docs=True)[1]["rows"]
    assert [row.get("status") for row in rows] == [None, 403, 403]
    rows = alice.get("/_changes", include_docs=True)[1]["results"]
    assert [(row["id"], row.get("doc", {}).get("_removed")) for row in rows] == [
        ("nowhere", True), ("left", True), ("found", None), ("_user/alice", None),
    ]  # fmt: skip
    # A feed by ids says which channels they have left, but knows nothing of those in none.
    rows = alice.get("/_changes", filter="_doc_ids", doc_ids=json.dumps([*documents]))[1]["results"]
    assert [(row["id"], row.get("removed")) for row in rows] == [
        ("left", ["a"]), ("found", None), ("dead", ["a"]),
    ]  # fmt: skip


def test_in_a_named_collection_they_are_open() -> None:
    create_database(scopes={"s": {"collections": {"c": {"sync": SYNC}}}})
    access = {"collection_access": {"s": {"c": {"admin_channels": ["*"]}}}}
    ADMIN.put("/_role/all", access)
    alice = add_user("alice", admin_roles=["all"])
    place = f"{ADMIN.get('/')[1]['db_name']}.s.c"
    assert ADMIN.put(f"{place}/nowhere", {})[0] == 201
    assert alice.get(f"{place}/nowhere")[0] == 200
