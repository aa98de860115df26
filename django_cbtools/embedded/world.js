// A world: what a function of somebody else's sees of JavaScript, the same at each of its runs.
//
// Each map, reduce and sync function has a world of its own, an isolate of V8. In it the built-in
// objects that the function needs are frozen, and all others are out of its reach: those that take
// memory past V8's limit (typed arrays, WebAssembly, Intl), that wait (Atomics), or that belong to
// the program around V8 (timers, the console).
//
// This script makes a function, which takes what a room needs of its world: `globals`, the names
// that stay; `hasCode`, whether text can be made code; `make`, which is given the world's tools and
// returns `call`, what Python calls, and `given`, what the function is given.
(function () {
  "use strict";
  var global = globalThis, parent = Object.getPrototypeOf(global);
  // Taken before they are put out of reach.
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
  // What objects made by old code are given in place of what their prototypes have.
  var OFTEN_OVERRIDDEN = ["toString", "toLocaleString", "valueOf", "constructor", "name"];

  function noCode() { throw new EvalError("code cannot be made of text here"); }

  // What makes functions of text has no name of its own, but for one.
  var makers = [
    Func, function* () {}.constructor, async function () {}.constructor,
    async function* () {}.constructor
  ];

  function hideCode() {
    makers.forEach(function (maker) { define(maker.prototype, "constructor", { value: noCode }); });
    noCode.prototype = Func.prototype;
    global.Function = noCode;
    // Nor can work be left for later.
    define(Promise.prototype, "constructor", { value: undefined });
    Promise.prototype.then = noCode;
    delete Array.fromAsync;
  }

  // Objects that have no name, but are within reach of what a program can write.
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

  // An assignment to an object would fail where its prototype has a frozen property of that name.
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

    // Take away what the last run has left. False: that cannot be done.
    function clean() {
      /(?:)/.exec(""); // what RegExp.$1 and the like say
      if (!Object.isExtensible(global) || Object.getPrototypeOf(global) !== parent) return false;
      return own(global).every(function (name) { return known.has(name) || remove(global, name); });
    }

    var made = room.make({ clean: clean, describe: describe, Function: Func, noCode: noCode });
    if (!room.hasCode) hideCode();
    var hidden = nameless();
    // It would lead to another library of objects.
    delete Date.prototype.toTemporalInstant;
    own(global).forEach(function (name) {
      // What cannot be removed is a variable of the program that V8 is embedded in.
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
