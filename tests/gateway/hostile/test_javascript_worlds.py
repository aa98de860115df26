"""Functions that try to leave a mark for others, or to be seen by them."""

from __future__ import annotations

import contextlib
import json
import os
import random

import pytest

from django_cbtools.embedded import javascript
from tests.gateway.access.client import ADMIN, channels_of, create_database, function
from tests.gateway.v8.helpers import ids, put_design, rows, write

PROGRAMS = 20_000 if os.environ.get("TORTURE") == "1" else 2_000
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))

#: Everything within reach of a program: [objects, those that are neither frozen nor the global
#: object, marks that are seen].
LOOK = """
function look() {
  var marks = [RegExp.$1, RegExp.input].filter(function (text) { return text; });
  var global = (function () { return this; })();
  var waiting = [
    global, {}, [], /x/, "", 0, true, function () {}, new Error(""), new Date(0), Math, JSON,
    (function () { return arguments; })(), (function () { "use strict"; return arguments; })()
  ];
  // What older engines do not have.
  [
    "function* () {}", "async function () {}", "async function* () {}", "() => 1", "class {}",
    "Object.getPrototypeOf((function* () {})().__proto__)", "[].values()", "''[Symbol.iterator]()",
    "''.matchAll(/x/g)", "[].values().map(x => x)", "new Map().keys()", "new Set().keys()",
    "Object(Symbol())", "Object(1n)", "Iterator.from({next: null})", "Promise.resolve()",
    "new Proxy({}, {})", "new Date(0).toTemporalInstant()", "((a) => a)``", "new WeakMap()"
  ].forEach(function (text) { try { waiting.push(eval("(" + text + ")")); } catch (e) {} });
  var made = waiting.length, seen = [], unfrozen = [];
  for (var at = 0; at < waiting.length; at++) {
    var object = waiting[at];
    if (typeof object === "string" && object.indexOf("MARK") !== -1) marks.push(at);
    if (object === null || (typeof object !== "object" && typeof object !== "function")) continue;
    if (seen.indexOf(object) !== -1) continue;
    seen.push(object);
    if (at >= made && !Object.isFrozen(object)) {
      unfrozen.push(Object.prototype.toString.call(object));
    }
    try { waiting.push(Object.getPrototypeOf(object)); } catch (e) { continue; }
    Object.getOwnPropertyNames(object).concat(
      Object.getOwnPropertySymbols ? Object.getOwnPropertySymbols(object) : []
    ).forEach(function (key) {
      if (/^(look|program|prototype|callee)$/.test(String(key))) return;
      if (String(key).indexOf("MARK") !== -1) marks.push(String(key));
      var property = Object.getOwnPropertyDescriptor(object, key);
      waiting.push(property.value, property.get, property.set);
    });
  }
  /(?:)/.exec(""); // its own last match
  return [seen.length, unfrozen, marks];
}
"""

