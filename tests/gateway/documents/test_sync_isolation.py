"""What holds of sync functions whatever is in them: a run leaves nothing to the next, ends in
time, and keeps within its memory; and which texts are functions."""

from __future__ import annotations

import pytest

from django_cbtools.embedded import javascript
from django_cbtools.embedded.documents import syncfunction
from django_cbtools.embedded.errors import GatewayError
from tests.gateway.access.client import (
    ADMIN,
    DB,
    add_user,
    channels_of,
    create_database,
    function,
    refused,
)

pytestmark = pytest.mark.django_db

FAILED = (500, "Exception in JS sync function")

# ------------------------------------------------------------------ isolation

STAINS = {
    "undeclared": "leak = 1;",
    "this": "(function () { this.leak = 1; })();",
    "constant": "Object.defineProperty((function () { return this; })(), 'leak', {value: 1});",
    "prototype": "try { Object.prototype.leak = 1; } catch (e) {}"
    "try { Object.defineProperty(Array.prototype, 'leak', {value: 1}); } catch (e) {}",
    "proto": "doc.__proto__.leak = 1; [].constructor.prototype.leak = 1;",
    "built-in": "Array.isArray = Math.max = JSON.stringify = function () { return 1; };"
    "Array = Object = String = undefined; Array.prototype.indexOf = function () { return 0; };"
    "String.prototype.toWellFormed = Array.prototype.push = Array.prototype.map = null;",
    "given": "channel.leak = requireUser.leak = 1; channel = null; access = null;",
    "meta": "meta.leak = 1; meta.xattrs.leak = 1;",
    "frozen": "Object.preventExtensions((function () { return this; })());",
    "parent": "Object.setPrototypeOf((function () { return this; })(), {leak: 1});",
    "getter": "Object.defineProperty((function () { return this; })(), 'leak',"
    " {get: function () { return 1; }, configurable: true});",
}
CLEAN = """function (doc, oldDoc, meta) {
  fresh = typeof leak + typeof {}.leak + typeof [].leak + typeof channel.leak + typeof meta.leak;
  channel([fresh, String(Math.max(1, 2))]);
  channel([3, 1].sort().join('-'), JSON.stringify({a: [1]}));
  requireUser(['nobody']);
}"""


@pytest.mark.parametrize("stain", STAINS.values(), ids=STAINS)
def test_a_run_leaves_nothing_to_the_next(stain):
    create_database(function("requireUser(['nobody']);"))
    client = add_user("u")
    create_database(function(stain))
    ADMIN.put("/stain", {})
    create_database(CLEAN)
    assert refused(client=client) == (403, "sg wrong user")
    assert ADMIN.put("/a", {})[0] == 201
    assert channels_of("a") == ["1-3", "2", "undefined" * 5, '{"a":[1]}']


def test_what_was_matched_last_is_forgotten():
    create_database(function("channel('$' + RegExp.$1); /(leak)/.exec('leak');"))
    for uid in "ab":
        ADMIN.put(f"/{uid}", {})
        assert channels_of(uid) == ["$"]


def test_what_a_function_encloses_is_made_anew():
    create_database(
        "(function () { var count = 0; return function (doc) { channel('n' + count++); }; })()"
    )
    for uid in "ab":
        ADMIN.put(f"/{uid}", {})
        assert channels_of(uid) == ["n0"]


def test_objects_can_have_members_that_are_called_as_their_prototypes_are():
    create_database(
        function(
            "var o = {}; for (var key in doc) o[key] = doc[key]; "
            "o.toString = function () { return 'mine'; }; "
            "var e = new Error('a'); e.message = 'b'; channel([o.constructor, '' + o, e.message]);"
        )
    )
    assert ADMIN.put("/a", {"constructor": "c", "toString": 1, "message": 2})[0] == 201
    assert channels_of("a") == ["b", "c", "mine"]


HARMFUL = [
    '{"__proto__":{"leak":"x","channels":["x"]}}', '{"constructor":{"prototype":{"leak":"x"}}}',
    '{"a":{"__proto__":{"leak":"x"}},"__proto__":null}', '{"toJSON":1,"then":1,"length":5}',
    '{"hasOwnProperty":1,"valueOf":null,"toString":null,"forEach":"x"}',
]  # fmt: skip


@pytest.mark.parametrize("body", HARMFUL)
def test_members_with_the_names_of_prototypes_are_harmless(body):
    source = "channel(typeof ({}).leak + typeof [].leak + typeof doc.leak); requireUser('u');"
    create_database(function(source))
    client = add_user("u")
    for uid in "ab":
        assert client.put(f"/{uid}", body)[0] == 201
        assert channels_of(uid) == ["undefined" * 3]
    _, answer = ADMIN.get("/a")
    ADMIN.put("/a", body.replace("{", f'{{"_rev":"{answer["_rev"]}",', 1))
    assert channels_of("a") == ["undefined" * 3]


OUT_OF_REACH = [
    "eval('1')", "(0, eval)('1')", "Function('return 1')()", "new Function('1')",
    "(function () {}).constructor('return 1')()", "(function* () {}).constructor('yield 1')()",
    "channel.constructor('return 1')()", "setTimeout(channel, 1)", "new Promise(channel)",
    "Promise.resolve()", "import('x').then(channel)", "new (import('x').constructor)(channel)",
    "[].constructor.fromAsync([])", "new WebAssembly.Memory({initial: 1})", "new WeakRef({})",
    "new SharedArrayBuffer(8)", "globalThis.x", "new Map()", "require('fs')", "process.exit()",
]  # fmt: skip


