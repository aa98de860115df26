"""The change feed: what a user gets to know, in which order, and how soon."""

from __future__ import annotations

import http.client
import io
import json
import subprocess
import sys
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_cbtools.embedded.access import Reader
from django_cbtools.embedded.api import changes as api_changes
from django_cbtools.embedded.api import feed_options
from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.database import Database
from django_cbtools.embedded.documents import channelindex
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.feed import changelog, changes
from django_cbtools.embedded.feed.changes import Feed, Wish
from django_cbtools.embedded.feed.sequences import SequenceId
from django_cbtools.embedded.http.messages import Call
from django_cbtools.embedded.principals import users

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[3]
DB = "/test_documents"
PASSWORD = "password"


def login(name):
    return {"authorization": "Basic " + b64encode(f"{name}:{PASSWORD}".encode()).decode()}


def call(method, path, body=None, *, user=None, **query):
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(
        "public" if user else "admin", "default", method, DB + path,
        "&".join(f"{name}={quote(str(value))}" for name, value in query.items()),
        login(user) if user else {}, read=io.BytesIO(data).read,
    )  # fmt: skip


def ask(method, path, body=None, *, status=None, **options):
    answer = respond(call(method, path, body, **options))
    text = b"".join(answer.chunks())
    if status is None:
        assert answer.status in (200, 201), text
    else:
        assert answer.status == status, text
    return json.loads(text) if text else None


def put(uid, body=None, **query):
    return ask("PUT", f"/{uid}", body or {}, **query)["rev"]


def delete(uid, rev):
    return ask("DELETE", f"/{uid}", rev=rev)["rev"]


def allow(*channels, name="alice", **config):
    ask("PUT", f"/_user/{name}", {"password": PASSWORD, "admin_channels": channels, **config})


def read(user=None, **query):
    return ask("GET", "/_changes", user=user, **query)


def rows(user=None, **query):
    """The feed's rows, each as its sequence and document (and what it has left)."""
    return [
        (row["seq"], row["id"], *row.get("removed", ()), *(["-"] if "deleted" in row else ()))
        for row in read(user, **query)["results"]
    ]


@pytest.fixture
def database():
    # Any request makes the database.
    ask("GET", "/")
    return Database.open("default", "test_documents")


# ------------------------------------------------------------------ sequences


@pytest.mark.parametrize(
    ("text", "shown", "json_text"),
    [
        ("", "0", "0"),
        ("0", "0", "0"),
        ("999", "999", "999"),
        ("10:5", "10:5", '"10:5"'),
        ("5:10", "10", '"10"'),
        ("5:5", "5", '"5"'),
        ("2::5", "2::5", '"2::5"'),
        ("3::2", "2", '"2"'),
        ("2:10:5", "2:10:5", '"2:10:5"'),
        ("12:10:5", "10:5", '"10:5"'),
        ("2:5:10", "2::10", '"2::10"'),
        ("0:5", "5", "5"),
        ("0::5", "5", "5"),
    ],
)
def test_sequence_ids(text, shown, json_text):
    seq = SequenceId.parse(text)
    assert (str(seq), seq.json) == (shown, json_text)


@pytest.mark.parametrize(
    "text", ["abc", "now", "-1", "+1", "1.5", " 1", "1:", ":1", "::1", "1::", "1:2:3:4", "1_0",
             "\N{ARABIC-INDIC DIGIT ONE}", "18446744073709551616"],
)  # fmt: skip
def test_no_sequence_ids(text):
    with pytest.raises(GatewayError, match="400 Invalid sequence: "):
        SequenceId.parse(text)


def test_order_of_sequence_ids():
    seqs = map(SequenceId.parse, ["7", "5", "6", "5:4", "4", "0", "5:1", "7:6", "3"])
    ordered = sorted(seqs, key=lambda seq: seq.order)
    assert list(map(str, ordered)) == ["0", "3", "4", "5:1", "5:4", "5", "6", "7:6", "7"]
    assert [seq.before(5) for seq in ordered] == [True] * 5 + [False] * 4


