"""The configuration of databases, and of their collections."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools.embedded.databases import administration, configs
from django_cbtools.embedded.errors import GatewayError
from tests.gateway.databases.client import (
    COLLECTIONS,
    FUNCTION,
    ask,
    changes,
    config_of,
    ids,
    make,
    send,
)

pytestmark = pytest.mark.django_db


# --------------------------------------------------------------- configuration


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"nope": 1}, 'JSON Unknown Field: json: unknown field "nope": unrecognized JSON field'),
        ({"cache": {"nope": 1}}, 'unknown field "nope"'),
        ({"revs_limit": -1}, "cannot unmarshal number -1 into Go struct field DbConfig.revs_limit"),
        ({"revs_limit": 1.5}, "cannot unmarshal number 1.5 into"),
        ({"revs_limit": "5"}, "cannot unmarshal string into Go struct field DbConfig.revs_limit"),
        ({"guest": []}, "cannot unmarshal array into Go struct field DbConfig.guest"),
        ({"scopes": {"s": 1}}, "cannot unmarshal number into"),
        ({"revs_limit": 0, "allow_conflicts": True}, "2 errors:\nThe revs_limit (0) value"),
        ({"server": "couchbase://x"}, 'does not support customization of the "server" field'),
        ({"users": {"x": {}}}, 'does not support customization of the "users" field'),
        ({"scopes": {"a": {"collections": {"c": {}}}, "b": {}}}, "only one named scope"),
        ({"scopes": {"s": {"collections": {}}}}, "must specify at least one collection"),
        ({"sync": FUNCTION, **COLLECTIONS}, "cannot specify a database-level sync function"),
        ({"scopes": {"s": {"collections": {"a.b": {}}}}}, "invalid scope or collection name"),
        ({"sync": "function ("}, "sync function error: invalid javascript syntax"),
        ({"sync": "42"}, "sync function error: invalid javascript syntax"),
        ({"import_filter": "function ("}, "import filter error: invalid javascript syntax"),
        ({"unsupported": {"same_site_cookie": "x"}}, "same_site_cookie option"),
        ({"compact_interval_days": 1e300}, "valid range for compact_interval_days"),
        ({"name": "other"}, "Cannot update database name"),
    ],
)
def test_a_wrong_configuration_is_refused(config, reason):
    make("db", revs_limit=5)
    before = config_of("db")
    for method in ("POST", "PUT"):
        status, found = ask(method, "/db/_config", config)
        assert status == 400
        assert reason in found["reason"]
    assert config_of("db") == before
    if "name" not in config:
        assert ask("PUT", "/another/", config)[0] == 400
        assert ask("GET", "/another/")[0] == 404


def test_post_merges_and_put_replaces():
    make("db", cache={"rev_cache": {"size": 10}}, revs_limit=5)
    change = {"revs_limit": None, "cache": {"rev_cache": {"shard_count": 2}}, "Offline": False}
    assert ask("POST", "/db/_config", change)[0] == 201
    config = config_of("db")[0]
    assert config["cache"] == {"rev_cache": {"size": 10, "shard_count": 2}}
    assert (config["revs_limit"], config["offline"]) == (5, False)
    assert ask("PUT", "/db/_config", {"revs_limit": 9})[0] == 201
    config = config_of("db")[0]
    assert {*config} == {"bucket", "name", "revs_limit", "updated_at", "created_at"}


def test_what_get_shows_can_be_put_back():
    make("db", **COLLECTIONS, guest={"disabled": False, "admin_channels": ["c"]})
    shown = config_of("db")[0]
    assert ask("PUT", "/db/_config", shown)[0] == 201
    again = config_of("db")[0]
    assert {**again, "updated_at": ""} == {**shown, "updated_at": ""}


def test_versions_are_chained_and_matched():
    make("db")
    _, first = config_of("db")
    answer = send("POST", "/db/_config", {"revs_limit": 5}, if_match=first)
    second = answer.headers["Etag"]
    assert second.startswith('"2-')
    assert send("POST", "/db/_config", {"revs_limit": 6}, if_match=first).status == 412
    assert config_of("db")[1] == second
    assert ask("PUT", "/db/_config/sync", FUNCTION.encode(), if_match=first)[0] == 412
    assert ask("PUT", "/db/_config/sync", FUNCTION.encode(), if_match=second)[0] == 200


def test_a_function_in_backquotes():
    source = 'function (doc) {\n\tchannel("a\\\\b");\n}'
    body = f'{{"sync": `{source}`}}'.encode()
    assert ask("PUT", "/db/", body) == (201, None)
    assert send("GET", "/db/_config/sync").body.decode() == source


def test_passwords_are_not_shown():
    replication = {"replication_id": "r", "remote": "http://x", "remote_password": "secret"}
    make("db", replications={"r": replication})
    assert "secret" not in json.dumps(config_of("db")[0])
    assert "secret" not in json.dumps(config_of("db", "include_runtime=true")[0])


def test_runtime_shows_what_holds():
    make("db", cache={"rev_cache": {"size": 10}})
    shown, _ = config_of("db", "include_runtime=true")
    assert shown["cache"]["rev_cache"] == {"size": 10, "shard_count": 16}
    assert shown["revs_limit"] == 50
    assert "sync" not in config_of("db", "include_runtime=true&include_javascript=false")[0]


def test_a_configuration_that_fails_half_way_leaves_the_old_one(monkeypatch):
    make("db", revs_limit=5)
    before = config_of("db")

    def fail(database):
        raise GatewayError(500, "out of luck")

    monkeypatch.setattr(administration, "_install_guest", fail)
    assert ask("POST", "/db/_config", {"revs_limit": 6})[0] == 500
    assert ask("PUT", "/another/", {})[0] == 500
    assert config_of("db") == before
    assert ask("GET", "/another/")[0] == 404


def test_guest_is_as_configured():
    make("db", guest={"disabled": False, "admin_channels": ["c"]})
    ask("PUT", "/db/a", {"channels": ["c"]})
    assert ids("db", port="public") == ["a"]
    ask("POST", "/db/_config", {"guest": {"disabled": True}})
    assert ask("GET", "/db/a", port="public")[0] == 401


def test_options_that_are_honoured():
    make(
        "db", revs_limit=2, disable_public_all_docs=True, send_www_authenticate_header=False,
        session_cookie_name="mine", session_cookie_http_only=True, session_cookie_secure=True,
        guest={"disabled": True},
    )  # fmt: skip
    ask("PUT", "/db/_user/x", {"password": "secret", "admin_channels": ["*"]})
    rev = ""
    for number in range(5):
        rev = ask("PUT", "/db/a", {"n": number}, query=f"rev={rev}")[1]["rev"]
    history = ask("GET", "/db/a", query="revs=true")[1]["_revisions"]["ids"]
    assert len(history) == 2
    assert ask("GET", "/db/_all_docs", port="public", login="x:secret")[0] == 403
    assert "WWW-Authenticate" not in send("GET", "/db/", port="public").headers
    login = send("POST", "/db/_session", {"name": "x", "password": "secret"}, port="public")
    cookie = login.headers["Set-Cookie"]
    assert cookie.startswith("mine=")
    assert "; HttpOnly; Secure; SameSite=" in cookie


_scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_values = st.recursive(
    _scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["collections", "origin", "s", "name"]), inner)
    ),
    max_leaves=6,
)
_options = st.sampled_from(
    ["revs_limit", "guest", "scopes", "cors", "sync", "unsupported", "import_docs", "x"]
)


@given(config=st.dictionaries(_options, _values))
def test_any_configuration_is_read_or_refused(config):
    with contextlib.suppress(GatewayError):
        read = configs.read(json.dumps(config))
        assert configs.read(configs.dumps(read)) == read


def test_collections_keep_to_themselves(collections):
    for name in ("one", "two"):
        ask("PUT", f"/db.s.{name}/only_{name}", {})
        ask("PUT", f"/db.{name}/both", {"in": name})
        ask("PUT", f"/db.s.{name}/_local/checkpoint", {"in": name})
    assert ids("db.s.one") == ["both", "only_one"]
    assert ask("GET", "/db.two/both")[1]["in"] == "two"
    assert changes("db.s.two") == ["only_two", "both"]
    assert ask("GET", "/db.s.one/_local/checkpoint")[1]["in"] == "one"


def test_collections_share_their_sequence(collections):
    ask("PUT", "/db.s.one/a", {})
    ask("PUT", "/db.s.two/b", {})
    feed = ask("GET", "/db.s.two/_changes")[1]["results"]
    assert [row["seq"] for row in feed] == [2]


def test_collections_have_functions_of_their_own(collections):
    source = "function (doc) { channel('mine'); }"
    assert ask("PUT", "/db.s.two/_config/sync", source.encode())[0] == 200
    assert send("GET", "/db.two/_config/sync").body.decode() == source
    assert send("GET", "/db.one/_config/sync").body == b""
    for name in ("one", "two"):
        ask("PUT", f"/db.{name}/a", {"channels": ["c"]})
    rows = [ask("GET", f"/db.{n}/_all_docs", query="channels=true")[1]["rows"] for n in
            ("one", "two")]  # fmt: skip
    assert [row[0]["value"]["channels"] for row in rows] == [["one"], ["mine"]]
    assert ask("DELETE", "/db.s.two/_config/sync")[0] == 200
    assert config_of("db")[0]["scopes"] == COLLECTIONS["scopes"]


@pytest.mark.parametrize("scopes", [{"s": {"collections": {"one": {}}}}, None])
def test_a_collection_that_goes_before_its_function_comes(collections, scopes, monkeypatch):
    configure = administration.configure

    def configure_late(*args):
        monkeypatch.setattr(administration, "configure", configure)
        ask("DELETE", "/db/")
        make("db", **({"scopes": scopes} if scopes else {}))
        return configure(*args)

    monkeypatch.setattr(administration, "configure", configure_late)
    assert ask("PUT", "/db.s.two/_config/sync", FUNCTION.encode()) == (
        404, {"error": "not_found", "reason": "keyspace db.s.two not found"},
    )  # fmt: skip
    assert "sync" not in config_of("db")[0]


@pytest.mark.parametrize("keyspace", ["db", "db._default", "db.three", "db.s.three", "db.t.one"])
def test_a_collection_that_is_not_there(collections, keyspace):
    assert ask("GET", f"/{keyspace}/a") == (
        404, {"error": "not_found", "reason": f"keyspace {keyspace} not found"},
    )  # fmt: skip


def test_scopes_stay_as_they_were(collections):
    other = {"scopes": {"t": {"collections": {"one": {}}}}}
    status, found = ask("PUT", "/db/_config", other)
    assert (status, found["reason"]) == (
        400, "1 errors:\ncannot change scopes after database creation",
    )  # fmt: skip
    assert ask("POST", "/db/_config", {"scopes": {"s": {"collections": {"three": {}}}}})[0] == 201
    assert ask("PUT", "/db.three/a", {})[0] == 201


def test_a_collection_that_is_added_may_have_documents():
    make("old", bucket="b", **COLLECTIONS)
    for uid in "abc":
        ask("PUT", f"/old.s.two/{uid}", {})
    ask("DELETE", "/old/")
    make("new", bucket="b", scopes={"s": {"collections": {"one": {}}}})
    assert ask("POST", "/new/_config", COLLECTIONS)[0] == 201
    assert ask("PUT", "/new.s.two/d", {})[0] == 201
    assert changes("new.s.two") == ["a", "b", "c", "d"]


def test_the_default_scope_can_be_made_explicit():
    make("db")
    ask("PUT", "/db/a", {})
    config = {"scopes": {"_default": {"collections": {"_default": {}, "more": {}}}}}
    assert ask("POST", "/db/_config", config)[0] == 201
    assert ids("db") == ids("db._default") == ids("db._default._default") == ["a"]
    assert ids("db.more") == []
