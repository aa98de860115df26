"""Functions that try to leave a mark for others, or to be seen by them."""

from __future__ import annotations

import json

import pytest

from tests.gateway.access.client import ADMIN, channels_of, create_database
from tests.gateway.hostile.looking import LOOK, looking
from tests.gateway.v8.helpers import ids, put_design, rows, write

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