@pytest.mark.parametrize("since", ["18446744073709551615", "9223372036854775808", "9:7", "7::9"])
def test_since_beyond_the_end(since):
    put("d")
    assert read(since=since) == {"results": [], "last_seq": since}


# ----------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("query", "heartbeat", "timeout"),
    [
        ({}, 0, 300),
        ({"timeout": "2000"}, 0, 2),
        ({"timeout": "0"}, 0, 0),
        ({"timeout": "1000000"}, 0, 900),
        ({"timeout": "x"}, 0, 300),
        ({"timeout": "9" * 18}, 0, 900),
        ({"heartbeat": "0"}, 0, 300),
        ({"heartbeat": "1"}, 25, 300),
        ({"heartbeat": "30000", "timeout": "60000"}, 30, 60),
    ],
)
def test_times(query, heartbeat, timeout):
    found = feed_options.read(call("GET", "/_changes", **query))
    assert (found.heartbeat, found.timeout) == (heartbeat, timeout)
    numbers = {name: int(value) for name, value in query.items() if value.isdigit()}
    assert feed_options.read(call("POST", "/_changes", numbers)) == found


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "array into Go value of type struct"),
        (b'{"limit": "1"}', "string into Go struct field .limit of type int"),
        (b'{"limit": 1.5}', "number 1.5 into Go struct field .limit of type int"),
        (b'{"heartbeat": -1}', "number -1 into Go struct field .heartbeat of type uint64"),
        (b'{"doc_ids": "a"}', "string into Go struct field .doc_ids of type []string"),
        (b'{"doc_ids": ["a", 1]}', "number into Go struct field .doc_ids of type string"),
        (b'{"channels": ["a"]}', "array into Go struct field .channels of type string"),
        (b'{"include_docs": "true"}', "string into Go struct field .include_docs of type bool"),
    ],
)
def test_posted_types(body, reason):
    answer = ask("POST", "/_changes", body, status=400)
    assert answer["reason"] == f'Invalid JSON: "json: cannot unmarshal {reason}"'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"since": 1.5}, 'Invalid sequence: "1.5"'),
        ({"since": ["1"]}, 'Invalid sequence: "[\\"1\\"]"'),
        ({"filter": "_doc_ids", "doc_ids": []}, "Empty doc_ids list"),
        ({"filter": "_doc_ids"}, "Missing 'doc_ids' filter parameter"),
        (
            {"filter": "sync_gateway/bychannel", "channels": "a,"},
            'Illegal channel name ""',
        ),
        ({"version_type": "x"}, 'Invalid version_type: unknown changes version type: "x"'),
        ({"feed": "x"}, "Unknown feed type"),
    ],
)
def test_posted_values(body, reason):
    assert ask("POST", "/_changes", body, status=400)["reason"] == reason


def test_null_says_nothing():
    put("d")
    nothing = dict.fromkeys(("feed", "since", "limit", "channels", "doc_ids", "filter", "timeout"))
    assert ask("POST", "/_changes", nothing) == ask("POST", "/_changes", b"null") == read()


def test_query_beside_a_posted_object():
    for uid in ("a", "b", "c"):
        put(uid)
    body = {"since": 2, "limit": 1, "filter": "_doc_ids", "doc_ids": ["c"], "version_type": "cv"}
    (row,) = ask("POST", "/_changes", body, since=0, doc_ids="b", version_type="rev")["results"]
    assert row["id"] == "b"
    assert row["changes"][0].keys() == {"cv"}
    assert ask("POST", "/_changes", body, doc_ids="[]") == ask("POST", "/_changes", body)


def test_websocket_is_refused():
    answer = ask("GET", "/_changes", feed="websocket", status=501)
    assert answer["reason"] == "The embedded gateway does not do change feeds over a WebSocket"


def test_login_is_asked_for_first():
    asked = Call("public", "default", "GET", DB + "/_changes", "since=abc")
    assert respond(asked).status == 401


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


# -------------------------------------------------------------------- waiting