#: Ways to leave a mark. `it` is what a mark can be put on.
TRICKS = """
  Object.prototype.MARK = 1
  doc.__proto__.MARK = 1
  doc.__proto__.__proto__ = {MARK: 1}
  doc.__defineGetter__.call(doc.__proto__, "MARK", function () { return 1; })
  Object.getPrototypeOf(this).MARK = 1
  Object.getPrototypeOf(Object.getPrototypeOf(this)).MARK = 1
  this.MARK = 1
  MARK = 1
  this.constructor.MARK = 1
  [].__proto__.push = "MARK"
  Array.prototype.MARK = 1
  Array.prototype[0] = "MARK"
  Array.isArray = function () { return "MARK"; }
  Object.getPrototypeOf([].values()).MARK = 1
  Object.getPrototypeOf(Object.getPrototypeOf([].values())).MARK = 1
  [].values().map(function () {}).__proto__.MARK = 1
  new Map().values().__proto__.MARK = 1
  "".matchAll(/x/g).__proto__.MARK = 1
  (function* () {}).__proto__.MARK = 1
  (function* () {})().__proto__.__proto__.MARK = 1
  (async function () {}).__proto__.MARK = 1
  (async function () {}).constructor.MARK = 1
  (async function* () {}).__proto__.prototype.MARK = 1
  (async function* () {})().__proto__.__proto__.__proto__.MARK = 1
  Object(Symbol()).constructor.MARK = 1
  Object(Symbol.iterator).__proto__.MARK = 1
  Object(1n).constructor.prototype.MARK = 1
  arguments.callee.caller.MARK = 1
  arguments.callee.caller.caller.MARK = 1
  arguments.callee.caller.arguments[0].MARK = 1
  Function.prototype.MARK = 1
  Function.prototype.call = function () { return "MARK"; }
  (function () {}).constructor("MARK = 1")()
  Function("this.MARK = 1")()
  (0, eval)("MARK = 1")
  (0, eval)("var MARK = 1")
  Error.prepareStackTrace = function (e, sites) { sites[0].getThis().MARK = 1; return "MARK"; }
  Error.prepareStackTrace = function () { return "MARK"; }; new Error().stack
  Error.stackTraceLimit = "MARK"
  Error.captureStackTrace(Object.prototype, "MARK")
  Object.getOwnPropertyDescriptor(new Error(""), "stack").get.MARK = 1
  /(MARK)/.exec("MARK")
  RegExp.input = "MARK"
  RegExp.prototype.exec = function () { return ["MARK"]; }
  RegExp.prototype.compile.call(RegExp.prototype, "MARK")
  String.prototype.MARK = 1
  Number.prototype.toString = function () { return "MARK"; }
  JSON.stringify = function () { return '"MARK"'; }
  JSON.MARK = 1
  Math.max = "MARK"
  Math.MARK = 1
  Date.prototype.toJSON = function () { return "MARK"; }
  Date.MARK = 1
  Object.defineProperty(Object.prototype, "toJSON", {value: function () { return "MARK"; }})
  Object.setPrototypeOf(this, {MARK: 1})
  Object.setPrototypeOf(Object.prototype, {MARK: 1})
  Object.freeze = function () { return "MARK"; }
  Promise.prototype.then = "MARK"
  Promise.resolve().then(function () { Object.prototype.MARK = 1; })
  Reflect.ownKeys = "MARK"
  Map.prototype.set.MARK = 1
  Set.MARK = 1
  Symbol.MARK = 1
  Symbol.prototype.MARK = 1
  new WeakMap().set(Object.prototype, "MARK").__proto__.MARK = 1
  Intl.MARK = 1
  console.log.MARK = 1
  console.MARK = 1
  setTimeout(function () { this.MARK = 1; })
  setTimeout.MARK = 1
  __timer_manager.MARK = 1
  Atomics.MARK = 1
  new WebAssembly.Memory({initial: 1}).buffer.MARK = 1
  Object.getPrototypeOf(Int8Array).MARK = 1
  globalThis.constructor.prototype.MARK = 1
  emit.MARK = 1
  emit.__proto__.MARK = 1
  sum.MARK = 1
  decodeBase64.MARK = dateToArray.MARK = 1
  sum([{valueOf: function () { Object.prototype.MARK = 1; return 1; }}])
  emit({toJSON: function () { arguments.callee.caller.MARK = 1; return 1; }}, null)
  channel.MARK = requireUser.MARK = console.log.MARK = 1
  (function (strings) { return strings; })`x`.raw.MARK = 1
  Object.prototype.__defineSetter__("MARK", function () {})
  Object.prototype.hasOwnProperty = function () { return "MARK"; }
  Object.getOwnPropertyDescriptor(Object.prototype, "__proto__").set.MARK = 1
  Object.getOwnPropertyDescriptor(Object.prototype, "toString").get.MARK = 1
  (function () { "use strict"; return arguments; })().__lookupGetter__("callee").MARK = 1
  new Date(0).toTemporalInstant().constructor.MARK = 1
"""
TRICKS = [line.strip() for line in TRICKS.strip().splitlines()]


def marking(parameters="doc, meta"):
    tricks = "".join(
        f"(function () {{ try {{ eval({json.dumps(trick)}); }} catch (e) {{}} }})();\n"
        f"try {{ {trick} }} catch (e) {{}}\n"
        for trick in TRICKS
    )
    return f"function ({parameters}) {{ {tricks} }}"


