"""Parameters and bodies of lists, feeds and jobs, odd ones too, as a real gateway reads them."""

from __future__ import annotations

import pytest

from tests.gateway.access.client import ADMIN, Client, add_role, add_user, create_database

pytestmark = pytest.mark.django_db
SYNC = """function (doc) {
    channel(doc.channels); access(doc.to, doc.opens); role(doc.to, doc.gives);
}"""
NO_STRUCT = 'Invalid JSON: "json: cannot unmarshal {} into Go struct field {} of type {}"'


@pytest.fixture(autouse=True)
def database():
    create_database(SYNC)


# ------------------------------------------------------------------ _all_docs


def test_what_documents_open_is_listed_for_the_administrator():
    alice = add_user("alice", admin_channels=["x"])
    ADMIN.put("/a", {"channels": ["x"], "to": "alice", "opens": ["x", "y"]})
    ADMIN.put("/b", {"channels": ["x"]})
    ADMIN.put("/c", {"to": ["alice", "role:r"], "opens": "z", "gives": "role:r"})

    def opened(client, *ask, **query):
        rows = client.ask(*ask, **query)[1]["rows"]
        return {row["id"]: row["value"].get("access") for row in rows}

    expected = {
        "a": {"alice": ["x", "y"]}, "b": None,
        "c": {"alice": ["z"], "role:r": ["z"], "role:alice": ["r"], "role:role:r": ["r"]},
    }  # fmt: skip
    listed = ("GET", "/_all_docs")
    assert opened(ADMIN, *listed, access="true") == expected
    keys = ("POST", "/_all_docs", {"keys": ["a", "b", "c"]})
    assert opened(ADMIN, *keys, access="true") == expected
    for client, query in ((ADMIN, {}), (ADMIN, {"access": "1"}), (alice, {"access": "true"})):
        assert set(opened(client, *listed, **query).values()) == {None}


@pytest.mark.parametrize(("query", "expected"), [
    ({"startkey": "null"}, "abc"), ({"startkey": ""}, "abc"), ({"endkey": "null"}, "abc"),
    ({"startkey": '"b"x'}, "abc"), ({"startkey": "b"}, "bc"), ({"startkey": '"b"'}, "bc"),
    ({"endkey": '"b"'}, "ab"), ({"keys": ""}, "abc"), ({"keys": "null"}, "abc"),
    ({"keys": '["c","a"]'}, "ca"), ({"keys": '["a"]x'}, None), ({"keys": "{}"}, None),
    ({"keys": "[1]"}, None), ({"limit": "x"}, "abc"), ({"limit": "-1"}, "abc"),
    ({"limit": "0"}, "abc"), ({"limit": "1"}, "a"),
])  # fmt: skip
def test_which_documents_are_listed(query, expected):
    for uid in "abc":
        ADMIN.put(f"/{uid}", {})
    status, answer = ADMIN.get("/_all_docs", **query)
    if expected is None:
        assert (status, answer["reason"]) == (400, "Bad keys")
    else:
        assert "".join(row["id"] for row in answer["rows"]) == expected


@pytest.mark.parametrize("body", ["null", {}, {"keys": None}, {"keys": "a"}, {"keys": [1]}])
def test_body_without_keys(body):
    assert ADMIN.ask("POST", "/_all_docs", body)[1]["reason"] == "Bad/missing keys"


# ------------------------------------------------------------------- _changes


def test_case_of_a_feed_s_options_does_not_matter():
    for uid in "abc":
        ADMIN.put(f"/{uid}", {})

    def ids(**body):
        return [row["id"] for row in ADMIN.ask("POST", "/_changes", body)[1]["results"]]

    assert ids(Limit=1) == ["a"]
    assert ids(SINCE=2) == ["c"]
    assert ids(Filter="_doc_ids", Doc_IDs=["b"]) == ["b"]
    assert ids(Filter="sync_gateway/bychannel", CHANNELS="nothing") == []


@pytest.mark.parametrize(("body", "reason"), [
    ({"LIMIT": "1"}, NO_STRUCT.format("string", ".limit", "int")),
    ({"limit": 1.5}, NO_STRUCT.format("number 1.5", ".limit", "int")),
    ({"doc_ids": [1]}, NO_STRUCT.format("number", ".doc_ids", "string")),
    ({"since": []}, 'Invalid sequence: "[]"'),
    ({"since": {}}, 'Invalid sequence: "{}"'),
])  # fmt: skip
def test_options_of_another_type(body, reason):
    status, answer = ADMIN.ask("POST", "/_changes", body)
    assert (status, answer["reason"]) == (400, reason)


