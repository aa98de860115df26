"""The change feed: what a user gets to know, in which order, and what it costs."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_cbtools.embedded.access import Reader
from django_cbtools.embedded.api import changes as api_changes
from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.database import Database
from django_cbtools.embedded.documents import channelindex
from django_cbtools.embedded.feed import changelog, changes
from django_cbtools.embedded.feed.changes import Feed, Wish
from django_cbtools.embedded.http.messages import Call
from tests.gateway.feed.client import DB, PASSWORD, allow, ask, call, delete, put, read, rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def database():
    # Any request makes the database.
    ask("GET", "/")
    return Database.open("default", "test_documents")


# --------------------------------------------------------------- what he sees


def test_backfill_of_channels():
    """What a channel held before it was opened comes under the number that opened it: no
    tombstones, nothing that has left."""
    allow("abc")
    put("pbs")
    put("left", {"channels": []}, rev=put("left", {"channels": ["pbs"]}))
    delete("deleted", put("deleted", {"channels": ["pbs"]}))
    put("moved", {"channels": ["hbo"]}, rev=put("moved", {"channels": ["pbs"]}))
    put("both", {"channels": ["pbs", "hbo"]}, rev=put("both", {"channels": ["pbs"]}))
    put("pbs", {"channels": ["pbs"]}, rev=ask("GET", "/pbs")["_rev"])
    put("abc", {"channels": ["abc"]})
    delete("abc gone", put("abc gone", {"channels": ["abc"]}))
    assert rows("alice") == [(1, "_user/alice"), (12, "abc"), (14, "abc gone", "abc", "-")]
    allow("abc", "pbs", "hbo")
    expected = [("15:8", "moved"), ("15:10", "both"), ("15:11", "pbs"), (15, "_user/alice")]
    assert rows("alice", since=14) == expected
    put("new", {"channels": ["hbo"]})
    expected.append((16, "new"))
    for done, (seq, *_) in enumerate(expected):
        assert rows("alice", since=seq) == expected[done + 1 :]
    # Those of one number are not ended by another channel's.
    assert rows("alice", since="15:8", limit=2) == expected[1:3]
    assert read("alice", since="15:8", limit=2)["last_seq"] == "15:11"
    # What a client brings from a gateway that had a gap.
    assert rows("alice", since="12::14") == [(14, "abc gone", "abc", "-"), *expected]


def test_several_backfills():
    put("a", {"channels": ["a"]})
    put("b", {"channels": ["b"]})
    put("ab", {"channels": ["a", "b"]})
    put("c", {"channels": ["c"]})
    allow("c")
    allow("c", "a")
    put("a", {"channels": ["a"]}, rev=ask("GET", "/a")["_rev"])
    allow("c", "a", "b")
    expected = [
        ("5:4", "c"), ("6:3", "ab"), (7, "a"), ("8:2", "b"), ("8:3", "ab"), (8, "_user/alice"),
    ]  # fmt: skip
    assert rows("alice") == expected
    for done, (seq, *_) in enumerate(expected):
        assert rows("alice", since=seq) == expected[done + 1 :]
        assert rows("alice", since=seq, limit=1) == expected[done + 1 : done + 2]


def test_filter_by_channel():
    allow("a", "b")
    put("a", {"channels": ["a"]})
    put("b", {"channels": ["b"]})
    put("c", {"channels": ["c"]})
    filtered = {"filter": "sync_gateway/bychannel"}
    himself = (1, "_user/alice")
    assert rows("alice", **filtered, channels="b") == [himself, (3, "b")]
    assert rows("alice", **filtered, channels="b,c") == [himself, (3, "b")]
    assert rows("alice", **filtered, channels="c") == [himself]
    assert rows("alice", **filtered, channels="c,*") == [himself, (2, "a"), (3, "b")]
    allow("*")
    assert rows("alice", **filtered, channels="c") == [("5:4", "c"), (5, "_user/alice")]


def test_leaving_channels():
    allow("a", "b")
    rev = put("d", {"channels": ["a", "b", "c"]})
    rev = put("d", {"channels": ["b", "c"]}, rev=rev)
    # He still reads it by another channel.
    assert rows("alice") == [(1, "_user/alice"), (3, "d", "a")]
    assert rows("alice", active_only="true") == [(1, "_user/alice"), (3, "d", "a")]
    rev = put("d", {"channels": ["c"]}, rev=rev)
    assert rows("alice") == [(1, "_user/alice"), (3, "d", "a"), (4, "d", "b")]
    put("d", {"channels": ["c", "x"]}, rev=rev)
    # What happens to it elsewhere is not his business.
    assert rows("alice") == [(1, "_user/alice"), (3, "d", "a"), (4, "d", "b")]
    assert rows("alice", active_only="true") == [(1, "_user/alice")]
    put("d", {"channels": ["a"]}, rev=ask("GET", "/d")["_rev"])
    assert rows("alice") == [(1, "_user/alice"), (4, "d", "b"), (6, "d")]


def test_documents_are_shown_as_he_may_see_them():
    allow("a")
    rev = put("moved", {"channels": ["a"], "secret": 0})
    moved = put("moved", {"channels": ["b"], "secret": 1}, rev=rev)
    rev = put("deleted", {"channels": ["a"], "secret": 0})
    deleted = delete("deleted", rev)
    put("open", {"channels": ["a"], "n": 1})
    rev = put("moved on", {"channels": ["a"], "secret": 0})
    on = put("moved on", {"channels": ["b"], "secret": 1}, rev=rev)
    put("moved on", {"channels": ["b"], "secret": 2}, rev=on)
    found = {row["id"]: row.get("doc") for row in read("alice", include_docs="true")["results"]}
    assert found["open"].pop("_cv")
    assert found["open"].pop("_rev")
    assert found == {
        "_user/alice": None,
        "moved": {"_id": "moved", "_rev": moved, "_removed": True},
        "deleted": {"_id": "deleted", "_rev": deleted, "_deleted": True},
        "open": {"_id": "open", "channels": ["a"], "n": 1},
        "moved on": {"_id": "moved on", "_rev": on, "_removed": True},
    }


def test_documents_by_id():
    allow("a", "b")
    put("a", {"channels": ["a"]})
    put("c", {"channels": ["c"]})
    rev = put("gone", {"channels": ["b"]})
    put("gone", {"channels": ["c"]}, rev=rev)
    rev = put("deleted", {"channels": ["b"]})
    delete("deleted", rev)
    wanted = {"filter": "_doc_ids", "doc_ids": "deleted,gone,c,a,nope,_user/alice"}
    expected = [(2, "a"), (5, "gone", "b"), (7, "deleted", "b", "-")]
    assert rows("alice", **wanted) == expected
    assert rows("alice", **wanted, since=5) == expected[2:]
    assert rows("alice", **wanted, limit=1) == expected[:1]
    assert rows(**wanted) == [(2, "a"), (3, "c"), (5, "gone"), (7, "deleted", "-")]


def test_conflicts():
    tombstone = delete("d", put("d"))
    branch = {"_revisions": {"start": 1, "ids": ["abc"]}, "channels": ["a"]}
    ask("PUT", "/d", branch, new_edits="false")

    def revs(**query):
        (row,) = read(**query)["results"]
        assert "deleted" not in row
        return [rev for change in row["changes"] for rev in change.values()]

    assert revs() == revs(style="main_only") == ["1-abc"]
    assert revs(style="all_docs") == ["1-abc", tombstone]
    assert revs(style="all_docs", active_only="true") == ["1-abc"]
    assert read(style="all_docs", include_docs="true")["results"][0]["doc"]["channels"] == ["a"]


def test_a_tombstone_of_several_leaves():
    allow("a")
    delete("d", put("d", {"channels": ["a"]}))
    branch = {"_revisions": {"start": 1, "ids": ["abc"]}, "channels": ["b"]}
    ask("PUT", "/d", branch, new_edits="false")
    assert rows("alice", since=1) == [(3, "d", "a", "-")]
    # Not all of them are deleted.
    assert rows("alice", since=1, style="all_docs") == [(3, "d", "a")]


def test_a_document_that_was_made_again_has_one_leaf():
    allow("a")
    rev = put("d", {"channels": ["a", "b"]})
    delete("d", rev)
    left = put("d", {"channels": ["b"]})
    rev = put("d", {"channels": ["a"]}, rev=left)
    left = put("d", {"channels": []}, rev=rev)
    last = put("d", {"channels": ["b"], "n": 2}, rev=left)
    query = {"style": "all_docs", "filter": "sync_gateway/bychannel", "channels": "a,b"}
    assert [entry["changes"] for entry in read(**query)["results"]] == [
        [{"rev": left}], [{"rev": last}],
    ]  # fmt: skip


def test_all_channels():
    delete("d", put("d", {"channels": ["a"]}))
    put("e", {"channels": ["a"]}, rev=put("e", {"channels": ["b"]}))
    assert rows(active_only="true") == [(4, "e")]
    allow("*")
    assert rows("alice") == [("5:4", "e"), (5, "_user/alice")]
    delete("e", ask("GET", "/e")["_rev"])
    put("nowhere")
    assert rows("alice", since=5) == [(6, "e", "-"), (7, "nowhere")]
    assert rows("alice", since=5, active_only="true") == [(7, "nowhere")]


def test_channels_that_are_opened_between_two_looks(database):
    for number in range(4):
        put(f"d{number}", {"channels": ["a" if number % 2 else "b"]})
    feed = Feed(database, Wish())

    def look(sequence, upto, **channels):
        reader = Reader("alice", channels, sequence=sequence)
        return [(str(entry.seq), entry.uid) for entry in feed.read(reader, upto)]

    # What has happened since the look was begun is for the next one.
    assert look(5, 3, a=1, b=4) == [("2", "d1")]
    assert look(5, 4, a=1, b=4) == [("4:1", "d0"), ("4:3", "d2"), ("4", "d3")]
    assert look(5, 5, a=1) == [("5", "_user/alice")]
    # A channel may be opened with a sequence of long ago.
    assert look(5, 5, a=1, b=3) == [("3:1", "d0"), ("3", "d2")]
    assert look(5, 6, a=1, b=3) == []


def test_grants_of_documents_and_roles(database):
    """Channels that a sync function opens, and those of roles."""
    sync = "function(doc) { channel(doc.channels); if (doc.to) { access(doc.to, doc.open); } }"
    ask("PUT", "/_config/sync", sync.encode())
    put("before", {"channels": ["a"]})
    allow()
    ask("PUT", "/_role/r", {"admin_channels": ["b"]})
    put("role's", {"channels": ["b"]})
    base = database.sequence
    assert rows("alice") == [(base - 2, "_user/alice")]
    rev = put("grant", {"to": "alice", "open": ["a"], "channels": ["a"]})
    assert rows("alice", since=base) == [(f"{base + 1}:1", "before"), (base + 1, "grant")]
    allow(admin_roles=["r"])
    assert rows("alice", since=base + 1) == [
        (f"{base + 2}:{base}", "role's"), (base + 2, "_user/alice"),
    ]  # fmt: skip
    put("grant", {"channels": ["a"]}, rev=rev)
    put("after", {"channels": ["a"]})
    assert rows("alice", since=base + 2) == []
    ask("DELETE", "/_role/r")
    put("role's too", {"channels": ["b"]})
    assert rows("alice", since=base + 2) == []


def test_a_channel_of_a_role_that_is_asked_for_by_name(database):
    """It is read from the beginning, as far as the role goes back, and nothing is left out."""
    dead, left = put("dead", {"channels": ["a"]}), put("left", {"channels": ["a"]})
    ask("PUT", "/_role/r", {"admin_channels": ["a"]})
    delete("dead", dead)
    put("left", {}, rev=left)
    put("stays", {"channels": ["a"]})
    before = database.sequence
    allow(admin_roles=["r"])
    told = database.sequence
    named = {"filter": "sync_gateway/bychannel", "channels": "a"}
    assert rows("alice", since=before) == [(f"{told}:{before}", "stays"), (told, "_user/alice")]
    assert rows("alice", since=before, **named) == [(told, "_user/alice")]
    entries = ask("GET", "/_changes", user="alice", **named)["results"]
    assert [
        (entry["id"], entry.get("removed"), entry.get("deleted", False)) for entry in entries
    ] == [
        ("dead", ["a"], True), ("left", ["a"], False), ("stays", None, False),
        ("_user/alice", None, False),
    ]  # fmt: skip
    # A channel that the role is given later is opened with the role's own sequence.
    ask("PUT", "/_role/r", {"admin_channels": ["a", "b"]})
    assert rows("alice", since=told, filter="sync_gateway/bychannel", channels="b") == []
    allow("*", name="bob")
    assert rows("bob", since=told, **named)[-1][1] == "_user/bob"


def test_guest(settings):
    ask("PUT", "/_user/GUEST", {"disabled": False, "admin_channels": ["a"]})
    put("a", {"channels": ["a"]})
    put("everybody's", {"channels": ["!"]})
    put("b", {"channels": ["b"]})
    answer = respond(Call("public", "default", "GET", DB + "/_changes"))
    assert [row["id"] for row in json.loads(answer.body)["results"]] == [
        "_user/GUEST", "a", "everybody's",
    ]  # fmt: skip


def test_channels_with_odd_names():
    """Nobody gets more by a name that a part of the gateway might read as another."""
    assert ask("PUT", "/d", {"channels": ["a\0b"]}, status=400)
    assert ask("PUT", "/_user/x", {"admin_channels": ["a\0b"], "password": "abc"}, status=400)
    put("d", {"channels": ["a"]})
    assert list(changelog.read(Database.open("default", "test_documents"), ["a\0b"], 0, 9)) == []
    names = ["a'b", 'a"b', "a\\", "%s", "a b", "Ä", "ä", "", "[1]", "$.a", "a.b", "\u2028"]
    for number, name in enumerate(filter(None, names)):
        put(f"d{number}", {"channels": [name]})
    for number, name in enumerate(filter(None, names)):
        allow(name, name=f"u{number}")
        filtered = rows(filter="sync_gateway/bychannel", channels=name)
        assert [row[1] for row in filtered] == [f"d{number}"]
        assert [row[1] for row in rows(f"u{number}")] == [f"d{number}", f"_user/u{number}"]


def test_collections(settings):
    config = {"bucket": "many", "scopes": {"s": {"collections": {"one": {}, "two": {}}}}}
    at = "/many.s.{}"

    def ask_at(method, path, body=None, **query):
        asked = call(method, "", body, **query)
        asked.path = path
        answer = respond(asked)
        assert answer.status in (200, 201), answer.body
        return json.loads(b"".join(answer.chunks()) or b"null")

    ask_at("PUT", "/many/", config)
    for number, name in enumerate(("one", "two", "one")):
        ask_at("PUT", f"{at.format(name)}/d{number}", {})
    access = {"s": {"one": {"admin_channels": ["one"]}}}
    ask_at("PUT", "/many/_user/alice", {"password": PASSWORD, "collection_access": access})
    for name, expected in (("one", ["d0", "d2"]), ("two", ["d1"])):
        found = ask_at("GET", f"{at.format(name)}/_changes")
        assert [row["id"] for row in found["results"]] == expected
        seqs = [row["seq"] for row in found["results"]]
        assert found["last_seq"] == str(seqs[-1])
    found = ask_at("GET", f"{at.format('one')}/_changes", user="alice")
    assert [row["id"] for row in found["results"]] == ["d0", "d2", "_user/alice"]
    found = ask_at("GET", f"{at.format('two')}/_changes", user="alice")
    assert [row["id"] for row in found["results"]] == ["_user/alice"]


# ------------------------------------------------------------- how much it costs


def test_pages_are_read_one_by_one(monkeypatch):
    revs = [put(f"d{number}", {"channels": ["a"]}) for number in range(7)]
    put("d2", {"channels": ["b"]}, rev=revs[2])
    delete("d3", revs[3])
    allow("a")
    put("d8", {"channels": ["a"]})
    everything = read("alice", include_docs="true")
    monkeypatch.setattr(channelindex, "_ROWS", 2)
    monkeypatch.setattr(channelindex, "_FIRST", 2)
    monkeypatch.setattr(changes, "_BATCH", 3)
    assert read("alice", include_docs="true") == everything
    assert [row["id"] for row in read()["results"]] == [
        "d0", "d1", "d4", "d5", "d6", "d2", "d3", "d8",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "user", "count"),
    [
        ({}, None, 1),
        ({"limit": 3}, None, 1),
        ({"style": "all_docs"}, None, 1),
        ({"include_docs": "true"}, None, 2),
        # Which of his channels hold anything new, and what does, in pages that grow.
        ({}, "alice", 3),
        ({"since": "11"}, "alice", 0),
    ],
    ids=repr,
)
def test_queries(query, user, count):
    for number in range(10):
        put(f"d{number}", {"channels": ["a"]})
    allow("a")
    asked = call("GET", "/_changes", user=user, **query)
    asked.database = Database.open("default", "test_documents")
    asked.log_in()
    with CaptureQueriesContext(connection) as captured:
        assert api_changes.changes(asked).status == 200
    tables = ("FROM cbtools_documents", "FROM cbtools_memberships")
    found = [query for query in captured if any(table in query["sql"] for table in tables)]
    assert len(found) == count


def test_a_long_feed_comes_in_pieces(monkeypatch):
    monkeypatch.setattr(api_changes, "_PIECE", 200)
    for number in range(20):
        put(f"d{number}")
    answer = respond(call("GET", "/_changes"))
    pieces = list(answer.chunks())
    assert len(pieces) > 5
    assert len(json.loads(b"".join(pieces))["results"]) == 20
    # One that is not read to its end leaves nothing behind.
    respond(call("GET", "/_changes")).stream.close()
