"""The sync function: what it is given, what its calls do, and what becomes of bad ones.

What a real gateway does is in 24-channel-access.json and 25-sync-rules.json.
"""

from __future__ import annotations

import logging
import sys

import pytest
from django.db import connection

from django_cbtools.embedded import javascript
from tests.gateway.access.client import (
    ADMIN,
    DB,
    Client,
    add_role,
    add_user,
    channels_of,
    create_database,
    function,
    refused,
)

pytestmark = pytest.mark.django_db

DEFAULT = "function(doc){channel(doc.channels);}"


def said(*expressions):
    """A sync function that shows values of JavaScript, as channels."""
    shown = ", ".join(f"'{n}:' + ({text})" for n, text in enumerate(expressions))
    return function(f"channel([{shown}].map(function (t) {{ return t.replace(/,/g, ';'); }}));")


def grants():
    """All that documents open, by whom and what."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT principal, kind, name FROM cbtools_grants ORDER BY 1, 2, 3")
        return cursor.fetchall()


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


# ------------------------------------------------------------- who may write


@pytest.fixture
def clients():
    create_database(function("eval = 0;"))
    add_role("editors", "e")
    return {
        "admin": ADMIN,
        "alice": add_user("alice", admin_channels=["a"]),
        "ed": add_user("ed", admin_roles=["editors"]),
        "star": add_user("star", admin_channels=["*"]),
        "GUEST": (
            ADMIN.put("/_user/GUEST", {"disabled": False, "admin_channels": ["g"]})
            and Client("public")
        ),
    }


EVERYBODY = {"admin", "alice", "ed", "star", "GUEST"}
REQUIREMENTS = [
    ("requireAdmin()", {"admin"}, "sg admin required"),
    ("requireUser('alice')", {"admin", "alice"}, "sg wrong user"),
    ("requireUser(['ed', 'alice', 5])", {"admin", "alice", "ed"}, "sg wrong user"),
    ("requireUser('')", {"admin", "GUEST"}, "sg wrong user"),
    ("requireUser('GUEST')", {"admin"}, "sg wrong user"),
    ("requireUser(null)", {"admin"}, "sg wrong user"),
    ("requireUser()", {"admin"}, "sg wrong user"),
    ("requireUser([])", {"admin"}, "sg wrong user"),
    ("requireUser({alice: 1})", {"admin"}, "sg wrong user"),
    ("requireRole('editors')", {"admin", "ed"}, "sg missing role"),
    ("requireRole(['x', 'editors'])", {"admin", "ed"}, "sg missing role"),
    ("requireRole('role:editors')", {"admin"}, "sg missing role"),
    ("requireRole([])", {"admin"}, "sg missing role"),
    ("requireRole()", {"admin"}, "sg missing role"),
    ("requireAccess('a')", {"admin", "alice"}, "sg missing channel access"),
    ("requireAccess(['x', 'e'])", {"admin", "ed"}, "sg missing channel access"),
    ("requireAccess('g')", {"admin", "GUEST"}, "sg missing channel access"),
    ("requireAccess('!')", EVERYBODY, "sg missing channel access"),
    ("requireAccess('*')", {"admin", "star"}, "sg missing channel access"),
    ("requireAccess([])", {"admin"}, "sg missing channel access"),
    ("requireAccess()", {"admin"}, "sg missing channel access"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "allowed", "reason"), REQUIREMENTS, ids=[call for call, _, _ in REQUIREMENTS]
)
def test_requirements(call, allowed, reason, clients):
    create_database(function(f"{call};"))
    for name, client in clients.items():
        if name in allowed:
            assert client.put(f"/by-{name}", {})[0] == 201, name
        else:
            assert refused(f"by-{name}", client=client) == (403, reason), name


def test_a_requirement_can_be_caught(clients):
    create_database(function("try { requireAdmin(); } catch (e) { channel(e.forbidden); }"))
    assert clients["alice"].put("/a", {})[0] == 201
    assert channels_of("a") == ["sg admin required"]


def test_roles_and_channels_that_documents_open(clients):
    create_database(
        function(
            "if (doc.type === 'open') { access('role:later', 'l'); role('alice', 'role:later'); }"
            "else { requireRole('later'); requireAccess('l'); }"
        )
    )
    assert refused(client=clients["alice"]) == (403, "sg missing role")
    ADMIN.put("/open", {"type": "open"})
    assert refused(client=clients["alice"]) == (403, "sg missing channel access")
    add_role("later")
    assert clients["alice"].put("/a", {})[0] == 201


FAILED = (500, "Exception in JS sync function")
FAILURES = [
    ("throw({forbidden: 'no'});", (403, "no")), ("throw {unauthorized: 'no'};", (401, "no")),
    ("throw({forbidden: 5});", (403, "5")), ("throw({forbidden: ''});", FAILED),
    ("throw({forbidden: {}});", (403, "[object Object]")), ("throw 'no';", FAILED),
    ("throw new Error('no');", FAILED), ("throw null;", FAILED), ("throw undefined;", FAILED),
    ("var x; x.y;", FAILED), ("nothing();", FAILED), ("(function f() { f(); })();", FAILED),
    ("throw {get forbidden() { throw 1; }};", FAILED),
    ("throw {toString: function () { throw 1; }};", FAILED),
    ("reject(418, 'tea');", (418, "tea")), ("reject('403', 'no');", (403, "no")),
    ("reject(460.9, 'no');", (460, "no")), ("reject(403);", (403, "")),
    ("reject(403, null);", (403, "null")), ("reject(1000, 'no');", (500, "no")),
    ("reject(403, 'first'); reject(500, 'second');", (403, "first")),
    ("reject(403, 'no'); throw 1;", FAILED), ("reject(403, 'no'); channel('a,b');", FAILED),
    ("reject(404, 'no'); throw({forbidden: 'later'});", (404, "no")),
    ("reject(201, 'ignored'); throw({forbidden: 'no'});", (403, "no")),
    ("channel('a,b');", FAILED), ("channel('');", FAILED), ("channel('a\\0b');", FAILED),
    ("channel('a', ['']);", FAILED),
    ("access('u', 'a,b');", FAILED), ("access('u', '');", FAILED),
    ("role('u', 'editors');", FAILED), ("role('u', 'role:');", FAILED),
    ("role('u', ['role:r', 's']);", FAILED),
    ("access('a/b', 'c');", (500, "Error in JS sync function")),
    ("access('role:_', 'c');", (500, "Error in JS sync function")),
    ("role('a:b', 'role:r');", (500, "Error in JS sync function")),
    ("role('u', 'role:a/b');", (500, "Error in JS sync function")),
    ("access('" + "x" * 240 + "', 'c');", (500, "Error in JS sync function")),
]  # fmt: skip


@pytest.mark.parametrize(("body", "answer"), FAILURES, ids=lambda v: str(v)[:40])
def test_failures(body, answer):
    create_database(function(f"channel('x'); access('u', 'c'); {body}"))
    assert refused() == answer
    assert ADMIN.get("/a")[0] == 404
    assert grants() == []


@pytest.mark.parametrize(
    "call", ["reject(201, 'no')", "reject(399)", "reject('x', 'no')", "reject()", "reject(NaN)"]
)
def test_rejections_that_are_none(call):
    create_database(function(f"{call};"))
    assert ADMIN.put("/a", {})[0] == 201


def test_a_refused_change_leaves_the_document_as_it_was():
    create_database(
        function("if (doc.bad) { access('u', 'd'); reject(403, 'no'); } access('u', 'c');")
    )
    _, answer = ADMIN.put("/a", {"n": 1})
    before = ADMIN.get("/a"), grants(), channels_of("a")
    assert refused(body={"_rev": answer["rev"], "bad": True}) == (403, "no")
    assert (ADMIN.get("/a"), grants(), channels_of("a")) == before


def test_conflicts_are_told_first():
    create_database(function("if (oldDoc) throw({forbidden: 'no'});"))
    ADMIN.put("/a", {})
    assert refused() == (409, "Document exists")


def test_the_reason_can_be_kept_back():
    unsupported = {"force_api_forbidden_errors": True}
    create_database(function("throw({unauthorized: 'why'});"), unsupported=unsupported)
    assert refused() == (403, "forbidden")


def test_guests_who_may_only_read():
    config = {"guest": {"disabled": False}, "unsupported": {"guest_read_only": True}}
    create_database(**config)
    assert refused(client=Client("public")) == (403, "Anonymous access is read-only")
    assert ADMIN.put("/a", {})[0] == 201


# ---------------------------------------------------------- the default one


@pytest.mark.parametrize(
    ("channels", "made"),
    [
        (["a", 5, None, ["b"], "a"], ["a"]), ("a", ["a"]), (5, []), ({"a": 1}, []), (None, []),
        (["*", "a"], ["*", "a"]), ([" a "], [" a "]),
    ],
)  # fmt: skip
def test_default(channels, made, monkeypatch):
    javascript.close()
    monkeypatch.setitem(sys.modules, "py_mini_racer", None)
    create_database()
    assert ADMIN.put("/a", {"channels": channels})[0] == 201
    assert channels_of("a") == made
    assert refused("b", {"channels": ["a,b"]}) == (400, 'Illegal channel name "a,b"')


def test_default_that_is_configured_is_as_any_other(monkeypatch):
    documents = [{"channels": channels} for channels in (["*", "a"], "a", ["a", None], None)]

    def made(sync, prefix):
        create_database(sync)
        for n, document in enumerate(documents):
            ADMIN.put(f"/{prefix}{n}", document)
        places = [channels_of(f"{prefix}{n}") for n in range(len(documents))]
        return places, refused("x", {"channels": ""})

    other = made(DEFAULT + " ", "other")
    javascript.close()
    monkeypatch.setitem(sys.modules, "py_mini_racer", None)
    assert made(DEFAULT, "default") == other == ([["*"], ["a"], ["a"], []], FAILED)


def test_default_of_a_named_collection():
    scopes = {"s": {"collections": {"c": {}, "d": {"sync": function("channel('mine');")}}}}
    create_database(scopes=scopes)
    for collection, channel in (("c", "c"), ("d", "mine")):
        path = f"{DB}.s.{collection}"
        assert ADMIN.put(f"{path}/a", {"channels": ["x"]})[0] == 201
        _, answer = ADMIN.get(f"{path}/_all_docs", channels=True)
        assert answer["rows"][0]["value"]["channels"] == [channel]


# ------------------------------------------------------------------ Underscore

UNDERSCORE = [
    ("_.map([1, 2], function (n) { return 'c' + n; })", ["c1", "c2"]),
    ("_.pluck([{a: 'x'}, {a: 'y'}], 'a')", ["x", "y"]),
    ("_(['b', 'a', 'b']).chain().uniq().sortBy(_.identity).value()", ["a", "b"]),
    ("_.keys({a: 1, toString: 2})", ["a", "toString"]),
    ("_.difference(doc.channels, ['b'])", ["a"]),
    ("_.VERSION", ["1.4.4"]),
    ("_.bind(function () { return this.name; }, {name: 'bound'})()", ["bound"]),
    ("_.isEqual({a: [1, {b: 2}]}, {a: [1, {b: 2}]}) ? 'equal' : 'other'", ["equal"]),
    ("_.extend({}, {a: 1}, {toString: 'x'}).toString", ["x"]),
    ("_.mixin({f: function () { return 'mixed'; }}) || _.f()", ["mixed"]),
    ("_.once(function () { return 'once'; })()", ["once"]),
    ("_.escape('<a>')", ["&lt;a&gt;"]),
    ("_.groupBy([1.1, 1.2], Math.floor)[1].length === 2 ? 'two' : 'none'", ["two"]),
    ("_.range(3).join('')", ["012"]),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "names"), UNDERSCORE)
def test_underscore(expression, names):
    create_database(function(f"channel({expression});"))
    assert ADMIN.put("/a", {"channels": ["a", "b"]})[0] == 201
    assert channels_of("a") == names


def test_underscore_keeps_nothing_from_one_run_to_the_next():
    leave = "_.leak = 1; _.mixin({f: 1});"
    create_database(function(f"channel(_.uniqueId('n') + typeof _.leak + typeof _.f); {leave}"))
    for uid in "ab":
        ADMIN.put(f"/{uid}", {})
        assert channels_of(uid) == ["n1undefinedundefined"]


@pytest.mark.parametrize("body", ["channel(doc._x, doc['_']);", "var _ = 'mine'; channel(_);"])
def test_names_with_an_underscore(body):
    create_database(function(body))
    assert ADMIN.put("/a", {})[0] == 201
