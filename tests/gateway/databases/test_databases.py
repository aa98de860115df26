"""Several databases and collections in one store: made, configured, emptied and dropped, each
keeping to itself."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import time

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.database import Collection, Database
from django_cbtools.embedded.databases import administration, configs, resync
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.http.messages import Call
from django_cbtools.embedded.principals import users

pytestmark = pytest.mark.django_db

#: The database that the settings name.
OURS = "test_documents"
FUNCTION = "function (doc) { channel('new-' + doc.channels); }"
COLLECTIONS = {"scopes": {"s": {"collections": {"one": {}, "two": {}}}}}


def ask(method, path, body=None, *, port="admin", login=None, query="", **headers):
    """What the gateway answers: the status, and the JSON (or the text) of the body."""
    answer = send(method, path, body, port=port, login=login, query=query, **headers)
    try:
        return answer.status, json.loads(answer.body) if answer.body else None
    except ValueError:
        return answer.status, answer.body.decode()


def send(method, path, body=None, *, port="admin", login=None, query="", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    if login:
        names["authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return respond(Call(port, "default", method, path, query, names, read=io.BytesIO(data).read))


def make(name, **config):
    assert ask("PUT", f"/{name}/", config) == (201, None)


def config_of(name, query=""):
    answer = send("GET", f"/{name}/_config", query=query)
    assert answer.status == 200
    return json.loads(answer.body), answer.headers["Etag"]


def ids(keyspace, **options):
    status, found = ask("GET", f"/{keyspace}/_all_docs", **options)
    assert status == 200, found
    return [row["id"] for row in found["rows"]]


def changes(keyspace, **options):
    status, found = ask("GET", f"/{keyspace}/_changes", **options)
    assert status == 200, found
    return [row["id"] for row in found["results"]]


# ------------------------------------------------------------ making, dropping


def test_databases_keep_to_themselves():
    for name in ("one", "two"):
        make(name)
        ask("PUT", f"/{name}/only_{name}", {"channels": ["c"]})
        ask("PUT", f"/{name}/both", {"in": name, "channels": ["c"]})
        ask("PUT", f"/{name}/_user/{name}", {"password": "secret", "admin_channels": ["c"]})
    assert ids("one") == ["both", "only_one"]
    assert ask("GET", "/two/both")[1]["in"] == "two"
    assert ask("GET", "/one/_user/")[1] == ["one"]
    assert ask("GET", "/two/only_one")[0] == 404
    reader = {"port": "public", "login": "one:secret"}
    assert ask("GET", "/one/both", **reader)[0] == 200
    assert ask("GET", "/two/both", **reader) == (
        401, {"error": "Unauthorized", "reason": "Invalid login"},
    )  # fmt: skip
    session = ask("POST", "/one/_session", {"name": "one"})[1]["session_id"]
    cookie = {"port": "public", "cookie": f"SyncGatewaySession={session}"}
    assert ask("GET", "/one/both", **cookie)[0] == 200
    assert ask("GET", "/two/both", **cookie)[0] == 401
    assert changes("two", port="public", login="two:secret") == ["only_two", "both", "_user/two"]


def test_all_dbs_lists_ours_from_the_start():
    make("other", bucket="elsewhere")
    assert ask("GET", "/_all_dbs") == (200, ["other", OURS])
    assert ask("GET", "/_all_dbs", query="verbose=true")[1][0] == {
        "db_name": "other", "bucket": "elsewhere", "state": "Online",
    }  # fmt: skip


def test_documents_and_users_wait_for_a_dropped_database():
    make("db", revs_limit=5)
    ask("PUT", "/db/a", {"channels": ["c"]})
    ask("PUT", "/db/_user/x", {"password": "secret", "admin_channels": ["c"]})
    sequence = ask("GET", "/db/")[1]["update_seq"]
    assert ask("DELETE", "/db/") == (200, {})
    assert ask("GET", "/db/a")[0] == 404
    make("db")
    assert "revs_limit" not in config_of("db")[0]
    assert ids("db", port="public", login="x:secret") == ["a"]
    ask("PUT", "/db/b", {})
    assert ask("GET", "/db/")[1]["update_seq"] == sequence + 1


def test_a_database_on_another_bucket_is_another_one():
    make("db", bucket="first")
    ask("PUT", "/db/a", {"channels": ["c"]})
    ask("PUT", "/db/_user/x", {"password": "secret"})
    ask("DELETE", "/db/")
    make("db", bucket="second")
    assert ids("db") == []
    assert ask("GET", "/db/_user/")[1] == []
    ask("DELETE", "/db/")
    make("db", bucket="first")
    assert ids("db") == ["a"]
    assert ask("GET", "/db/_user/")[1] == ["x"]


def test_a_database_of_another_name_finds_the_documents_of_a_bucket():
    make("old", bucket="b")
    for number in range(3):
        ask("PUT", f"/old/{number}", {})
    ask("DELETE", "/old/")
    make("new", bucket="b")
    ask("PUT", "/new/3", {})
    assert changes("new") == ["0", "1", "2", "3"]
    assert ask("GET", "/new/_user/")[1] == []


def test_what_documents_open_follows_them_to_another_database():
    function = "function (doc) { channel(doc.channels); access('x', doc.opens); }"
    reader = {"port": "public", "login": "x:secret"}

    def make_with_user(name):
        make(name, bucket="b", sync=function)
        assert ask("PUT", f"/{name}/_user/x", {"password": "secret"})[0] in (200, 201)

    make_with_user("old")
    ask("PUT", "/old/secret", {"channels": ["c"]})
    rev = ask("PUT", "/old/door", {"opens": ["c"]})[1]["rev"]
    ask("DELETE", "/old/")
    make_with_user("new")
    assert ask("GET", "/new/secret", **reader)[0] == 200
    assert ask("PUT", "/new/door", {"_rev": rev})[0] == 201
    assert ask("GET", "/new/secret", **reader)[0] == 403
    ask("DELETE", "/new/")
    make_with_user("old")
    assert ask("GET", "/old/secret", **reader)[0] == 403


def test_two_databases_do_not_share_a_collection():
    make("one", bucket="b")
    status, found = ask("PUT", "/two/", {"bucket": "b"})
    assert status == 409
    assert "[b._default._default] already in use by other database(s)" in found["reason"]
    assert ask("GET", "/_all_dbs")[1] == ["one", OURS]
    make("two", bucket="b", **COLLECTIONS)
    assert ask("PUT", "/two.s.one/a", {})[0] == 201
    assert ids("one") == []


def test_ours_stays_away_once_it_is_dropped():
    ask("PUT", f"/{OURS}/a", {})
    assert ask("DELETE", f"/{OURS}/")[0] == 200
    assert ask("GET", f"/{OURS}/a")[0] == 404
    assert ask("GET", "/_all_dbs")[1] == []
    make(OURS)
    assert ids(OURS) == ["a"]


@pytest.mark.parametrize("name", ["Bad", "1st", "a.b.c.d", "a%20b"])
def test_a_name_that_is_none_is_refused(name):
    status, found = ask("PUT", f"/{name}/", {"bucket": "x"})
    assert status == 400
    assert "Illegal database name" in found["reason"]


def test_a_database_that_is_there_is_not_made_again():
    make("db", revs_limit=7)
    assert ask("PUT", "/db/", {}) == (
        412, {"error": "Precondition Failed", "reason": 'Duplicate database name "db"'},
    )  # fmt: skip
    assert config_of("db")[0]["revs_limit"] == 7


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


# ------------------------------------------------------------------ collections


@pytest.fixture
def collections():
    make("db", **COLLECTIONS)


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


# --------------------------------------------------------- offline, resync, jobs


def test_an_offline_database_answers_no_one():
    make("db", guest={"disabled": False, "admin_channels": ["*"]})
    ask("PUT", "/db/a", {})
    assert ask("POST", "/db/_offline") == (200, None)
    for port in ("admin", "public"):
        assert ask("GET", "/db/a", port=port) == (
            503, {"error": "Service Unavailable", "reason": "DB is currently under maintenance"},
        )  # fmt: skip
        assert ask("GET", "/db/", port=port)[1]["state"] == "Offline"
    assert config_of("db")[0]["offline"] is True
    assert ask("POST", "/db/_online") == (200, None)
    assert ids("db") == ["a"]


def test_online_after_a_delay():
    make("db", offline=True)
    assert ask("POST", "/db/_online", {"delay": 60}) == (200, None)
    assert ask("GET", "/db/")[1]["state"] == "Offline"
    database = Database.open("default", "db")
    with database.atomic():
        administration._wake(database).keep(at=time.time() - 1)
    assert ask("GET", "/db/")[1]["state"] == "Online"
    assert config_of("db")[0]["offline"] is False


def test_online_after_a_delay_where_the_clock_has_been_set_back(monkeypatch):
    make("db", offline=True)
    ask("POST", "/db/_online", {"delay": 60})
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600)
    assert ask("GET", "/db/")[1]["state"] == "Online"


def test_a_job_whose_process_died_where_the_clock_has_been_set_back(monkeypatch):
    from django_cbtools.embedded.databases import resync

    make("db", offline=True)
    with Database.open("default", "db").atomic():
        resync.job(Database.open("default", "db")).begin()
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600)
    assert ask("GET", "/db/_resync")[1]["status"] == "stopped"


@pytest.mark.parametrize("delay", ["soon", 1.5, 10**30, []])
def test_a_delay_that_is_none(delay):
    make("db", offline=True)
    assert ask("POST", "/db/_online", {"delay": delay})[0] == 400


def test_a_write_that_began_before_offline_is_refused():
    make("db")
    database = Database.open("default", "db")
    ask("POST", "/db/_offline")
    with pytest.raises(GatewayError) as refused, database.atomic():
        database.tickets(1)
    assert refused.value.status == 503
    with pytest.raises(GatewayError):
        _ = database.sequence


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"bucket": "first"}, {"bucket": "second"}),
        (COLLECTIONS, {"scopes": {"s": {"collections": {"two": {}}}}}),
        (COLLECTIONS, {}),
    ],
)
def test_a_write_that_began_before_its_place_was_gone(first, second):
    make("db", **first)
    database = Database.open("default", "db").all()[0]
    ask("DELETE", "/db/")
    make("db", **second)
    with pytest.raises(GatewayError) as refused, database.atomic():
        database.tickets(1)
    assert refused.value.status == 404
    with pytest.raises(GatewayError):
        _ = database.sequence


def test_a_request_that_began_before_its_database_was_dropped_leaves_it_no_user():
    """The users of a database that is dropped could not come back."""
    make("db", guest={"disabled": False})
    database = Database.open("default", "db")
    ask("DELETE", "/db/")
    users.compact(database, users.GUEST, {Collection(): ["a"]})
    make("db")
    assert ask("GET", "/db/_user/GUEST")[1]["disabled"] is False


def test_a_write_that_began_before_another_collection_came(collections):
    database = Database.open("default", "db")
    known = database.config["scopes"]["s"]["collections"]
    more = {"scopes": {"s": {"collections": {**known, "three": {}}}}}
    assert ask("POST", "/db/_config", more)[0] == 201
    # A user's and a document's.
    for place in (database, *database.all()):
        with database.atomic():
            assert place.tickets(1)


@pytest.fixture
def many():
    """More documents than a batch of resync, in a database that is offline."""
    make("db")
    docs = [{"_id": f"{number:03}", "channels": ["a"]} for number in range(resync.BATCH * 2 + 5)]
    ask("POST", "/db/_bulk_docs", {"docs": [*docs, {"_id": "gone", "_deleted": True}]})
    ask("PUT", "/db/_config/sync", FUNCTION.encode())
    ask("POST", "/db/_offline")
    return docs


def test_resync_recomputes_channels(many):
    before = ask("GET", "/db/_resync")[1]
    assert (before["status"], before["resync_id"]) == ("completed", "")
    begun = ask("POST", "/db/_resync")[1]
    assert (begun["status"], begun["docs_processed"]) == ("running", 0)
    assert begun["docs_targeted"] == len(many)
    done = ask("GET", "/db/_resync")[1]
    assert done["status"] == "completed"
    assert done["docs_changed"] == done["docs_processed"] == len(many)
    ask("POST", "/db/_online")
    rows = ask("GET", "/db/_all_docs", query="channels=true")[1]["rows"]
    assert {tuple(row["value"]["channels"]) for row in rows} == {("new-a",)}
    feed = ask("GET", "/db/_changes")[1]["results"]
    # Who has them need not fetch them again.
    assert [row["seq"] for row in feed] == sorted(row["seq"] for row in feed)
    assert feed[-1]["seq"] == len(many) + 1


def test_resync_may_give_new_sequences(many):
    ask("POST", "/db/_resync", query="regenerate_sequences=true")
    ask("POST", "/db/_online")
    feed = ask("GET", "/db/_changes")[1]["results"]
    last = max(row["seq"] for row in feed if row["id"] != "gone")
    assert last > len(many) + 1
    assert len(feed) == len(many) + 1


def test_resync_changes_what_documents_open():
    make("db", sync="function (doc) { channel('c'); access('x', 'c'); }")
    ask("PUT", "/db/_user/x", {"password": "secret"})
    ask("PUT", "/db/a", {})
    reader = {"port": "public", "login": "x:secret"}
    assert ask("GET", "/db/a", **reader)[0] == 200
    ask("PUT", "/db/_config/sync", b"function (doc) { channel('c'); }")
    ask("POST", "/db/_offline")
    ask("POST", "/db/_resync")
    assert ask("GET", "/db/_resync")[1]["docs_changed"] == 1
    ask("POST", "/db/_online")
    assert ask("GET", "/db/a", **reader)[0] == 403


def test_resync_takes_what_is_refused_out_of_channels():
    make("db")
    ask("PUT", "/db/a", {"channels": ["a"]})
    ask("PUT", "/db/_config/sync", b"function (doc) { throw({forbidden: 'no'}); }")
    ask("POST", "/db/_offline")
    ask("POST", "/db/_resync")
    assert ask("GET", "/db/_resync")[1]["docs_changed"] == 1
    ask("POST", "/db/_online")
    rows = ask("GET", "/db/_all_docs", query="channels=true")[1]["rows"]
    assert rows[0]["value"].get("channels", []) == []


def test_resync_of_some_collections(collections):
    for name in ("one", "two"):
        ask("PUT", f"/db.{name}/a", {})
        ask("PUT", f"/db.{name}/_config/sync", FUNCTION.encode())
    ask("POST", "/db/_offline")
    assert ask("POST", "/db/_resync", {"scopes": {"s": ["nope"]}})[0] == 400
    assert ask("POST", "/db/_resync", {"scopes": {"s": ["two"]}})[0] == 200
    done = ask("GET", "/db/_resync")[1]
    assert done["collections_processing"] == {"s": ["two"]}
    assert (done["docs_processed"], done["docs_targeted"]) == (1, 1)


def test_a_resync_whose_process_died_can_begin_again(many):
    database = Database.open("default", "db")
    with database.atomic():
        resync.job(database).begin()
    assert ask("GET", "/db/")[1]["state"] == "Resyncing"
    assert ask("GET", "/db/a") == (
        503, {"error": "Service Unavailable", "reason": "DB is Resyncing - try again later"},
    )  # fmt: skip
    assert ask("POST", "/db/_resync")[0] == ask("POST", "/db/_online")[0] == 503
    connection.cursor().execute(
        "UPDATE cbtools_databases SET jobs = json_set(jobs, '$.resync.beat', 0)"
    )
    assert ask("GET", "/db/_resync")[1]["status"] == "stopped"
    assert ask("GET", "/db/")[1]["state"] == "Offline"
    assert ask("POST", "/db/_resync")[0] == 200
    assert ask("GET", "/db/_resync")[1]["status"] == "completed"


def test_a_resync_can_be_stopped(many, monkeypatch):
    real = resync._batch

    def batch(place, after, **options):
        last = real(place, after, **options)
        if not after:
            assert ask("POST", "/db/_resync", query="action=stop")[1]["status"] == "stopping"
        return last

    monkeypatch.setattr(resync, "_batch", batch)
    ask("POST", "/db/_resync")
    stopped = ask("GET", "/db/_resync")[1]
    assert (stopped["status"], stopped["docs_processed"]) == ("stopped", resync.BATCH)
    assert ask("GET", "/db/")[1]["state"] == "Offline"


def test_flush_empties_a_database_and_leaves_others():
    for name in ("one", "two"):
        make(name, revs_limit=5)
        ask("PUT", f"/{name}/a", {})
        ask("PUT", f"/{name}/_local/x", {})
        ask("PUT", f"/{name}/_user/x", {"password": "secret"})
    assert ask("POST", "/one/_flush") == (200, None)
    assert ids("one") == []
    assert ask("GET", "/one/_local/x")[0] == ask("GET", "/one/_user/x")[0] == 404
    assert ask("GET", "/one/")[1]["update_seq"] == 0
    assert config_of("one")[0]["revs_limit"] == 5
    assert ids("two") == ["a"]
    assert ask("GET", "/two/_user/x")[0] == ask("GET", "/two/_local/x")[0] == 200
    assert ask("PUT", "/one/a", {})[0] == 201


def test_compaction_removes_old_tombstones():
    make("db")
    ask("POST", "/db/_bulk_docs", {"docs": [
        {"_id": "old", "_deleted": True}, {"_id": "new", "_deleted": True}, {"_id": "live"}]}
    )  # fmt: skip
    old = f"{int(time.time() - 31 * 24 * 60 * 60) * 10**9:016x}@x"
    connection.cursor().execute(
        "UPDATE cbtools_documents SET cv = %s WHERE uid IN ('old', 'live')", [old]
    )
    assert ask("POST", "/db/_compact")[1]["status"] == "running"
    done = ask("GET", "/db/_compact")[1]
    assert (done["status"], done["docs_purged"]) == ("completed", 1)
    assert sorted(changes("db")) == ["live", "new"]


def test_compaction_of_attachments_counts_what_is_there():
    make("db")
    data = base64.b64encode(b"hello").decode()
    ask("PUT", "/db/a", {"_attachments": {"x": {"data": data}}})
    for query in ("type=attachment&dry_run=true", "type=attachment"):
        assert ask("POST", "/db/_compact", query=query)[1]["status"] == "running"
    done = ask("GET", "/db/_compact", query="type=attachment")[1]
    assert (done["marked_attachments"], done["purged_attachments"]) == (1, 0)


# ----------------------------------------------------------------------- queries


def test_a_database_is_opened_with_one_query(django_assert_num_queries):
    make("db", revs_limit=5)
    with django_assert_num_queries(1):
        administration.open_database("default", "db")


def test_a_store_of_the_first_version_is_read():
    ask("PUT", f"/{OURS}/a", {})
    connection.cursor().execute(
        "UPDATE cbtools_databases SET bucket = '', version = '', updated = 0, started = 0"
    )
    assert ids(OURS) == ["a"]
    assert config_of(OURS)[0]["bucket"] == OURS
    assert ask("POST", f"/{OURS}/_config", {"revs_limit": 5})[0] == 201
    assert ask("POST", f"/{OURS}/_flush")[0] == 200
    assert ids(OURS) == []
