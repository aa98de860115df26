"""What a database's configuration says, and what a change of it does, as on a real gateway."""

from __future__ import annotations

import pytest

from tests.gateway.access.client import ADMIN

pytestmark = pytest.mark.django_db


def test_collections_that_are_not_named_any_more_are_taken_away():
    one, two = {"sync": "function (doc) { channel('q'); }"}, {}
    scopes = {"s": {"collections": {"one": one, "two": two}}}
    assert ADMIN.put("shrinks/", {"bucket": "shrinks", "scopes": scopes})[0] == 201
    for name in ("one", "two"):
        assert ADMIN.put(f"shrinks.s.{name}/doc", {})[0] == 201
    change = {"scopes": {"s": {"collections": {"two": {}}}}}
    assert ADMIN.ask("POST", "shrinks/_config", change)[0] == 201
    assert ADMIN.ask("GET", "shrinks/_config")[1]["scopes"] == change["scopes"]
    status, answer = ADMIN.ask("GET", "shrinks.s.one/doc")
    assert (status, answer["reason"]) == (404, "keyspace shrinks.s.one not found")
    assert ADMIN.ask("GET", "shrinks.s.two/doc")[0] == 200
    # Its documents are there when it comes back, and its function is gone.
    back = {"scopes": {"s": {"collections": {"one": {}, "two": {}}}}}
    assert ADMIN.ask("POST", "shrinks/_config", back)[0] == 201
    assert ADMIN.ask("GET", "shrinks.s.one/doc")[0] == 200
    assert ADMIN.ask("GET", "shrinks/_config")[1]["scopes"] == back["scopes"]
    for nothing in ({"s": {}}, {"s": {"collections": {}}}, {"s": None}):
        status, answer = ADMIN.ask("POST", "shrinks/_config", {"scopes": nothing})
        assert (status, answer["reason"]) == (
            400, "1 errors:\nmust specify at least one collection in scope s"
        )  # fmt: skip
    for nothing in ({}, None):
        assert ADMIN.ask("POST", "shrinks/_config", {"scopes": nothing})[0] == 201
    assert ADMIN.ask("GET", "shrinks/_config")[1]["scopes"] == back["scopes"]


@pytest.mark.parametrize(("change", "status", "reason"), [
    ({"query_pagination_limit": 1}, 500,
     "Internal error: query_pagination_limit: 1 must be greater than 1"),
    ({"user_xattr_key": "x"}, 500,
     "Internal error: user_xattr_key is only supported in enterpise edition"),
    ({"users": {}}, 400, "1 errors:\nPersisted database config does not support customization of "
     'the "users" field'),
    ({"oidc": {}}, 400,
     "1 errors:\nOpenID Connect defined in config, but no valid providers specified"),
    ({"updated_at": 1}, 400, "Bad JSON: Time.UnmarshalJSON: input is not a JSON string"),
    ({"unsupported": 1}, 400, "Bad JSON: json: cannot unmarshal number into Go struct field "
     "DbConfig.unsupported of type db.UnsupportedOptions"),
])  # fmt: skip
def test_configurations_that_a_real_gateway_refuses(change, status, reason):
    assert ADMIN.put("plain/", {"bucket": "plain"})[0] == 201
    found, answer = ADMIN.ask("POST", "plain/_config", change)
    assert (found, answer["reason"]) == (status, reason)


def test_empty_function_says_nothing():
    sync = "function (doc) { channel('a'); }"
    assert ADMIN.put("plain/", {"bucket": "plain", "SYNC": sync})[0] == 201
    assert ADMIN.ask("POST", "plain/_config", {"sync": ""})[0] == 201
    assert ADMIN.ask("GET", "plain/_config", redact="")[1]["sync"] == sync
    assert ADMIN.put("plain/_config", {"bucket": "plain", "sync": ""})[0] == 201
    assert "sync" not in ADMIN.ask("GET", "plain/_config")[1]


def test_the_database_of_the_settings_has_their_collections(settings):
    settings.SYNC_GATEWAY_BUCKET = "ours"
    settings.SYNC_GATEWAY_DATABASE = {
        "scopes": {"s": {"collections": {"one": {}}}},
        "revs_limit": 9,
    }
    assert ADMIN.ask("PUT", "ours.s.one/d", {})[0] == 201
    config = ADMIN.ask("GET", "ours/_config")[1]
    assert (config["scopes"], "revs_limit" in config) == (
        {"s": {"collections": {"one": {}}}},
        False,
    )
    settings.SYNC_GATEWAY_BUCKET = "wrong"
    settings.SYNC_GATEWAY_DATABASE = {"scopes": {"s": {"collections": {"a b": {}}}}}
    status, answer = ADMIN.ask("GET", "wrong/")
    assert (status, "invalid scope or collection name: s.a b" in answer["reason"]) == (400, True)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["_design/d", "_design/d/_view/v", "_view/channels"])
def test_views_are_of_the_default_collection(method, path):
    scopes = {"s": {"collections": {"one": {}}}}
    ADMIN.put("other/", {"bucket": "other", "scopes": scopes})
    body = {"views": {}} if method == "PUT" else None
    status, answer = ADMIN.ask(method, f"other/{path}", body)
    if status != 405:
        reason = "Internal error: default collection is not configured on this database"
        assert (status, answer["reason"]) == (500, reason)
