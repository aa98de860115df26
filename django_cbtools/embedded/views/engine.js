// What runs inside V8: map and reduce functions, and the order of their keys.
//
// Functions see the globals that Couchbase's view engine gives them (emit, sum, dateToArray,
// decodeBase64, log). A key's sort key is a text that compares, code unit by code unit, as
// Couchbase's collation compares the key: null < false < true < numbers < strings < arrays <
// objects, strings in ICU's root order. ICU gives no sort keys to JavaScript, so every string that
// was ever a key has a label, a fraction written in digits that sort as text, between the labels of
// its neighbours.
var cbtools = (function () {
  "use strict";
  var compare = new Intl.Collator("en-US").compare; // English does not differ from the root order
  var functions = new Map();
  var uids = [], revs = [], bodies = [], progress = null;
  var MAX_DEPTH = 100; // of a key

  // ---------------------------------------------------------------- labels

  var DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  var BASE = BigInt(DIGITS.length), ROOM = BASE * BASE;
  var END = " "; // sorts below every digit and tag
  var dictionaries = new Map();

  function toNumber(label, width) {
    var number = 0n;
    for (var i = 0; i < width; i++) {
      number = number * BASE + BigInt(i < label.length ? DIGITS.indexOf(label[i]) : 0);
    }
    return number;
  }

  function toLabel(number, width) {
    var label = "";
    for (var i = 0; i < width; i++) {
      label = DIGITS[Number(number % BASE)] + label;
      number /= BASE;
    }
    return label.replace(/0+$/, "");
  }

  // `count` labels strictly between `low` and `high` (null: no bound), spread evenly; `rising` ones
  // leave most of the room above them to those that are going to follow.
  function between(low, high, count, rising) {
    var width = Math.max(low ? low.length : 0, high ? high.length : 0, 4);
    for (;; width += 2) {
      var from = low ? toNumber(low, width) : 0n;
      var to = high ? toNumber(high, width) : BASE ** BigInt(width);
      var step = (to - from) / BigInt(count + 1);
      if (step >= (rising ? ROOM : 1n)) {
        if (rising) step = ROOM;
        var labels = [];
        for (var i = 1; i <= count; i++) labels.push(toLabel(from + step * BigInt(i), width));
        return labels;
      }
    }
  }

  function dictionary(store) {
    if (!dictionaries.has(store)) {
      dictionaries.set(store, { labels: new Map(), order: [], recent: new Set() });
    }
    return dictionaries.get(store);
  }

  // Where `text` belongs in `order`: {index, found}.
  function locate(order, text) {
    var low = 0, high = order.length;
    while (low < high) {
      var middle = (low + high) >> 1;
      var sign = compare(order[middle], text);
      if (sign === 0) return { index: middle, found: true };
      if (sign < 0) low = middle + 1; else high = middle;
    }
    return { index: low, found: false };
  }

  // Texts such as dates and counters come one after the other. Without knowing which have come last,
  // halving the room between one and what is behind it all would make every sixth label longer.
  function remember(words, pairs) {
    if (pairs.length) {
      words.recent = new Set(pairs.slice(-16).map(function (pair) { return pair[0]; }));
    }
  }

  // Labels for texts that have none: the [text, label] pairs, and the order with the new texts.
  function place(words, texts) {
    texts.sort(compare);
    var pairs = [], order = [], taken = 0;
    for (var i = 0; i < texts.length; ) {
      var spot = locate(words.order, texts[i]);
      if (spot.found) {
        pairs.push([texts[i++], words.labels.get(words.order[spot.index])]);
        continue;
      }
      // All new texts that go into the same gap share it; equal ones share a label.
      var next = words.order[spot.index];
      var groups = [];
      for (; i < texts.length && (next === undefined || compare(texts[i], next) < 0); i++) {
        var last = groups[groups.length - 1];
        if (last && compare(last[0], texts[i]) === 0) last.push(texts[i]); else groups.push([texts[i]]);
      }
      var before = words.order[spot.index - 1];
      var labels = between(
        before === undefined ? null : words.labels.get(before),
        next === undefined ? null : words.labels.get(next),
        groups.length,
        words.recent.has(before)
      );
      while (taken < spot.index) order.push(words.order[taken++]);
      groups.forEach(function (group, n) {
        order.push(group[0]);
        group.forEach(function (text) { pairs.push([text, labels[n]]); });
      });
    }
    while (taken < words.order.length) order.push(words.order[taken++]);
    return { pairs: pairs, order: order };
  }

  function learn(store, pairs, reset) {
    if (reset) dictionaries.delete(store);
    var words = dictionary(store);
    pairs.forEach(function (pair) { words.labels.set(pair[0], pair[1]); });
    var seen = new Set();
    words.order = Array.from(words.labels.keys())
      .sort(function (a, b) {
        var x = words.labels.get(a), y = words.labels.get(b);
        return x < y ? -1 : x > y ? 1 : 0;
      })
      .filter(function (text) {
        var label = words.labels.get(text);
        return !seen.has(label) && seen.add(label);
      });
    remember(words, pairs);
  }

  // -------------------------------------------------------------- sort keys

  var floatView = new DataView(new ArrayBuffer(8));

  function hex(number) {
    return ("0000000" + (number >>> 0).toString(16)).slice(-8);
  }

  function encodeNumber(number) {
    floatView.setFloat64(0, number === 0 ? 0 : number); // -0 is 0
    var high = floatView.getUint32(0), low = floatView.getUint32(4);
    return high & 0x80000000 ? hex(~high) + hex(~low) : hex(high | 0x80000000) + hex(low);
  }

  function wellFormed(text) {
    return text.isWellFormed() ? text : text.toWellFormed();
  }

  function collect(key, labels, unknown) {
    if (typeof key === "string") {
      key = wellFormed(key);
      if (!labels.has(key)) unknown.add(key);
    } else if (key !== null && typeof key === "object") {
      for (var name in key) {
        if (!Array.isArray(key)) collect(name, labels, unknown);
        collect(key[name], labels, unknown);
      }
    }
  }

  function encode(key, label) {
    switch (typeof key) {
      case "boolean": return key ? "3" : "2";
      case "number": return "4" + encodeNumber(key);
      case "string": return "5" + label(wellFormed(key)) + END;
    }
    if (key === null || key === undefined) return "1";
    if (Array.isArray(key)) {
      return "6" + key.map(function (item) { return encode(item, label); }).join("") + END;
    }
    return "7" + Object.keys(key).map(function (name) {
      return encode(name, label) + encode(key[name], label);
    }).join("") + END;
  }

  // Sort keys for the bounds of a query. A string that no document has gets a label between its
  // neighbours which is not kept.
  function bounds(store, keys) {
    var words = dictionary(store);
    return keys.map(function (key) {
      return encode(key, function (text) {
        var label = words.labels.get(text);
        if (label !== undefined) return label;
        var spot = locate(words.order, text);
        if (spot.found) return words.labels.get(words.order[spot.index]);
        var low = words.order[spot.index - 1], high = words.order[spot.index];
        return between(
          low === undefined ? null : words.labels.get(low),
          high === undefined ? null : words.labels.get(high),
          1
        )[0];
      });
    });
  }

  // -------------------------------------------------------------- functions

  // What functions are given. It is set before every run: one that uses a variable called `sum`
  // without declaring it would take `sum` away from all others.
  var globals = {
    sum: function (values) {
      return values.reduce(function (total, value) { return total + value; }, 0);
    },
    dateToArray: function (date) {
      date = new Date(date);
      return isNaN(date) ? null : [
        date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(),
        date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()
      ];
    },
    decodeBase64: function (text) {
      var alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
      var bits = 0, count = 0, bytes = [];
      for (var i = 0; i < text.length; i++) {
        var digit = alphabet.indexOf(text[i]);
        if (digit < 0) continue;
        bits = (bits << 6) | digit;
        count += 6;
        if (count >= 8) bytes.push((bits >> (count -= 8)) & 255);
      }
      return bytes;
    },
    log: function () {}
  };

  function describe(error) {
    try { return String(error); } catch (_) { return "it threw what cannot be shown as text"; }
  }

  function checkDepth(key, left) {
    if (left === 0) throw new RangeError("the key is nested more than " + MAX_DEPTH + " deep");
    for (var name in key) {
      if (typeof key[name] === "object") checkDepth(key[name], left - 1);
    }
  }

  function compile(name, source) {
    functions.delete(name);
    try {
      var compiled = (0, eval)("(" + source + "\n)");
      if (typeof compiled !== "function") return "it is not a function";
      functions.set(name, compiled);
      return null;
    } catch (error) {
      return describe(error);
    }
  }

  // Documents to map: their uids, revisions and bodies.
  function load(batch) {
    uids = batch[0];
    revs = batch[1];
    bodies = batch[2];
    progress = { at: 0, before: 0, rows: [], keys: [], errors: [], placed: null };
  }

  // Map the documents from index `start` on. What has been done is in `progress`, where it can be
  // fetched even after the run has been stopped. `rows` has five items for each row: sort key, uid,
  // position among the document's rows, key and value.
  function map(name, store, start) {
    var fn = functions.get(name);
    progress = { at: start, before: 0, rows: [], keys: [], errors: [], placed: null };
    var rows = progress.rows, keys = progress.keys, position;
    Object.assign(globalThis, globals);
    globalThis.emit = function (key, value) {
      var keyText = JSON.stringify(key) || "null", valueText = JSON.stringify(value) || "null";
      // A key is what JSON makes of it: NaN is null, and what the function goes on to do to an
      // object does not matter.
      if (typeof key !== "string") key = JSON.parse(keyText);
      if (typeof key === "object") checkDepth(key, MAX_DEPTH);
      keys.push(key);
      rows.push(null, uids[progress.at], position++, keyText, valueText);
    };
    for (var i = start; i < uids.length; i++) {
      progress.at = i;
      progress.before = keys.length;
      position = 0;
      try {
        fn(bodies[i], { id: uids[i], rev: { rev: revs[i] }, type: "json" });
      } catch (error) {
        forget();
        progress.errors.push([uids[i], describe(error)]);
      }
    }
    progress.at = uids.length;
    return finish(store);
  }

  // Drop what the document has emitted that the run is at.
  function forget() {
    progress.keys.length = progress.before;
    progress.rows.length = progress.before * 5;
  }

  // After a run was stopped: what it has made, without what the document emitted that it was at.
  function stopped(store) {
    if (progress.at < uids.length) forget();
    return finish(store);
  }

  // What the last run has made: rows with their sort keys, labels that are new, and errors; `end` is
  // the document that it came to. Where this is stopped in turn, it is done again: the labels that
  // have been given out by then stay the same.
  function finish(store) {
    var words = dictionary(store), unknown = new Set();
    if (!progress.placed) {
      progress.keys.forEach(function (key) { collect(key, words.labels, unknown); });
      progress.placed = place(words, Array.from(unknown));
    }
    var pairs = progress.placed.pairs;
    pairs.forEach(function (pair) { words.labels.set(pair[0], pair[1]); });
    words.order = progress.placed.order;
    remember(words, pairs);
    function label(text) { return words.labels.get(text); }
    progress.keys.forEach(function (key, n) { progress.rows[n * 5] = encode(key, label); });
    return { end: progress.at, rows: progress.rows, labels: pairs, errors: progress.errors };
  }

  function reduce(name, keys, values, rereduce) {
    Object.assign(globalThis, globals);
    return functions.get(name)(keys, values, rereduce);
  }

  // ------------------------------------------------------- what Python calls

  return function (text) {
    var call = JSON.parse(text), args = call.slice(1);
    var answer = {
      compile: compile,
      learn: learn,
      bounds: bounds,
      stopped: stopped,
      map: map,
      load: load,
      reduce: reduce,
      sort: function (texts) { return texts.sort(compare); }
    }[call[0]].apply(null, args);
    return JSON.stringify(answer === undefined ? null : answer);
  };
})();
cbtools;