# ----------------------------------------------------------------------- jobs


@pytest.mark.parametrize(("body", "reason"), [
    ([], 'Invalid JSON: "json: cannot unmarshal array into Go value of type '
     'rest.ResyncPostReqBody"'),
    ({"regenerate_sequences": 1},
     NO_STRUCT.format("number", "ResyncPostReqBody.regenerate_sequences", "bool")),
    ({"scopes": []},
     NO_STRUCT.format("array", "ResyncPostReqBody.scopes", "base.CollectionNames")),
    ({"scopes": {"a": 1}}, NO_STRUCT.format("number", "ResyncPostReqBody.scopes", "[]string")),
    ({"scopes": {"a": [1]}}, NO_STRUCT.format("number", "ResyncPostReqBody.scopes", "string")),
    ({"scopes": {"a": ["b"]}}, "failed to find ID for collection a.b"),
])  # fmt: skip
def test_resync_that_cannot_be_read_does_nothing(body, reason):
    ADMIN.ask("POST", "/_offline")
    status, answer = ADMIN.ask("POST", "/_resync", body)
    assert (status, answer["reason"]) == (400, reason)
    assert ADMIN.get("/_resync")[1]["docs_processed"] == 0


def resync(**body):
    ADMIN.ask("POST", "/_offline")
    assert ADMIN.ask("POST", "/_resync", body)[0] == 200
    assert ADMIN.ask("POST", "/_online")[0] == 200


def test_principals_come_after_documents_whose_sequences_are_regenerated():
    add_role("r", "b")
    alice = add_user("alice", admin_channels=["x"], admin_roles=["r"])
    for uid in "ab":
        ADMIN.put(f"/{uid}", {"channels": ["x", "b"]})

    def feed():
        return [(row["id"], row["seq"]) for row in alice.get("/_changes")[1]["results"]]

    before = dict(feed())
    channels = alice.get("/_session")[1]["userCtx"]["channels"]
    assert list(before) == ["_user/alice", "a", "b"]
    resync(Regenerate_Sequences=True)
    after = dict(feed())
    assert list(after) == ["a", "b", "_user/alice"]
    # The role has one of its own.
    assert after["_user/alice"] == after["b"] + 2 == max(before.values()) + 4
    # Channels are open since when they were.
    assert alice.get("/_session")[1]["userCtx"]["channels"] == channels
    resync(regenerate_sequences=True, scopes={"_default": ["_default"]})
    assert list(dict(feed())) == ["_user/alice", "a", "b"]


def test_guest_stays_where_he_is():
    create_database(SYNC, guest={"disabled": False, "admin_channels": ["x"]})
    guest = Client("public")
    ADMIN.put("/a", {"channels": ["x"]})
    before = guest.get("/_changes")[1]["results"][0]
    resync(regenerate_sequences=True)
    assert guest.get("/_changes")[1]["results"][0] == before


@pytest.mark.parametrize(("body", "reason"), [
    ({"delay": "1"}, NO_STRUCT.format("string", ".delay", "int")),
    ({"Delay": 1.5}, NO_STRUCT.format("number 1.5", ".delay", "int")),
])  # fmt: skip
def test_delay_that_cannot_be_read(body, reason):
    ADMIN.ask("POST", "/_offline")
    status, answer = ADMIN.ask("POST", "/_online", body)
    assert (status, answer["reason"]) == (400, reason)


# -------------------------------------------------------------------- documents


def test_what_only_the_enterprise_edition_does():
    ADMIN.put("/doc", {})
    for method in ("GET", "PUT"):
        status, answer = ADMIN.ask(method, "/doc", {}, replicator2="true")
        assert (status, answer["reason"]) == (
            501, "replicator2 endpoints are only supported in EE"
        )  # fmt: skip


@pytest.mark.parametrize("path", ["/_bulk_docs", "/_bulk_get"])
def test_null_has_no_documents(path):
    status, answer = ADMIN.ask("POST", path, "null")
    assert (status, answer["reason"]) == (400, "missing 'docs' property")


def test_null_has_no_revisions():
    assert ADMIN.ask("POST", "/_revs_diff", "null") == (200, {})
    for name in ("revs_from", "open_revs"):
        ADMIN.put("/doc", {})
        assert ADMIN.send("GET", "/doc", revs="true", **{name: "null"}).status == 200


def test_refused_document_of_a_batch_has_no_id_but_its_own():
    docs = [{"_exp": "x"}, {"_id": "a", "_exp": "x"}]
    first, second = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs})[1]
    assert "id" not in first
    assert second["id"] == "a"
