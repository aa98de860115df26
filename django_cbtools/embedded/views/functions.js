// Runs map and reduce functions inside V8: provides their globals and collects their results.
//
// A function sees the globals that Couchbase's view engine provides: the built-in objects of
// ECMAScript, emit (map functions only), sum, dateToArray and decodeBase64. A variable that it
// assigns without declaring it stays until the next batch of documents.
({
  globals: [
    "BigInt", "Iterator", "Map", "Promise", "Proxy", "Reflect", "Set", "Symbol", "WeakMap",
    "WeakSet", "eval", "globalThis"
  ],
  hasCode: true,
  make: function (world) {
    "use strict";
    var MAX_DEPTH = 100; // of a key
    var MAX_EMITTED = 1024 * 1024; // characters, by one document, as on Couchbase Server
    var MAX_ROWS = 5000; // in one run; the next run continues from there
    var global = globalThis, evaluate = eval, assign = Object.assign;
    var JSON_FLAGS = 0x2000000; // how a gateway marks its documents in Couchbase Server
    var fn = null, uids = [], revs = [], expirations = [], bodies = [], progress = null;

    // ---------------------------------------------- globals of the functions

    var DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    // They behave like Couchbase Server's, even for unusual values, and fail for the same values.
    var helpers = {
      sum: function (values) {
        var total = 0;
        for (var i = 0; i < values.length; i++) total += values[i];
        return total;
      },
      dateToArray: function (value) {
        var date = value.getUTCDate ? value : new Date(value);
        if (!isFinite(date.valueOf())) return null;
        return [
          date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(),
          date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()
        ];
      },
      decodeBase64: function (text) {
        if (typeof text !== "string") throw new TypeError("decodeBase64 wants a string");
        if (text.length % 4) throw new TypeError("the length of base64 is a multiple of 4");
        var first = text.indexOf("="), padding = first > 0 ? text.length - first : 0;
        var end = padding ? text.length - 4 : text.length, bytes = [];
        // A character that is not a digit counts as -1, which has all bits set.
        function bits(at) {
          return DIGITS.indexOf(text[at]) << 18 | DIGITS.indexOf(text[at + 1]) << 12 |
            DIGITS.indexOf(text[at + 2]) << 6 | DIGITS.indexOf(text[at + 3]);
        }
        for (var at = 0; at < end; at += 4) {
          var four = bits(at);
          bytes.push(four >> 16 & 255, four >> 8 & 255, four & 255);
        }
        if (padding === 1 || padding === 2) {
          var high = DIGITS.indexOf(text[at]) << 12 | DIGITS.indexOf(text[at + 1]) << 6;
          if (padding === 1) high |= DIGITS.indexOf(text[at + 2]);
          bytes.push(high >> 10 & 255);
          if (padding === 1) bytes.push(high >> 2 & 255);
        }
        return bytes;
      }
    };

    function tooMuch() {
      return new RangeError("it emits more than " + MAX_EMITTED + " characters");
    }

    function emit(key, value) {
      var keyText = JSON.stringify(key) || "null", valueText = JSON.stringify(value) || "null";
      // Check the key as JSON has it, since a toJSON method may have changed it.
      if (typeof key === "object") checkDepth(JSON.parse(keyText), MAX_DEPTH);
      progress.emitted += keyText.length + valueText.length;
      if (progress.emitted > MAX_EMITTED) throw tooMuch();
      progress.rows.push(uids[progress.at], progress.position++, keyText, valueText);
    }

    // Resets the function's globals, at the start of each batch of documents. Returns false if the
    // function left something that cannot be removed.
    function begin(isMap) {
      if (!world.clean()) return false;
      assign(global, helpers, isMap && { emit: emit });
      return true;
    }

    // ------------------------------------------------------------------- runs

    // Compiles a function. Returns null, or the reason why `source` is not a function.
    function compile(source) {
      try {
        fn = evaluate("(" + source + "\n)");
        return typeof fn === "function" ? null : "it is not a function";
      } catch (error) {
        return world.describe(error);
      }
    }

    function checkDepth(key, left) {
      if (left === 0) throw new RangeError("the key is nested more than " + MAX_DEPTH + " deep");
      for (var name in key) {
        if (typeof key[name] === "object") checkDepth(key[name], left - 1);
      }
    }

    // Sets the documents to map: their uids, revisions, expiry times (seconds since 1970, 0: none)
    // and bodies.
    function load(batch) {
      uids = batch[0];
      revs = batch[1];
      expirations = batch[2];
      bodies = batch[3];
      progress = null;
    }

    // Maps the documents from index `start` on. The results are collected in `progress`, so that
    // they are available even if the run is stopped. `rows` is a flat array with four items for
    // each row: uid, position among the document's rows, key and value.
    function map(start) {
      progress = { at: start, before: 0, position: 0, emitted: 0, rows: [], errors: [] };
      while (progress.at < uids.length && progress.rows.length < MAX_ROWS * 4) {
        var i = progress.at;
        progress.position = progress.emitted = 0;
        try {
          fn(bodies[i], {
            id: uids[i], rev: { rev: revs[i] }, expiration: expirations[i], flags: JSON_FLAGS,
            type: "json"
          });
          if (progress.emitted > MAX_EMITTED) throw tooMuch();
        } catch (error) {
          progress.rows.length = progress.before;
          progress.errors.push([uids[i], world.describe(error)]);
        }
        progress.before = progress.rows.length;
        progress.at++;
      }
      return made();
    }

    // Returns the results of the last run. `end` is the index of the first document that was not
    // completed. If the run was stopped, the rows of that document are left out.
    function made() {
      progress.rows.length = progress.before;
      return { end: progress.at, rows: progress.rows, errors: progress.errors };
    }

    function reduce(keys, values, rereduce) { return fn(keys, values, rereduce); }

    var calls = {
      compile: compile, begin: begin, load: load, map: map, made: made, reduce: reduce
    };

    return {
      given: [helpers, emit],
      call: function (call) {
        var answer = calls[call[0]].apply(null, call.slice(1));
        return answer === undefined ? null : answer;
      }
    };
  }
})
