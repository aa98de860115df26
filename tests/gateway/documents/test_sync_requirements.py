"""The sync function: who may write, what becomes of bad ones, and the default one."""

from __future__ import annotations

import sys

import pytest

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
from tests.gateway.documents.syncing import grants

pytestmark = pytest.mark.django_db

DEFAULT = "function(doc){channel(doc.channels);}"


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
