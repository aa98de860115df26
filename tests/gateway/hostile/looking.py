"""Functions that look for what others have left, and programs made by chance."""

from __future__ import annotations

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


def looking(use):
    return f"function (doc) {{ {LOOK} {use} }}"