WRITER = """
import sys
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from django_cbtools.sync_gateway import SyncGateway
SyncGateway.save_json(sys.argv[2], {"channels": ["a"]})
"""


class Client:
    """A connection of its own to the gateway over HTTP."""

    def __init__(self, server, user=None):
        parts = urlsplit(server.urls[0 if user else 1])
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port)
        self.headers = login(user) if user else {}

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.connection.close()

    def follow(self, feed, **query):
        """The answer, once the feed has begun."""
        query_string = "&".join(f"{name}={value}" for name, value in query.items())
        self.connection.request(
            "GET", f"{DB}/_changes?feed={feed}&{query_string}", headers=self.headers
        )
        answer = self.connection.getresponse()
        assert answer.status == 200
        if feed == "longpoll":
            assert answer.readline() == b'{"results":[\r\n'
        return answer


def rest_of(answer):
    """What a longpoll says after its first line."""
    found = json.loads(b'{"results":[' + answer.read())
    return [(row["seq"], row["id"]) for row in found["results"]], found["last_seq"]


def lines(answer, count):
    """So many lines of a continuous feed that are not empty."""
    found = []
    while len(found) < count:
        line = answer.readline()
        assert line.endswith(b"\n"), found
        found += [json.loads(line)] if line.strip() else []
    return [(row["seq"], row["id"]) for row in found]


def write_elsewhere(uid):
    """Write a document in another process."""
    subprocess.run(
        [sys.executable, "-c", WRITER, connection.settings_dict["NAME"], uid],
        cwd=ROOT, env={"DJANGO_SETTINGS_MODULE": "tests.settings"}, check=True,
    )  # fmt: skip


def test_longpoll_is_woken_by_another_process(http_gateway):
    put("before")
    with Client(http_gateway) as client:
        answer = client.follow("longpoll", since=1)
        write_elsewhere("woken")
        assert rest_of(answer) == ([(2, "woken")], "2")


def test_longpoll_is_woken_by_what_concerns_the_user(http_gateway):
    allow("a")
    put("b", {"channels": ["b"]})
    with Client(http_gateway, "alice") as client:
        answer = client.follow("longpoll", since=2)
        put("b too", {"channels": ["b"]})
        put("a", {"channels": ["a"]})
        assert rest_of(answer) == ([(4, "a")], "4")


def test_longpoll_is_woken_by_a_grant(http_gateway):
    allow()
    put("a", {"channels": ["a"]})
    with Client(http_gateway, "alice") as client:
        answer = client.follow("longpoll", since=2)
        allow("a")
        assert rest_of(answer) == ([("3:2", "a"), (3, "_user/alice")], "3")


@pytest.mark.parametrize("end", ["disable", "delete"])
@pytest.mark.parametrize("feed", ["longpoll", "continuous"])
def test_feed_ends_with_the_user(feed, end, http_gateway):
    allow("a")
    with Client(http_gateway, "alice") as client:
        answer = client.follow(feed, since=1, timeout=0)
        if end == "disable":
            ask("PUT", "/_user/alice", {"disabled": True})
        else:
            ask("DELETE", "/_user/alice")
        put("a", {"channels": ["a"]})
        if feed == "longpoll":
            assert rest_of(answer) == ([], "1")
        else:
            error = {"error": "Unauthorized", "reason": "Login required"}
            assert json.loads(answer.read()) == error


def test_continuous_feed_follows_the_channels_of_the_user(http_gateway):
    allow("a")
    put("b", {"channels": ["b"]})
    with Client(http_gateway, "alice") as client:
        answer = client.follow("continuous", timeout=0)
        assert lines(answer, 1) == [(1, "_user/alice")]
        put("a", {"channels": ["a"]})
        assert lines(answer, 1) == [(3, "a")]
        allow("b")
        assert lines(answer, 2) == [("4:2", "b"), (4, "_user/alice")]
        put("a too", {"channels": ["a"]})
        put("b too", {"channels": ["b"]})
        assert lines(answer, 1) == [(6, "b too")]
        allow()
        assert lines(answer, 1) == [(7, "_user/alice")]
        put("b again", {"channels": ["b"]})
        put("for all", {"channels": ["!"]})
        assert lines(answer, 1) == [(9, "for all")]


