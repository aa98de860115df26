"""Databases that are offline, and what works on all of their documents."""

from __future__ import annotations

import base64
import time

import pytest
from django.db import connection

from django_cbtools.embedded.database import Collection, Database
from django_cbtools.embedded.databases import administration, resync
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.principals import users
from tests.gateway.databases.client import COLLECTIONS, FUNCTION, ask, changes, config_of, ids, make

pytestmark = pytest.mark.django_db


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
