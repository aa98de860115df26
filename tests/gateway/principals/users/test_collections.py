"""Channels and roles in collections."""

from __future__ import annotations

import pytest

from tests.gateway.access.client import ADMIN, DB, add_user, create_database
from tests.gateway.principals.users.principals import SYNC

pytestmark = pytest.mark.django_db


@pytest.fixture
def collections():
    ADMIN.ask("DELETE", "/")
    scopes = {"s": {"collections": {"c": {"sync": SYNC}, "d": {"sync": SYNC}}}}
    create_database(scopes=scopes)


def test_channels_of_collections(collections):
    client = add_user("alice", collection_access={"s": {"c": {"admin_channels": ["a"]}}})
    for collection in "cd":
        assert ADMIN.put(f"{DB}.s.{collection}/doc", {"channels": ["a"]})[0] == 201
    assert client.get(f"{DB}.s.c/doc")[0] == 200
    assert client.get(f"{DB}.s.d/doc")[0] == 403
    ADMIN.put(f"{DB}.s.d/open", {"opens": {"alice": "a"}})
    assert client.get(f"{DB}.s.d/doc")[0] == 200
    ADMIN.put("/_user/alice", {"collection_access": {"s": {"c": None}}})
    assert client.get(f"{DB}.s.c/doc")[0] == 403
    _, shown = ADMIN.get("/_user/alice")
    assert shown["collection_access"] == {
        "s": {"c": {"all_channels": ["!"]}, "d": {"all_channels": ["!", "a"]}}
    }
    assert "all_channels" not in shown
    _, answer = ADMIN.get("/_user/alice/_access_history")
    assert answer["channels"] == {"_default": {"_default": None}, "s": {"c": ["a"], "d": None}}


def test_roles_in_collections(collections):
    access = {"s": {"c": {"admin_channels": ["a"]}}}
    assert ADMIN.put("/_role/r", {"collection_access": access})[0] == 201
    client = add_user("alice", admin_roles=["r"])
    for collection in "cd":
        ADMIN.put(f"{DB}.s.{collection}/doc", {"channels": ["a"]})
    assert client.get(f"{DB}.s.c/doc")[0] == 200
    assert client.get(f"{DB}.s.d/doc")[0] == 403
    # A role is given for all collections.
    ADMIN.put(f"{DB}.s.d/give", {"gives": {"bob": "role:r"}})
    assert add_user("bob").get(f"{DB}.s.c/doc")[0] == 200
    assert ADMIN.get("/_role/r")[1]["collection_access"]["s"]["c"] == {
        "admin_channels": ["a"], "all_channels": ["!", "a"],
    }  # fmt: skip


READ_ONLY = ["all_channels", "jwt_channels", "jwt_last_updated"]


@pytest.mark.parametrize("kind", ["_user", "_role"])
def test_collections_that_cannot_be(kind, collections):
    def refused(access):
        body = {"password": "password", "collection_access": access}
        status, answer = ADMIN.put(f"/{kind}/alice", body)
        return status, answer["reason"]

    keyspace = f"keyspace specified in collection_access ({DB}.s.x) not found"
    assert refused({"s": {"x": {"admin_channels": ["a"]}}}) == (404, keyspace)
    for key in READ_ONLY:
        reason = f"collection_access.{key} is read-only"
        value = "2026-01-01T00:00:00Z" if key.endswith("updated") else ["a"]
        assert refused({"s": {"c": {key: value}}}) == (400, reason)
    assert refused({"s": {"c": {"admin_channels": ["a,b"]}}})[0] == 400
    for access in ("s", ["s"], {"s": "c"}, {"s": {"c": "a"}}, {"s": {"c": {"admin_channels": 5}}}):
        assert refused(access)[0] == 400
    assert ADMIN.get(f"/{kind}/alice")[0] == 404
