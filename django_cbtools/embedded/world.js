// Prepares a world: an isolate of V8 in which an administrator's function runs, and which is the
// same at the start of each run.
//
// Each map, reduce and sync function has a world of its own. The built-in objects that the function
// needs are frozen. All others are removed: those that can use memory beyond V8's limit (typed
// arrays, WebAssembly, Intl), that wait (Atomics), or that belong to the program that embeds V8
// (timers, the console).
//
// The value of this script is a function. Its argument `room` describes the contents of the world:
// `globals` are the names of globals to keep besides those of ES5; `hasCode` says whether strings
// can be compiled to code; `make` is called with the world's tools, and returns `call`, which is
// the function that Python calls, and `given`, the objects that the administrator's function uses.
(function () {
  "use strict";
  var global = globalThis, parent = Object.getPrototypeOf(global);
  // Keep references to these before they are removed.
  var Func = Function, Names = Set, own = Reflect.ownKeys, remove = Reflect.deleteProperty;
  var get = Object.getOwnPropertyDescriptor, define = Object.defineProperty;
  var parse = JSON.parse, text = JSON.stringify;

  // The globals of ES5.
  var ES5 = [
    "Array", "Boolean", "Date", "Error", "EvalError", "Function", "Infinity", "JSON", "Math", "NaN",
    "Number", "Object", "RangeError", "ReferenceError", "RegExp", "String", "SyntaxError",
    "TypeError", "URIError", "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent",
    "escape", "isFinite", "isNaN", "parseFloat", "parseInt", "undefined", "unescape"
  ];
  // Properties that older code often overrides on its own objects.
  var OFTEN_OVERRIDDEN = ["toString", "toLocaleString", "valueOf", "constructor", "name"];

  function noCode() { throw new EvalError("code cannot be made of text here"); }

  // The constructors that compile strings. Only the first one is a global.
  var makers = [
    Func, function* () {}.constructor, async function () {}.constructor,
    async function* () {}.constructor
  ];

  function hideCode() {
    makers.forEach(function (maker) { define(maker.prototype, "constructor", { value: noCode }); });
    noCode.prototype = Func.prototype;
    global.Function = noCode;
    // Nor may a function schedule work for later.
    define(Promise.prototype, "constructor", { value: undefined });
    Promise.prototype.then = noCode;
    delete Array.fromAsync;
  }

  // Returns built-in objects that are not globals, but that a program can reach.
  function nameless() {
    var error = new Error("");
    var found = makers.map(function (maker) { return maker.prototype; }).concat(
      noCode, [].values(), ""[Symbol.iterator](), "".matchAll(/x/g), new Map().keys(),
      new Set().keys(), [].values().map(noCode), Iterator.from({ next: noCode }),
      get((function () { return arguments; })(), "callee").get, Object(Symbol()), Object(1n), /x/d,
      Promise.resolve(), function () {}, error
    );
    own(error).forEach(function (key) {
      var property = get(error, key);
      found.push(property.get, property.set);
    });
    return found;
  }

  // Replaces a property with accessors that let other objects override it. Without them, assigning
  // to an object would fail if its prototype had a frozen property of that name.
  function allowOverride(object, key, value) {
    define(object, key, {
      get() { return value; },
      set(other) {
        if (this === object) throw new TypeError("it is frozen");
        define(this, key, { value: other, writable: true, enumerable: true, configurable: true });
      }
    });
  }

  function freeze(roots) {
    var seen = new Names(), waiting = roots.slice();
    var overridden = new Names([
      Object.prototype, Function.prototype, Error.prototype, EvalError.prototype,
      RangeError.prototype, ReferenceError.prototype, SyntaxError.prototype,
      TypeError.prototype, URIError.prototype
    ]);
    while (waiting.length) {
      var object = waiting.pop();
      if (object === null || !/^(object|function)$/.test(typeof object)) continue;
      if (object === global || seen.has(object)) continue;
      seen.add(object);
      waiting.push(Object.getPrototypeOf(object));
      own(object).forEach(function (key) {
        var property = get(object, key);
        waiting.push(property.value, property.get, property.set);
        if (!("value" in property) || !property.configurable) return;
        var isPrototype = typeof object !== "function" && object.constructor;
        if (overridden.has(object) || (isPrototype && OFTEN_OVERRIDDEN.indexOf(key) !== -1)) {
          allowOverride(object, key, property.value);
          property = get(object, key);
          waiting.push(property.get, property.set);
        }
      });
      Object.freeze(object);
    }
  }

  function describe(error) {
    try { return String(error); } catch (_) { return "it threw what cannot be shown as text"; }
  }

  return function (room) {
    var known = new Names(room.globals.concat(ES5));

    // Removes what the last run left behind. Returns false if that is not possible.
    function clean() {
      /(?:)/.exec(""); // resets RegExp.$1 and the like
      if (!Object.isExtensible(global) || Object.getPrototypeOf(global) !== parent) return false;
      return own(global).every(function (name) { return known.has(name) || remove(global, name); });
    }

    var made = room.make({ clean: clean, describe: describe, Function: Func, noCode: noCode });
    if (!room.hasCode) hideCode();
    var hidden = nameless();
    // This method would give access to the objects of Temporal.
    delete Date.prototype.toTemporalInstant;
    own(global).forEach(function (name) {
      // A global that cannot be removed is a variable of the program that embeds V8.
      if (!known.has(name) && !remove(global, name)) { global[name] = undefined; known.add(name); }
    });
    var kept = Array.from(known, function (name) { return global[name]; });
    freeze(hidden.concat(parent, made.given, kept));
    own(global).forEach(function (name) {
      if (known.has(name)) define(global, name, { writable: false, configurable: false });
    });
    return function (call) { return text(made.call(parse(call))); };
  };
})()
