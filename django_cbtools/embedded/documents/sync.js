// Runs a sync function inside V8: provides the functions that it can call and collects its results.
//
// The sync function sees the globals of ES5, as on a real gateway, and the functions below. Each
// run starts from the same state: variables that a run declares, or assigns without declaring them,
// are removed afterwards. Nor can a run schedule work for later: there are no promises, timers or
// async functions.
({
  globals: [],
  hasCode: false,
  make: function (world) {
    "use strict";
    var PARAMETERS = [
      "channel", "access", "role", "reject", "expiry", "requireUser", "requireRole",
      "requireAccess", "requireAdmin", "log", "console", "_"
    ];
    var MAX_LINES = 100, MAX_LINE = 1000;
    var factory = null, makeUnderscore = null;

    // -------------------------------------------------------------- functions

    var TEXTS = /\/\/[^\n]*|\/\*[^]*?\*\/|"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'/g;
    var ASYNC = /(?:^|[^.\w$])async\s*(?:[\w$*[(])/;

    // Returns a factory that creates the sync function anew for each run, so that its closures hold
    // nothing from earlier runs.
    function compile(source) {
      if (ASYNC.test(source.replace(TEXTS, " "))) throw new SyntaxError("Unexpected token async");
      return world.Function.apply(null, PARAMETERS.concat("return (" + source + "\n);"));
    }

    // Compiles the sync function. Returns null, or the reason why `source` is not a function.
    // `underscore` is the source of Underscore (null: the function does not use it).
    function prepare(source, underscore) {
      try {
        if (underscore !== null) makeUnderscore = world.Function(underscore + "\nreturn this._;");
        factory = compile(source);
        var made = factory.apply(null, PARAMETERS.map(function () { return world.noCode; }));
        if (typeof made === "function") return null;
        return "JavaScript source does not evaluate to a function";
      } catch (error) {
        return world.describe(error);
      }
    }

    // ----------------------------------------------------------------- values

    // Replaces nulls with undefined, as a real gateway does.
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

    // Runs the sync function on a document, and returns its results. `user` is null for an
    // administrator.
    function run(doc, oldDoc, user) {
      if (!world.clean()) return { stained: true };
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
        console: { log: logger("info"), error: logger("error") },
        // Underscore has state (uniqueId) and can be extended (mixin), so each run gets a new copy.
        _: makeUnderscore === null ? undefined : makeUnderscore.call({})
      };

      try {
        var sync = factory.apply(
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
        out.error = world.describe(error);
      }
      return out;
    }

    return {
      given: [],
      call: function (call) {
        if (call[0] === "compile") return prepare(call[1], call[2]);
        return run(call[1], call[2], call[3]);
      }
    };
  }
})