def test_continuous_feed_ends_at_its_limit(http_gateway):
    put("one")
    with Client(http_gateway) as client:
        answer = client.follow("continuous", timeout=0, limit=2)
        assert lines(answer, 1) == [(1, "one")]
        put("two")
        put("three")
        assert [json.loads(line)["id"] for line in answer.read().split()] == ["two"]


@pytest.mark.parametrize("feed", ["longpoll", "continuous"])
def test_heartbeats(feed, http_gateway, monkeypatch):
    monkeypatch.setattr(feed_options, "MIN_HEARTBEAT", 20)
    with Client(http_gateway) as client:
        # With heartbeats, nothing times out.
        answer = client.follow(feed, heartbeat=20, timeout=1)
        assert [answer.readline() for _ in range(5)] == [b"\n"] * 5
        put("one")
        if feed == "continuous":
            assert lines(answer, 1) == [(1, "one")]
        else:
            assert rest_of(answer) == ([(1, "one")], "1")


@pytest.mark.parametrize("feed", ["longpoll", "continuous"])
@pytest.mark.parametrize("state", ["offline", "deleted"])
def test_feed_ends_with_the_database(feed, state, http_gateway):
    put("one")
    with Client(http_gateway) as client:
        answer = client.follow(feed, since=1, timeout=0)
        if state == "offline":
            ask("POST", "/_offline", {})
        else:
            ask("DELETE", "/")
        if feed == "longpoll":
            assert rest_of(answer) == ([], "1")
        else:
            assert "error" in json.loads(answer.read())


def test_a_feed_that_is_told_to_end_says_how_far_it_came():
    put("one")
    for feed, last in (("longpoll", b'],\n"last_seq":"1"}\n'), ("continuous", None)):
        stream = respond(call("GET", "/_changes", feed=feed, since=1, heartbeat=30000)).stream
        pause = next(piece for piece in stream if not isinstance(piece, bytes))
        pause.is_over = True
        assert list(stream) == ([last] if last else [])


def test_a_feed_outlives_its_connection(transactional_db):
    """Others on its thread close it, as Django does at the end of a request."""
    put("one")
    chunks = respond(call("GET", "/_changes", feed="continuous", timeout=0)).chunks()
    assert b'"id":"one"' in next(chunks)
    assert next(chunks) == b"\n"
    connection.close()
    put("two")
    assert b'"id":"two"' in next(chunks)
    chunks.close()


def test_a_feed_sees_what_its_own_thread_writes(transactional_db):
    chunks = respond(call("GET", "/_changes", feed="continuous", timeout=0)).chunks()
    assert next(chunks) == b"\n"
    for uid in ("one", "two"):
        put(uid)
        found = json.loads(next(chunks))
        assert found["id"] == uid
    chunks.close()


def test_a_feed_holds_no_transaction(transactional_db):
    put("one")
    chunks = respond(call("GET", "/_changes", feed="continuous", timeout=0)).chunks()
    next(chunks)

    def checkpoint():
        try:
            put("two")
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout = 0")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return cursor.fetchone()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        is_busy, *_ = pool.submit(checkpoint).result()
    assert not is_busy
    chunks.close()


def test_feeds_beside_a_writer(http_gateway):
    """Two clients who follow see all that is written, each document last as it is."""
    count = 60
    allow("a")

    def write():
        try:
            revs = {}
            for number in range(count):
                uid = f"d{number % 7}"
                revs[uid] = put(
                    uid, {"channels": ["a"]}, **({"rev": revs[uid]} if uid in revs else {})
                )
            put("last", {"channels": ["a"]})
            return revs
        finally:
            connections.close_all()

    def follow(user):
        seen, seqs = {}, []
        with Client(http_gateway, user) as client:
            answer = client.follow("continuous", timeout=0)
            while "last" not in seen:
                line = answer.readline().strip()
                if line:
                    row = json.loads(line)
                    seqs.append(row["seq"])
                    seen[row["id"]] = [change["rev"] for change in row["changes"]]
        assert seqs == sorted(set(seqs))
        return {uid: revs for uid, revs in seen.items() if uid.startswith("d")}

    with ThreadPoolExecutor(3) as pool:
        followed = [pool.submit(follow, user) for user in (None, "alice")]
        written = {uid: [rev] for uid, rev in pool.submit(write).result().items()}
        assert [feed.result() for feed in followed] == [written, written]