@pytest.mark.parametrize("expression", OUT_OF_REACH)
def test_what_a_real_gateway_does_not_have_either(expression):
    create_database(function(f"{expression};"))
    assert refused() == FAILED


# ------------------------------------------------------- time-outs and memory

ENDLESS = {
    "loop": "for (;;);",
    "regexp": "/^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!');",
    "log": "for (;;) log('x');",
    "catch": "for (;;) { try { for (;;); } catch (e) {} finally { for (;;); } }",
    "item": "channel(Object.defineProperty([], 0, {get: function () { for (;;); }}));",
    "getter": "throw {get forbidden() { for (;;); }};",
    "text": "throw {toString: function () { for (;;); }};",
}


@pytest.fixture
def little_time(monkeypatch):
    monkeypatch.setattr(javascript, "TIME_LIMIT", 0.2)


@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
def test_one_that_does_not_end(body, little_time):
    create_database(function(f"if (doc.bad) {{ left = 1; {body} }} channel(typeof left);"))
    for uid in "ab":
        assert refused("bad", {"bad": True}) == (500, "JS sync function timed out")
        assert ADMIN.put(f"/{uid}", {})[0] == 201
        assert channels_of(uid) == ["undefined"]


def test_the_time_can_be_configured():
    create_database(function("for (;;);"), javascript_timeout_secs=1)
    assert refused() == (500, "JS sync function timed out")


def test_in_a_batch_only_the_one_that_does_not_end_is_refused(little_time):
    create_database(function("while (doc.bad); channel('a');"))
    documents = [{"_id": "a"}, {"_id": "b", "bad": True}, {"_id": "c"}]
    _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": documents})
    assert [row.get("status") for row in rows] == [None, 500, None]
    assert (rows[1]["error"], rows[1]["reason"]) == ("500", "JS sync function timed out")


GROWING = {
    "array": "var a = []; for (;;) a.push({x: [1, 2, 3]});",
    "channels": "for (var i = 0; ; i++) channel('channel ' + i);",
    "global": "all = []; for (;;) all.push({x: [1, 2, 3]});",
    "strings": "var s = []; for (;;) s.push(('x' + s.length).repeat(1e5).split(''));",
}


@pytest.mark.parametrize("body", GROWING.values(), ids=GROWING)
def test_one_that_takes_too_much_memory(body, monkeypatch):
    monkeypatch.setattr(javascript, "MEMORY_LIMIT", 10 * 1024 * 1024)
    # Growing takes a while.
    monkeypatch.setattr(javascript, "TIME_LIMIT", 60.0)
    javascript.close()
    create_database(function(f"if (doc.bad) {{ {body} }} channel(typeof all);"))
    try:
        assert refused("bad", {"bad": True}) == (500, "JS sync function timed out")
        assert ADMIN.put("/a", {})[0] == 201
        assert channels_of("a") == ["undefined"]
    finally:
        javascript.close()


# --------------------------------------------------------------- the text of it

TEXTS = [
    "function(doc) {}", "function (doc, oldDoc, meta) { channel('a'); } // the end",
    " /* first */ function f(doc) { 'use strict'; channel(doc.x); }\n", "(function () {})",
    "function (doc) { /* async function */ // async\n channel('async x', \"async (\", doc.async) }",
    "function (doc) { var async = {async: 1}; return async.async; }",
]  # fmt: skip
NO_FUNCTIONS = [
    ("function(doc {", "Unexpected token"), ("function", "Unexpected token"),
    ("5", "JavaScript source does not evaluate to a function"),
    ("{}", "JavaScript source does not evaluate to a function"),
    ("null", "JavaScript source does not evaluate to a function"),
    ("throw 1", "Unexpected token"), ("function () {}; 1", "Unexpected token"),
    (")(", "Unexpected token"), ("nothing", "nothing is not defined"),
    ("} function () {", "Unexpected token"),
    ("function () {}) (", "JavaScript source does not evaluate to a function"),
    ("async function (doc) {}", "Unexpected token async"),
    ("function (doc) { (async () => { for (;;) await 0; })(); }", "Unexpected token async"),
    ("function (doc) { ({async x() {}}); }", "Unexpected token async"),
    ("function (doc) { ({async *[1]() {}}); }", "Unexpected token async"),
]  # fmt: skip


@pytest.mark.parametrize("source", TEXTS)
def test_functions(source):
    syncfunction.check(source)
    create_database(source)
    assert ADMIN.put("/a", {})[0] == 201


@pytest.mark.parametrize(("source", "problem"), NO_FUNCTIONS)
def test_texts_that_are_no_function(source, problem):
    with pytest.raises(GatewayError) as refusal:
        syncfunction.check(source)
    assert refusal.value.status == 400
    assert refusal.value.reason.startswith("invalid javascript syntax: ")
    assert problem in refusal.value.reason


def test_a_text_that_is_no_function_changes_nothing():
    create_database(function("channel('before');"))
    status, answer = ADMIN.put("/_config", {"bucket": DB, "sync": "function(doc {"})
    assert status == 400
    assert "sync function error: invalid javascript syntax: " in answer["reason"]
    ADMIN.put("/a", {})
    assert channels_of("a") == ["before"]
