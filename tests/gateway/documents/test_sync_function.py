"""The sync function: what it is given, and what it may call.

What a real gateway does is in 24-channel-access.json and 25-sync-rules.json.
"""

from __future__ import annotations

import logging

import pytest
from django.db import connection

from tests.gateway.access.client import ADMIN, add_user, channels_of, create_database, function
from tests.gateway.documents.syncing import grants, said

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------- what it is given

VALUES = [
    ("null", "undefined/undefined"), ("true", "boolean/true"), ("3", "number/3"),
    ("1.0", "number/1"), ("-0", "number/0"), ("1E+2", "number/100"), ("2.5", "number/2.5"),
    ("9007199254740991", "number/9007199254740991"),
    ("9007199254740992", "string/9007199254740992"),
    ("-9007199254740992", "string/-9007199254740992"),
    ("12345678901234567890", "string/12345678901234567890"),
    ("1e999", "string/1e999"), ("12345678901234567890.5", "number/12345678901234567000"),
    ('"12345678901234567890"', "string/12345678901234567890"), ('"é🍺"', "string/é🍺"),
    ("[null]", "object/"), ('[1,[2,"b"]]', "object/1;2;b"), ("{}", "object/[object Object]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), VALUES)
def test_values(text, shown):
    create_database(said("typeof doc.v + '/' + String(doc.v)", "typeof doc.in.v[0]"))
    assert ADMIN.put("/a", f'{{"v":{text},"in":{{"v":[{text}]}}}}')[0] == 201
    assert channels_of("a") == [f"0:{shown}", f"1:{shown.partition('/')[0]}"]


def test_members_of_the_document():
    create_database(function("for (var key in doc) channel(key + '=' + doc[key]);"))
    body = {
        "_exp": 1000, "_attachments": {"a": {"data": "aGk="}}, "_deleted": False, "n": None, "m": 1,
    }  # fmt: skip
    _, answer = ADMIN.put("/a", body)
    assert channels_of("a") == ["_id=a", f"_rev={answer['rev']}", "m=1", "n=undefined"]
    _, answer = ADMIN.put("/a", {"_rev": answer["rev"], "_deleted": True, "m": 2})
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM cbtools_documents, json_each(channels) ORDER BY key")
        keys = [key for (key,) in cursor.fetchall()]
    assert keys == ["_deleted=true", "_id=a", f"_rev={answer['rev']}", "m=2"]


def test_old_document():
    shown = "oldDoc === null ? 'null' : Object.keys(oldDoc).map(function (key) {"
    create_database(said(shown + " return key + '=' + oldDoc[key]; }).sort().join('&')"))
    _, answer = ADMIN.put("/a", '{"n":null,"big":12345678901234567890,"_exp":1000}')
    assert channels_of("a") == ["0:null"]
    _, answer = ADMIN.put("/a", {"_rev": answer["rev"], "_attachments": {"x": {"data": "aGk="}}})
    assert channels_of("a") == ["0:_id=a&big=12345678901234567000&n=undefined"]
    _, answer = ADMIN.put("/a", {"_rev": answer["rev"], "m": 1})
    assert channels_of("a") == ["0:_attachments=[object Object]&_id=a"]
    ADMIN.ask("DELETE", "/a", rev=answer["rev"])
    ADMIN.put("/a", {})
    assert channels_of("a") == ["0:_deleted=true&_id=a"]


def test_meta():
    create_database(said("JSON.stringify(meta)"))
    ADMIN.put("/a", {})
    assert channels_of("a") == ['0:{"xattrs":{}}']


# ----------------------------------------------------------- what it may call

CHANNELS = [
    ("'a'", ["a"]), ("['a', 'b', 'a']", ["a", "b"]), ("'a', ['b'], 'c'", ["a", "b", "c"]),
    ("null", []), ("undefined", []), ("", []), ("5, true", []), ("{a: 'b'}", []),
    ("['a', 5, null, ['b'], {}]", ["a"]), ("new String('a')", []), ("[[]]", []),
    ("' a '", [" a "]), ("'role:a'", ["role:a"]), ("'!'", ["!"]), ("'a', '*', 'b'", ["*"]),
    ("arguments", []), ("'\\ud800'", ["\ufffd"]),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "channels"), CHANNELS)
def test_channel(arguments, channels):
    create_database(function(f"channel({arguments});"))
    assert ADMIN.put("/a", {})[0] == 201
    assert channels_of("a") == channels


GRANTS = [
    ("access('u', 'c')", [("u", "channel", "c")]),
    ("access('u', ['c', 'd', 5, null]); access('u', 'e')",
     [("u", "channel", "c"), ("u", "channel", "d"), ("u", "channel", "e")]),
    ("access(['u', 'v', 1, ['w']], 'c')", [("u", "channel", "c"), ("v", "channel", "c")]),
    ("access('role:r', 'c')", [("role:r", "channel", "c")]),
    ("access('', 'c')", [("", "channel", "c")]),
    ("access('u', '*'); access('u', ['*', 'c'])", [("u", "channel", "c")]),
    ("access('u', 'role:c')", [("u", "channel", "role:c")]),
    ("access('u', []); access([], 'c'); access(null, 'c'); access('u'); access()", []),
    ("role('u', 'role:r')", [("u", "role", "r")]),
    ("role(['u', 'v'], ['role:r', 'role:s', 5])",
     [("u", "role", "r"), ("u", "role", "s"), ("v", "role", "r"), ("v", "role", "s")]),
    ("role('u', null); role(null, 'role:r')", []),
]  # fmt: skip


@pytest.mark.parametrize(("calls", "made"), GRANTS)
def test_access_and_role(calls, made):
    create_database(function(calls))
    assert ADMIN.put("/a", {})[0] == 201
    assert grants() == made


def test_grants_hold_while_the_current_revision_makes_them():
    create_database(function("access(doc.users, doc.to); role(doc.users, doc.roles);"))

    def sequences():
        with connection.cursor() as cursor:
            cursor.execute("SELECT kind || name, sequence FROM cbtools_grants")
            return dict(cursor.fetchall())

    _, answer = ADMIN.put("/a", {"users": "u", "to": ["c", "d"], "roles": ["role:r"]})
    first = sequences()
    assert set(first) == {"channelc", "channeld", "roler"}
    body = {"_rev": answer["rev"], "users": "u", "to": ["d", "e"], "roles": ["role:r"]}
    _, answer = ADMIN.put("/a", body)
    second = sequences()
    assert set(second) == {"channeld", "channele", "roler"}
    assert second["channeld"] == first["channeld"]
    assert second["roler"] == first["roler"] < second["channele"]
    ADMIN.ask("DELETE", "/a", rev=answer["rev"])
    assert grants() == []


def test_grants_are_gone_with_the_document_and_with_the_function():
    create_database(function("access('u', doc._id);"))
    _, answer = ADMIN.put("/a", {})
    ADMIN.put("/b", {})
    ADMIN.ask("POST", "/_purge", {"b": ["*"]})
    assert grants() == [("u", "channel", "a")]
    create_database()
    ADMIN.put("/a", {"_rev": answer["rev"]})
    assert grants() == []


def test_a_losing_branch_grants_nothing():
    create_database(function("access('u', doc.to);"))
    ADMIN.put("/a", {"_revisions": {"start": 1, "ids": ["f"]}, "to": "c"}, new_edits=False)
    branch = {"_revisions": {"start": 2, "ids": ["b", "f"]}, "to": "d"}
    ADMIN.put("/a", branch, new_edits=False)
    assert grants() == [("u", "channel", "d")]


def test_what_a_document_opens_holds_for_the_next_of_a_batch():
    create_database(function("if (doc.to) access('u', doc.to); else requireAccess(doc.channels);"))
    client = add_user("u")
    documents = [{"_id": "a", "channels": "c"}, {"_id": "b", "to": "c"}, {"_id": "d"}]
    documents += [{"_id": "e", "channels": "c"}]
    _, rows = client.ask("POST", "/_bulk_docs", {"docs": documents})
    assert [row.get("status") for row in rows] == [403, None, 403, None]


EXPIRIES = [
    ("100", True), ("'500'", True), ("'2105-01-01T00:00:00.000+00:00'", True), ("99.9", True),
    ("", False), ("null", False), ("'abc'", False), ("['100']", False), ("-100", False),
    ("123456789012345", False), ("'1805-01-01T00:00:00.000+00:00'", False), ("NaN", False),
    ("1/0", False), ("true", False), ("0", False), ("new Date()", False),
]  # fmt: skip


@pytest.mark.parametrize(("value", "ends"), EXPIRIES)
def test_expiry(value, ends):
    create_database(function(f"expiry({value});"))
    assert ADMIN.put("/a", {})[0] == 201
    assert ("_exp" in ADMIN.get("/a", show_exp=True)[1]) is ends


def test_the_last_expiry_that_is_one_holds_before_the_documents_own():
    create_database(function("expiry(doc.one); expiry('2105-01-01T00:00:00Z'); expiry('no');"))
    assert ADMIN.put("/a", {"one": 60, "_exp": "2100-01-01T00:00:00Z"})[0] == 201
    assert ADMIN.get("/a", show_exp=True)[1]["_exp"] == "2105-01-01T00:00:00Z"


def test_log(caplog):
    create_database(function("log('x', 1); console.log({}); console.error(null);"))
    with caplog.at_level(logging.INFO, "django_cbtools"):
        assert ADMIN.put("/a", {})[0] == 201
    shown = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert shown == [
        ("INFO", "Sync function, document 'a': 'x 1'"),
        ("INFO", "Sync function, document 'a': '[object Object]'"),
        ("ERROR", "Sync function, document 'a': 'null'"),
    ]


def test_log_that_does_not_end(caplog):
    create_database(function("for (var i = 0; i < 1e4; i++) log('x'.repeat(1e4));"))
    with caplog.at_level(logging.INFO, "django_cbtools"):
        assert ADMIN.put("/a", {})[0] == 201
    assert sum(len(record.getMessage()) for record in caplog.records) < 200_000