# --------------------------------------------------------------- a plain model

UIDS = ["d0", "d1", "d2", "d3"]
CHANNELS = ["a", "b", "c"]
some_channels = st.lists(st.sampled_from(CHANNELS), unique=True)
steps = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(UIDS), some_channels),
    st.tuples(st.just("put"), st.sampled_from(UIDS), some_channels),
    st.tuples(st.just("delete"), st.sampled_from(UIDS), st.none()),
    st.tuples(st.just("set_user"), st.just(["r"]) | st.just([]), some_channels),
    st.tuples(st.just("set_role"), st.none(), some_channels),
    st.tuples(st.just("read"), st.integers(1, 3), st.none()),
)


class Model:
    """What is written, and a client who follows it page by page."""

    def __init__(self):
        self.documents, self.revisions = {}, {}
        self.user, self.roles, self.role = set(), [], set()
        self.since = "0"
        self.held = {}

    def open(self):
        return self.user | (self.role if self.roles else set())

    def visible(self):
        return {
            uid: rev for uid, (rev, channels) in self.documents.items()
            if self.open().intersection(channels)
        }  # fmt: skip

    def put(self, uid, channels):
        rev = self.documents.get(uid, ("", ()))[0]
        rev = put(uid, {"channels": channels, "n": uid}, rev=rev)
        self.documents[uid] = rev, channels
        self.revisions[uid, rev] = channels

    def delete(self, uid, _):
        if uid in self.documents:
            rev, _ = self.documents.pop(uid)
            delete(uid, rev)

    def set_user(self, roles, channels):
        self.user, self.roles = set(channels), roles
        allow(*channels, admin_roles=roles)

    def set_role(self, _, channels):
        self.role = set(channels)
        ask("PUT", "/_role/r", {"admin_channels": channels})

    def read(self, limit, _):
        """Take a page; whether there was anything on it."""
        page = read("alice", since=self.since, limit=limit, include_docs="true")
        assert len(page["results"]) <= limit
        for row in page["results"]:
            self._hold(row)
        self.since = page["last_seq"]
        return page["results"]

    def _hold(self, row):
        if row["id"] == "_user/alice":
            assert row["changes"] == []
            assert "doc" not in row
            return
        (change,) = row["changes"]
        document = row.get("doc", {"_removed": True})
        if document.get("_removed") or document.get("_deleted"):
            assert "n" not in document
            self.held.pop(row["id"], None)
        else:
            assert document["_rev"] == change["rev"]
            channels = self.revisions[row["id"], change["rev"]]
            assert self.open().intersection(channels), "out of his reach"
            self.held[row["id"]] = change["rev"]


@given(st.lists(steps, max_size=25), st.integers(1, 3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_pages_and_feeds_agree_with_a_plain_model(sequence, limit):
    """Whatever happens between the pages, in the end the client has what the user may read, and
    so has one who follows."""
    with transaction.atomic():
        model = Model()
        model.set_user([], [])
        model.set_role(None, [])
        database = Database.open("default", "test_documents")
        feed = Feed(database, Wish())
        followed = {}

        def follow():
            upto = database.sequence
            reader = users.reader(database, users.get(database, "alice"))
            followed.update((entry.uid, entry.rev) for entry in feed.read(reader, upto))

        for step, first, second in sequence:
            getattr(model, step)(first, second)
            if step == "read":
                follow()
        while model.read(limit, None):
            pass
        follow()
        visible = model.visible()
        assert {uid: model.held.get(uid) for uid in visible} == visible
        assert {uid: followed.get(uid) for uid in visible} == visible
        transaction.set_rollback(True)