def looking(use):
    return f"function (doc) {{ {LOOK} {use} }}"


@pytest.mark.parametrize("trick", ["", TRICKS[0], TRICKS[1], TRICKS[4]])
def test_a_program_that_marks_what_is_everybody_s(trick):
    """The test itself: where nothing is frozen, it sees the marks."""
    from py_mini_racer import MiniRacer

    with MiniRacer() as context:
        source = f"{LOOK}; var doc = {{}}; {trick}; JSON.stringify(look()[2])"
        assert ("MARK" in context.eval(source)) == bool(trick)


def test_functions_see_no_mark_of_any_other(db):
    write({uid: {"n": n} for n, uid in enumerate("abc")})
    look = "emit('look', look());"
    put_design(
        "d",
        before=looking(look),
        marking=(marking(), marking("keys, values")),
        after=(looking(look + " "), f"function (keys, values) {{ {LOOK} return look(); }}"),
        plain="function (doc, meta) { emit(doc.n, null); }",
    )
    assert [row.value[1:] for row in rows("d/before")] == [[[], []]] * 3
    rows("d/marking")
    rows("d/marking", reduce=False)
    write({"d": {"n": 3}})
    rows("d/marking")
    assert [row.value[1:] for row in rows("d/before")] == [[[], []]] * 4
    assert [row.value[1:] for row in rows("d/after", reduce=False)] == [[[], []]] * 4
    assert rows("d/after")[0].value[1:] == [[], []]
    assert ids("d/plain") == list("abcd")


def test_sync_functions_see_no_mark_of_any_other(db):
    look = "channel('m' + look()[2].join(), 'u' + look()[1].join()); console.log(1);"
    marks = marking("doc, oldDoc, meta").replace("async ", "")
    create_database(looking(look))
    ADMIN.put("/a", {})
    assert channels_of("a") == ["m", "u"]
    write({"v": {"n": 1}})  # in another database
    put_design("d", marking=marking())
    rows("d/marking")
    create_database(marks)
    ADMIN.put("/b", {})
    create_database(looking(look))
    ADMIN.put("/c", {})
    assert channels_of("c") == ["m", "u"]
    put_design("d", look=looking("emit('look', look());"))
    assert [row.value[1:] for row in rows("d/look")] == [[[], []]]


HARMLESS = [
    '{"pairs": [["__proto__", "z", {}]]}', '{"pairs": [["__proto__", "toJSON", 1]]}',
    '{"pairs": [["constructor", "prototype", null]]}', '{"pairs": [["toString", "call", 1]]}',
    '{"pairs": [["__proto__", "__proto__", {"id": 1}], ["hasOwnProperty", "x", 1]]}',
]  # fmt: skip


@pytest.mark.parametrize("body", HARMLESS)
@pytest.mark.parametrize("strict", ["", "'use strict';"])
def test_a_document_changes_nothing_for_others(db, body, strict):
    put_design(
        "d",
        table=f"function (doc, meta) {{ {strict} var t = {{}}; (doc.pairs || []).forEach("
        "function (p) { t[p[0]] = t[p[0]] || {}; t[p[0]][p[1]] = p[2]; }); emit(doc.n, null); }",
        fields="function (doc, meta) { for (var key in {}) throw key; emit(doc.n, null); }",
    )
    write({"a": {"n": 0}, "b": {"n": 1, **json.loads(body)}, "c": {"n": 2}})
    assert {"a", "c"} <= set(ids("d/table"))
    assert ids("d/fields") == ["a", "b", "c"]
    write({"d": {"n": 3}})
    assert {"a", "c", "d"} <= set(ids("d/table"))
    assert ids("d/fields") == ["a", "b", "c", "d"]


# ------------------------------------------------------------- random programs

