// Computes the sort keys of view keys inside V8. No administrator's function runs in this context.
//
// A sort key is a string. Sort keys compare, code unit by code unit, as Couchbase's collation
// compares the keys: null < false < true < numbers < strings < arrays < objects, with strings in
// ICU's root order.
// JavaScript has no access to ICU's sort keys. So every string that has ever been a key gets a
// label between the labels of its neighbours: a fraction, written in digits that sort as text.
(function () {
  "use strict";
  var compare = new Intl.Collator("en-US").compare; // English does not differ from the root order

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

  // Returns `count` labels strictly between `low` and `high` (null: no bound). They are spread
  // evenly, unless they are `rising`: then most of the room above them is left for later labels.
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

  // Returns the place of `text` in `order`: {index, found}.
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

  // Remembers the latest strings. Strings such as dates and counters arrive in rising order. If
  // each new label halved the room between the previous one and the end, every sixth label would
  // have to be longer.
  function remember(words, pairs) {
    if (pairs.length) {
      words.recent = new Set(pairs.slice(-16).map(function (pair) { return pair[0]; }));
    }
  }

  // Makes labels for strings that have none. Returns the [text, label] pairs, and the order with
  // the new strings in it.
  function place(words, texts) {
    texts.sort(compare);
    var pairs = [], order = [], taken = 0;
    for (var i = 0; i < texts.length; ) {
      var spot = locate(words.order, texts[i]);
      if (spot.found) {
        pairs.push([texts[i++], words.labels.get(words.order[spot.index])]);
        continue;
      }
      // All new strings in the same gap share its room; strings that compare equal share a label.
      var next = words.order[spot.index];
      var groups = [];
      for (; i < texts.length && (next === undefined || compare(texts[i], next) < 0); i++) {
        var last = groups[groups.length - 1];
        if (last && compare(last[0], texts[i]) === 0) last.push(texts[i]);
        else groups.push([texts[i]]);
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

  // Returns the sort keys for the bounds of a query. A string without a label gets a temporary one
  // between its neighbours.
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

  // Returns the sort keys for the keys of rows, and the new labels as [text, label] pairs.
  function encodeAll(store, keys) {
    var words = dictionary(store), unknown = new Set();
    keys.forEach(function (key) { collect(key, words.labels, unknown); });
    var placed = place(words, Array.from(unknown));
    placed.pairs.forEach(function (pair) { words.labels.set(pair[0], pair[1]); });
    words.order = placed.order;
    remember(words, placed.pairs);
    function label(text) { return words.labels.get(text); }
    return [keys.map(function (key) { return encode(key, label); }), placed.pairs];
  }

  // Returns the place of each text among all of them. Texts that compare equal have the same one.
  function ranks(texts) {
    var texts = texts.map(wellFormed), places = new Map(), place = 0;
    Array.from(texts).sort(compare).forEach(function (text, i, sorted) {
      if (i && compare(sorted[i - 1], text) !== 0) place = i;
      places.set(text, place);
    });
    return texts.map(function (text) { return places.get(text); });
  }

  // ---------------------------------------------- functions called by Python

  var calls = {
    learn: learn,
    bounds: bounds,
    encode: encodeAll,
    sort: function (texts) { return texts.sort(compare); },
    ranks: ranks
  };

  return function (text) {
    var call = JSON.parse(text);
    var answer = calls[call[0]].apply(null, call.slice(1));
    return JSON.stringify(answer === undefined ? null : answer);
  };
})()
