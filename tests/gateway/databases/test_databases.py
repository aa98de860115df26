"""Several databases and collections in one store: made, configured, emptied and dropped, each
keeping to itself."""

from __future__ import annotations

import pytest
from django.db import connection

from django_cbtools.embedded.databases import administration
from tests.gateway.databases.client import COLLECTIONS, OURS, ask, changes, config_of, ids, make

pytestmark = pytest.mark.django_db


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