ROOTS = [
    "this", "doc", "meta", "[]", "{}", "/x/", "''", "0", "true", "Symbol()", "1n", "emit", "sum",
    "decodeBase64", "arguments", "eval", "JSON", "Math", "Object", "Array", "Function", "Error",
    "Map", "Set", "Promise", "Proxy", "Reflect", "Symbol", "RegExp", "Date", "Iterator", "BigInt",
    "WeakMap", "String", "Number", "globalThis", "look", "[].values()", "(new Map()).keys()",
    "''.matchAll(/x/g)", "(new Error(''))", "(() => 1)", "(function () {})", "(function* () {})",
    "(function* () {})()", "(async () => 1)", "(async function* () {})", "Promise.resolve()",
    "(function () { return arguments; })()", "(x => x)`x`", "[].values().map(x => x)",
]  # fmt: skip
STEPS = [
    "{}.constructor", "{}.prototype", "{}.__proto__", "Object.getPrototypeOf({})", "{}.caller",
    "{}.callee", "{}.raw", "{}[Symbol.iterator]", "{}.toString", "{}.constructor.prototype",
    "Object.getOwnPropertyDescriptor({}, Object.getOwnPropertyNames({})[0])",
    "Object.getOwnPropertyDescriptor({}, 'stack').get", "{}[Object.getOwnPropertyNames({})[1]]",
    "Reflect.ownKeys({}).map(k => {}[k])[3]", "{}.next", "{}.then", "new {}()", "{}()",
    "{}.bind(0)",
    "{}.__lookupGetter__('__proto__')", "{}.__lookupSetter__('__proto__')", "{}[Symbol.species]",
    "Object({})", "{}.arguments", "{}.get", "{}.value",
]  # fmt: skip
ENDS = [
    "{}.MARK = 1", "{}.toString = () => 'MARK'", "{}[0] = 'MARK'", "{}.constructor = 'MARK'",
    "Object.defineProperty({}, 'MARK', {{value: 1}})", "Object.setPrototypeOf({}, {{MARK: 1}})",
    "{}.__proto__ = {{MARK: 1}}", "{}.push('MARK')", "{}.unshift('MARK')", "{}.set('MARK', {{}})",
    "Object.assign({}, {{MARK: 1}})", "{}.__defineGetter__('MARK', () => 1)", "{}.compile('MARK')",
    "{}.call = {}.apply = 'MARK'", "Reflect.set({}, 'MARK', 1)", "{}.input = 'MARK'",
    "delete {}.length", "{}.name = 'MARK'", "{}.lastIndex = 'MARK'", "{}.add('MARK')",
]  # fmt: skip


def program(source):
    text = source.choice(ROOTS)
    for _ in range(source.randrange(5)):
        text = source.choice(STEPS).replace("{}", text)
    return source.choice(ENDS).format(*[text] * 3)


@pytest.mark.torture
def test_random_programs_leave_no_mark():
    print(f"SEED={SEED}")
    source = random.Random(SEED)
    worlds = 0
    known, found = None, [None, [], []]
    programs = [program(source) for _ in range(PROGRAMS)]
    with javascript.world(javascript.VIEW, "looking") as other:
        other.call("compile", f"function (doc) {{ {LOOK} emit(look(), 0); }}")
        while programs:
            worlds += 1
            with javascript.world(javascript.VIEW, ("random", worlds)) as world:
                body = f"{LOOK} if (doc.program) eval(doc.program); else emit(look(), 0);"
                world.call("compile", f"function (doc, meta) {{ {body} }}")
                # A program may have left what cannot be taken away, or does not end.
                while programs and world.call("begin", True):
                    batch, programs = programs[:50], programs[50:]
                    world.call("load", [batch, batch, batch, [{"program": text} for text in batch]])
                    try:
                        world.call("map", 0, time_limit=javascript.TIME_LIMIT)
                    except javascript.JavaScriptTimeout:
                        break
                    if not world.call("begin", True):
                        break
                    for place in (world, other):
                        place.call("begin", True)
                        place.call("load", [["look"], ["1-a"], [0], [{}]])
                        made = place.call("map", 0)
                        assert made["errors"] == []
                        found = json.loads(made["rows"][2])
                        assert found[1:] == [[], []], batch
                    known = known or found[0]
                world.full = True
    assert (known or 0) > 400


