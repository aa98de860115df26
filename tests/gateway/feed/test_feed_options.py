"""The parameters of a change feed: sequences, and what is refused."""

from __future__ import annotations

import pytest

from django_cbtools.embedded.api import feed_options
from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.feed.sequences import SequenceId
from django_cbtools.embedded.http.messages import Call
from tests.gateway.feed.client import DB, ask, call, put, read

pytestmark = pytest.mark.django_db


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
