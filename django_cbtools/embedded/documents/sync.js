// What runs inside V8 for sync functions.
//
// A sync function sees the globals of ES5, as on a real gateway, and the functions below. It finds
// everything as every other run does: what it declares, or assigns to a variable that it has not
// declared, is gone afterwards; built-in objects are frozen. It cannot leave work for later either:
// there are no promises, no timers, no async functions.
(function () {
  "use strict";
  var KEPT = [
    "Array", "Boolean", "Date", "Error", "EvalError", "Function", "Infinity", "JSON", "Math", "NaN",
    "Number", "Object", "RangeError", "ReferenceError", "RegExp", "String", "SyntaxError",
    "TypeError", "URIError", "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent",
    "escape", "isFinite", "isNaN", "parseFloat", "parseInt", "undefined", "unescape"
  ];
  var PARAMETERS = [
    "channel", "access", "role", "reject", "expiry", "requireUser", "requireRole", "requireAccess",
    "requireAdmin", "log", "console"
  ];
  var MAX_FUNCTIONS = 100, MAX_LINES = 100, MAX_LINE = 1000;
  var global = globalThis, parent = Object.getPrototypeOf(global);
  var known = new Set(KEPT), functions = new Map();
  // Taken before they are put out of reach.
  var Func = Function, Names = Set, own = Reflect.ownKeys, remove = Reflect.deleteProperty;

  // ------------------------------------------------------------- the globals

  // Functions that are made of text would see globals of their own.
  function noCode() { throw new EvalError("code cannot be made of text here"); }

  var hidden = [
    Func, function* () {}.constructor, async function () {}.constructor,
    async function* () {}.constructor
  ];
  hidden.forEach(function (maker) {
    Object.defineProperty(maker.prototype, "constructor", { value: noCode });
  });
  noCode.prototype = Func.prototype;
  global.Function = noCode;
  Object.defineProperty(Promise.prototype, "constructor", { value: undefined });
  Promise.prototype.then = noCode;
  delete Array.fromAsync;

  // An assignment to an object would fail where its prototype has a frozen property of that name.
  function allowOverride(object, key, value) {
    function set(other) {
      if (this === object) throw new TypeError("it is frozen");
      Object.defineProperty(
        this, key, { value: other, writable: true, enumerable: true, configurable: true }
      );
    }
    Object.defineProperty(object, key, { get: function () { return value; }, set: set });
  }

  function freeze(roots) {
    var seen = new Names(), waiting = roots.slice();
    var overridden = new Names([
      Object.prototype, Error.prototype, EvalError.prototype, RangeError.prototype,
      ReferenceError.prototype, SyntaxError.prototype, TypeError.prototype, URIError.prototype
    ]);
    while (waiting.length) {
      var object = waiting.pop();
      if (object === null || !/^(object|function)$/.test(typeof object)) continue;
      if (object === global || seen.has(object)) continue;
      seen.add(object);
      waiting.push(Object.getPrototypeOf(object));
      own(object).forEach(function (key) {
        var property = Object.getOwnPropertyDescriptor(object, key);
        waiting.push(property.value, property.get, property.set);
        if ("value" in property && property.configurable && overridden.has(object)) {
          allowOverride(object, key, property.value);
        }
      });
      Object.freeze(object);
    }
  }

  // Those that have no name of their own: what makes functions, and what iterates.
  var nameless = hidden.map(function (maker) { return maker.prototype; }).concat(
    noCode, [].values(), ""[Symbol.iterator](), "".matchAll(/x/g), new Map().keys(), new Set().keys()
  );
  own(global).forEach(function (name) {
    // What cannot be removed is a variable of the program that V8 is embedded in.
    if (!known.has(name) && !remove(global, name)) { global[name] = undefined; known.add(name); }
  });
  freeze(nameless.concat(KEPT.map(function (name) { return global[name]; })));
  own(global).forEach(function (name) {
    if (known.has(name)) {
      Object.defineProperty(global, name, { writable: false, configurable: false });
    }
  });

  // Take away what the last run has left. False: that cannot be done.
  function clean() {
    /(?:)/.exec(""); // what RegExp.$1 and the like say
    if (!Object.isExtensible(global) || Object.getPrototypeOf(global) !== parent) return false;
    return own(global).every(function (name) { return known.has(name) || remove(global, name); });
  }

  // -------------------------------------------------------------- functions

  var TEXTS = /\/\/[^\n]*|\/\*[^]*?\*\/|"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'/g;
  var ASYNC = /(?:^|[^.\w$])async\s*(?:[\w$*[(])/;

  // A function that makes the sync function anew for each run, and with it all that it encloses.
  function compile(source) {
    if (ASYNC.test(source.replace(TEXTS, " "))) throw new SyntaxError("Unexpected token async");
    return Func.apply(null, PARAMETERS.concat("return (" + source + "\n);"));
  }

  function check(source) {
    try {
      var made = compile(source).apply(null, PARAMETERS.map(function () { return noCode; }));
      return typeof made === "function" ? null : "JavaScript source does not evaluate to a function";
    } catch (error) {
      return describe(error);
    }
  }

  function factory(source) {
    if (!functions.has(source)) {
      if (functions.size >= MAX_FUNCTIONS) functions.clear();
      functions.set(source, compile(source));
    }
    return functions.get(source);
  }

  // ----------------------------------------------------------------- values

  function describe(error) {
    try { return String(error); } catch (_) { return "it threw what cannot be shown as text"; }
  }

  // A real gateway's engine has no null in documents.
  function withoutNulls(value) {
    if (value === null) return undefined;
    if (typeof value === "object") {
      Object.keys(value).forEach(function (key) { value[key] = withoutNulls(value[key]); });
    }
    return value;
  }

  function list(value) { return Array.isArray(value) ? value : [value]; }

  function strings(value) {
    var items = list(value), found = [];
    for (var i = 0; i < items.length; i++) {
      var item = items[i];
      if (typeof item === "string") found.push(item.toWellFormed());
    }
    return found;
  }

  function isAnyIn(names, wanted) {
    return names.some(function (name) { return wanted.indexOf(name) !== -1; });
  }

  // Run a function on a document: what it says. `user` is null for an administrator.
  function run(source, doc, oldDoc, user) {
    if (!clean()) return { stained: true };
    var out = {
      channels: [], access: [], roles: [], expiry: [], rejection: null, error: null, lines: []
    };

    function grant(kind) {
      return function (users, names) {
        users = strings(users);
        names = strings(names);
        if (names.length) users.forEach(function (user) { out[kind].push([user, names]); });
      };
    }

    function reject(status, message) {
      status = Math.trunc(Number(status)) || 0;
      if (out.rejection || status < 400) return;
      out.rejection = [status, arguments.length > 1 ? String(message).toWellFormed() : ""];
    }

    function refuse(condition, reason) {
      if (user && !condition()) throw { forbidden: reason };
    }

    function logger(level) {
      return function () {
        var line = Array.prototype.map.call(arguments, String).join(" ");
        if (out.lines.length < MAX_LINES) {
          out.lines.push([level, line.slice(0, MAX_LINE).toWellFormed()]);
        }
      };
    }

    var given = {
      channel: function () {
        for (var i = 0; i < arguments.length; i++) {
          strings(arguments[i]).forEach(function (name) { out.channels.push(name); });
        }
      },
      access: grant("access"),
      role: grant("roles"),
      reject: reject,
      expiry: function (value) {
        if (typeof value === "string" || typeof value === "number") out.expiry.push(value);
      },
      requireAdmin: function () {
        refuse(function () { return false; }, "sg admin required");
      },
      requireUser: function (names) {
        refuse(function () { return isAnyIn([user.name], list(names)); }, "sg wrong user");
      },
      requireRole: function (names) {
        refuse(function () { return isAnyIn(user.roles, list(names)); }, "sg missing role");
      },
      requireAccess: function (names) {
        refuse(
          function () { return isAnyIn(user.channels, list(names)); }, "sg missing channel access"
        );
      },
      log: logger("info"),
      console: { log: logger("info"), error: logger("error") }
    };

    try {
      var sync = factory(source).apply(
        undefined, PARAMETERS.map(function (name) { return given[name]; })
      );
      try {
        sync(withoutNulls(doc), oldDoc && withoutNulls(oldDoc), { xattrs: {} });
      } catch (thrown) {
        if (thrown.forbidden) reject(403, thrown.forbidden);
        else if (thrown.unauthorized) reject(401, thrown.unauthorized);
        else throw thrown;
      }
    } catch (error) {
      out.error = describe(error);
    }
    return out;
  }

  return function (text) {
    var call = JSON.parse(text);
    var answer = call[0] === "check" ? check(call[1]) : run(call[1], call[2], call[3], call[4]);
    return JSON.stringify(answer);
  };
})();