def test_worlds_have_a_limit(monkeypatch):
    """Those that have not been used for long are closed."""
    javascript.close()
    for n in range(javascript.MAX_IDLE + 10):
        with javascript.world(javascript.VIEW, n) as world:
            world.call("compile", "function () {}")
    assert len(javascript._pool.every) == javascript.MAX_IDLE
    for n in range(10, javascript.MAX_IDLE + 10):
        with javascript.world(javascript.VIEW, n) as world:
            assert world.call("reduce", [], [], False) is None
    javascript.close()


def test_what_is_seen_by_sync_functions_is_frozen(db):
    create_database(function(LOOK + "var found = look(); channel('n' + (found[0] > 300));"))
    assert ADMIN.put("/a", {})[0] == 201
    assert channels_of("a") == ["ntrue"]


# ---------------------------------------------------------------------- memory

OFF_HEAP = [
    "ArrayBuffer", "SharedArrayBuffer", "DataView", "Atomics", "WebAssembly", "Intl", "Int8Array",
    "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array",
    "Float16Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array", "Temporal",
    "WeakRef", "FinalizationRegistry", "ShadowRealm", "setTimeout", "clearTimeout",
    "__timer_manager",
]  # fmt: skip


def test_nothing_takes_memory_past_the_limit_or_waits(db):
    """Typed arrays are no part of V8's heap, whose size is limited."""
    typeof = f"{json.dumps(OFF_HEAP)}.filter(function (name) {{ return global[name]; }})"
    get_global = "var global = (function () { return this; })();"
    write({"a": {}})
    put_design("d", v=f"function (doc) {{ {get_global} emit({typeof}, typeof console); }}")
    assert [(row.key, row.value) for row in rows("d/v")] == [([], "undefined")]
    create_database(function(f"{get_global} channel('n' + {typeof}.join());"))
    ADMIN.put("/a", {})
    assert channels_of("a") == ["n"]


@pytest.mark.parametrize(
    "program",
    ["new Uint8Array(1e9)", "''.constructor.prototype.constructor.fromBuffer(1)",
     "structuredClone({}, {transfer: []})", "Object.getPrototypeOf(Int8Array)", "Array.fromAsync",
     "Uint8Array.fromBase64('AA==')", "new Intl.Collator()", "Atomics.wait()"],
)  # fmt: skip
def test_programs_that_want_such_memory_fail(program):
    with javascript.world(javascript.VIEW, program) as world:
        world.call("compile", f"function (doc) {{ emit(1, {program}.x.y); }}")
        assert world.call("begin", True)
        world.call("load", [["a"], ["1-a"], [0], [{}]])
        made = world.call("map", 0)
        assert made["rows"] == []
        assert len(made["errors"]) == 1


def test_worlds_that_are_not_used_give_their_garbage_back(monkeypatch):
    javascript.close()
    monkeypatch.setattr(javascript, "UNTIDY", 100)
    tidied = []
    tidy = javascript.Engine.tidy
    monkeypatch.setattr(javascript.Engine, "tidy", lambda self: tidied.append(self) or tidy(self))
    worlds = []
    for name in "abc":
        with javascript.world(javascript.VIEW, name) as world:
            worlds.append(world)
            world.call("compile", "function () {} //" + "x" * 100)
            world.call("begin", True)
    assert tidied == worlds[: 3 - javascript.MAX_UNTIDY]
    with javascript.world(javascript.VIEW, "a") as world:
        assert world is worlds[0]
        assert world.taken == 0


# --------------------------------------------------------------- at the same time


def test_one_user_does_not_have_all_the_worlds_of_a_function():
    """Whoever's documents make it slow leaves room for others; nobody waits for another one."""
    with contextlib.ExitStack() as stack:
        for user in "aab":
            stack.enter_context(javascript.world(javascript.SYNC, "f", user))
        turns = javascript._pool.turns_of((javascript.SYNC, "f"))
        assert not turns.enter("a", timeout=0)
        assert turns.enter("c", timeout=0)
        turns.leave("c")
    used = {id(engine) for key, engine in javascript._pool.idle if key == (javascript.SYNC, "f")}
    assert len(used) == 3
