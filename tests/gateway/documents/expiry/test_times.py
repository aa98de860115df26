"""`_exp`: what it may be, and what each write makes of it."""

from __future__ import annotations

import time

import pytest
from django.db import connection

from django_cbtools.embedded.documents import expiry
from tests.gateway.access.client import ADMIN, add_user, create_database
from tests.gateway.documents.expiry.ending import FAR, exp, put

pytestmark = pytest.mark.django_db
DATE = (
    'Unable to parse expiry {0} as either numeric or date expiry: parsing time "{0}" as '
    '"2006-01-02T15:04:05Z07:00": cannot parse "{0}" as "2006"'
)


# ------------------------------------------------------------------ what it is


@pytest.mark.parametrize(("value", "seconds"), [
    (None, None), (0, None), ("0", None), ("-0", None), (4070908800, 4070908800),
    (2592001, 2592001), ((1 << 32) - 1, (1 << 32) - 1), ("2147483647", 2147483647),
    ("+2592001", 2592001), (FAR, 4070908800), ("2099-01-01T00:00:00.000+00:00", 4070908800),
    ("2099-01-01T01:30:00,5+01:30", 4070908800), ("1970-01-01T00:00:00Z", None),
])  # fmt: skip
def test_times(value, seconds):
    assert expiry.parse(value) == seconds


@pytest.mark.parametrize(("value", "seconds"), [
    (1, 1), ("3600", 3600), (2592000, 2592000), ("1970-01-31T00:00:00Z", 2592000),
])  # fmt: skip
def test_times_to_live(value, seconds, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1000000000.9)
    assert expiry.parse(value) == 1000000000 + seconds


RANGE = "Expiry value is not within valid range: {0}"
NUMBER = 'strconv.ParseInt: parsing "{0}": {1}'
WRONG = [
    (-1, RANGE.format(-1)), ("-1", RANGE.format(-1)), (1 << 32, RANGE.format(1 << 32)),
    (-(1 << 63), RANGE.format(-(1 << 63))), ("1969-12-31T23:59:59Z", RANGE.format(-1)),
    ("2200-01-01T00:00:00Z", RANGE.format(7258118400)),
    (1 << 63, NUMBER.format(1 << 63, "value out of range")),
    (3600.5, NUMBER.format("3600.5", "invalid syntax")),
    (True, "Unrecognized expiry format"), ([5], "Unrecognized expiry format"),
    ({}, "Unrecognized expiry format"), ("tomorrow", DATE.format("tomorrow")),
    ("4070908800", DATE.format("4070908800")), ("", DATE.format("")),
    ("\u0663\u0666", DATE.format("\u0663\u0666")), ("2099-13-01T00:00:00Z", None),
    ("2099-01-01", None), ("2099-01-01T00:00:00", None), ("0000-01-01T00:00:00Z", None),
    ("2099-01-01T00:00:00+99:99", None), ("\u0662099-01-01T00:00:00Z", None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "why"), WRONG)
def test_what_is_no_time_is_refused(value, why):
    status, answer = ADMIN.put("/doc", {"_exp": value})
    assert status == 400
    if why:
        assert answer["reason"] == f"Invalid expiry: {why}"
    else:
        assert answer["reason"].startswith("Invalid expiry: Unable to parse expiry")
    _, (row,) = ADMIN.ask("POST", "/_bulk_docs", {"docs": [{"_id": "doc", "_exp": value}]})
    assert (row["status"], row["reason"]) == (400, answer["reason"])
    assert ADMIN.get("/doc")[0] == 404


def test_numbers_as_they_are_written():
    for text, why in (("1e3", "1e3"), ("-0", None), ("9" * 5000, "9" * 5000)):
        status, answer = ADMIN.put("/doc", f'{{"_exp":{text}}}')
        assert status == 400
        if why:
            assert answer["reason"].startswith(
                f'Invalid expiry: strconv.ParseInt: parsing "{why}": '
            )


# ------------------------------------------------------------------ every write


def test_every_write_may_say_it():
    put("put", _exp=FAR)
    pushed = {"_exp": FAR, "_revisions": {"start": 1, "ids": ["a"]}}
    assert ADMIN.put("/pushed", pushed, new_edits="false")[0] == 201
    assert ADMIN.ask("POST", "/", {"_id": "post", "_exp": FAR})[0] == 200
    docs = [{"_id": "bulk", "_exp": FAR}]
    assert ADMIN.ask("POST", "/_bulk_docs", {"docs": docs})[0] == 201
    docs = [{"_id": "replicated", "_rev": "1-a", "_exp": FAR}]
    assert ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})[0] == 201
    for uid in ("put", "pushed", "post", "bulk", "replicated"):
        assert exp(uid) == FAR
        assert "_exp" not in ADMIN.get(f"/{uid}")[1]
    assert ADMIN.get("/_raw/put")[1]["_xattrs"]["_sync"]["exp"] == FAR


def test_what_a_replicator_brings_is_passed_over_where_it_is_no_time():
    pushed = {"_exp": "rubbish", "_revisions": {"start": 1, "ids": ["a"]}}
    assert ADMIN.put("/doc", pushed, new_edits="false")[0] == 201
    docs = [{"_id": "bulk", "_rev": "1-a", "_exp": -1}]
    assert ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})[1][0]["cv"]
    assert exp("doc") is exp("bulk") is None


def test_it_takes_no_part_in_the_digest():
    assert put("a", n=1, _exp=FAR)["rev"] == put("b", n=1)["rev"]


def test_an_update_that_does_not_say_it_ends_it():
    one = put("doc", _exp=FAR)
    two = put("doc", _rev=one["rev"])
    assert exp("doc") is None
    three = put("doc", _rev=two["rev"], _exp=FAR)
    assert exp("doc") == FAR
    put("doc", _rev=three["rev"], _exp=None)
    assert exp("doc") is None


def test_a_refused_update_changes_nothing():
    put("doc", _exp=FAR)
    assert ADMIN.put("/doc", {"n": 2})[0] == 409
    assert exp("doc") == FAR


def test_a_tombstone_stays():
    """Whoever has the document is to be told that it is gone."""
    one = put("doc", n=1)
    answer = put("doc", _rev=one["rev"], _deleted=True, _exp=FAR)
    assert exp("doc", rev=answer["rev"]) is None
    two = put("doc", n=2, _exp=FAR)
    assert ADMIN.ask("DELETE", "/doc", rev=two["rev"])[0] == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT deleted, expires FROM cbtools_documents WHERE uid = 'doc'")
        assert cursor.fetchall() == [(1, None)]


def test_the_sync_function_says_more():
    create_database("function (doc) { if ('ends' in doc) expiry(doc.ends); }")
    put("doc", ends=FAR, _exp="2098-01-01T00:00:00Z")
    assert exp("doc") == FAR
    put("none", ends=0, _exp=FAR)
    assert exp("none") is None
    put("own", _exp=FAR)
    assert exp("own") == FAR


def test_an_old_revision_has_none():
    one = put("doc", n=1, _exp=FAR)
    put("doc", _rev=one["rev"], n=2, _exp=FAR)
    assert exp("doc", rev=one["rev"]) is None


def test_it_is_shown_to_whoever_asks():
    rev = put("doc", channels=["a"], _exp=FAR)["rev"]
    alice = add_user("alice", admin_channels=["a"])
    bob = add_user("bob")
    assert alice.get("/doc", show_exp=True)[1]["_exp"] == FAR
    assert "_exp" not in bob.get("/doc", show_exp=True, rev=rev)[1]
    answer = ADMIN.send("POST", "/_bulk_get", {"docs": [{"id": "doc"}]}, show_exp=True)
    assert FAR.encode() in b"".join(answer.chunks())
    answer = ADMIN.send("GET", "/doc", open_revs="all", show_exp=True)
    assert FAR.encode() in b"".join(answer.chunks())
    answer = ADMIN.send("POST", "/_bulk_get", {"docs": [{"id": "doc"}]})
    assert FAR.encode() not in b"".join(answer.chunks())
