"""Functions in V8: what they are given, and what becomes of those that fail."""

from __future__ import annotations

import logging
import re

import pytest

from django_cbtools.embedded import javascript
from django_cbtools.exceptions import SyncGatewayBadRequest
from tests.gateway.v8.helpers import BY_N, ids, put_design, put_view, rows, write

# ------------------------------------------------------- what functions are given


def mapped(source, document=None):
    """What a map function makes of a document: the keys and values."""
    write({"a": document or {}})
    put_view(source)
    return [(row.key, row.value) for row in rows()]


def test_document_and_meta(db):
    document = {"n": 1.5, "deep": {"list": [None, True, "é🍺"]}, "channels": ["public"]}
    ((key, value),) = mapped("function (doc, meta) { emit(meta, doc); }", document)
    assert key["id"] == "a"
    assert re.fullmatch("1-[0-9a-f]{32}", key["rev"]["rev"])
    assert value == document


def test_globals_of_couchbase(db):
    source = """function (doc, meta) {
      emit("sum", [sum([]), sum([1, 2.5, -1])]);
      emit("dateToArray", [dateToArray("2014-01-09T08:07:06.5Z"), dateToArray(0),
                           dateToArray("2014-01-09T08:07:06-05:00"), dateToArray("no date")]);
      emit("decodeBase64", [decodeBase64("Q291Y2g="), decodeBase64("/+8="), decodeBase64("QUJD")]);
    }"""
    assert dict(mapped(source)) == {
        "sum": [0, 2.5],
        "dateToArray": [
            [2014, 1, 9, 8, 7, 6], [1970, 1, 1, 0, 0, 0], [2014, 1, 9, 13, 7, 6], None,
        ],
        "decodeBase64": [[67, 111, 117, 99, 104], [255, 239], [65, 66, 67]],
    }  # fmt: skip


@pytest.mark.parametrize(
    "expression",
    ["dateToArray()", "dateToArray(undefined)", "dateToArray(null)", "decodeBase64('NQ=')",
     "decodeBase64({})", "decodeBase64()", "decodeBase64(null)", "log('x')", "sum()", "sum(null)",
     "console.log(1)", "setTimeout(emit, 1)", "reduce", "meta.xattrs.x"],
)  # fmt: skip
def test_what_fails_on_couchbase_fails(db, caplog, expression):
    """And the document is left out."""
    assert mapped(f"function (doc, meta) {{ emit(1, {expression}); }}") == []
    assert "document 'a', which is left out" in caplog.text


ODD = [
    ("sum('12')", "012"), ("sum({})", 0), ("sum(1)", 0), ("sum(['a', 1])", "0a1"),
    ("sum([[1], null])", "01null"), ("sum({length: 1, 0: 2})", 2),
    ("dateToArray(false)", [1970, 1, 1, 0, 0, 0]),
    ("dateToArray('')", None), ("dateToArray({})", None),
    ("dateToArray(new Date(0))", [1970, 1, 1, 0, 0, 0]),
    ("dateToArray(['2014'])", [2014, 1, 1, 0, 0, 0]), ("decodeBase64('')", []),
    ("decodeBase64('====')", [255, 255, 255]), ("decodeBase64('N===')", []),
    ("decodeBase64('AA==AAAA')", [255, 255, 255]), ("decodeBase64('Nä==')", [255]),
    ("decodeBase64('N Q=')", [255, 244]),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), ODD)
def test_odd_values_are_what_couchbase_makes_of_them(db, expression, value):
    assert mapped(f"function (doc, meta) {{ emit(1, {expression}); }}") == [(1, value)]


def test_meta_says_when_a_document_ends(db):
    write({"a": {"_exp": 4_000_000_000}, "b": {}, "c": {"_exp": "2090-01-01T00:00:00Z"}})
    put_view("function (doc, meta) { emit([meta.expiration, meta.flags, meta.type], null); }")
    assert {row.id: row.key for row in rows()} == {
        "a": [4_000_000_000, 1 << 25, "json"], "b": [0, 1 << 25, "json"],
        "c": [3_786_912_000, 1 << 25, "json"],
    }  # fmt: skip


def test_variables_that_are_not_declared(db):
    """As functions of old have them."""
    source = """function (doc, meta) {
      for (i in doc.channels) { channel = doc.channels[i]; emit(channel, total = 1); }
      for (name of doc.names) emit(name, null);
    }"""
    document = {"channels": ["b", "a"], "names": ["c"]}
    assert mapped(source, document) == [("a", 1), ("b", 1), ("c", None)]


def test_a_function_cannot_take_a_global_away_from_others(db):
    write({"a": {"n": [1, 2]}})
    put_design(
        "d",
        bad="function (doc, meta) { sum = 0; log = 0; emit = null; JSON.x = 1; }",
        good=(
            "function (doc, meta) { emit(sum(doc.n), 3); }",
            "function (keys, values) { return sum(values); }",
        ),
    )
    assert rows("d/bad") == []
    assert [row.value for row in rows("d/good")] == [3]
    assert [row.key for row in rows("d/good", reduce=False)] == [3]


@pytest.mark.parametrize(
    "left", ["sum = 0; emit = null; x = 1;", "Object.defineProperty(globalThis, 'x', {value: 1});"]
)
def test_what_a_function_leaves_is_gone_when_it_is_asked_again(db, left):
    put_view(f"function (doc, meta) {{ emit(typeof x, sum([1])); {left} }}")
    for n, uid in enumerate("ab", start=1):
        write({uid: {}})
        assert [(row.key, row.value) for row in rows()] == [("undefined", 1)] * n


KEYS = [
    ("undefined", None), ("NaN", None), ("1 / 0", None), ("function () {}", None),
    ("Symbol()", None), ("-0", 0), ("1.0", 1), ("new Number(1.5)", 1.5), ("new String('x')", "x"),
    ("new Date(0)", "1970-01-01T00:00:00.000Z"), ("new Date(NaN)", None), ("/x/", {}),
    ("[undefined, function () {}, NaN]", [None, None, None]), ("{a: undefined, b: 1}", {"b": 1}),
    ("{toJSON: function () { return [1]; }}", [1]), ("{toJSON: function () {}}", None),
    ("new Map([[1, 2]])", {}), ("[,1]", [None, 1]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "shown"), KEYS)
def test_keys_and_values_are_what_json_makes_of_them(db, key, shown):
    assert mapped(f"function (doc, meta) {{ emit({key}, {key}); }}") == [(shown, shown)]
    # They are found, and stand, where what is shown belongs.
    assert ids(key=shown) == ["a"]
    assert ids(endkey=shown, inclusive_end=False) == []


def test_rows_are_what_was_emitted_at_the_time(db):
    source = """function (doc, meta) {
      var key = [doc.n], value = {n: doc.n};
      for (; key[0] < 3; key[0]++, value.n++) emit(key, value);
      key.push("later"); doc.n = "later";
    }"""
    assert mapped(source, {"n": 1}) == [([1], {"n": 1}), ([2], {"n": 2})]


def test_a_function_does_not_change_documents(db):
    write({"a": {"n": 1}})
    put_design("d", one="function (doc, meta) { doc.n = 2; emit(doc.n, null); }", two=BY_N)
    assert [row.key for row in rows("d/one")] == [2]
    assert [row.key for row in rows("d/two")] == [1]


def test_emit_after_the_end(db):
    source = """function (doc, meta) {
      emit(1, null);
      Promise.resolve().then(function () { emit(2, null); });
    }"""
    assert mapped(source) == [(1, None)]
    write({"b": {}})
    assert [row.key for row in rows()] == [1, 1]


# ------------------------------------------------------------- broken functions


@pytest.mark.parametrize(
    "text",
    ["function (doc, meta) { emit(doc.n", "function (doc, meta) {} function x() {}", "nothing",
     "{}", "", "'emit'", "throw 1", "function (doc, meta) { let a; let a; }",
     "(function () { for (;;); })()", "(function () { throw Object.create(null); })()"],
)  # fmt: skip
def test_text_that_is_no_function(db, monkeypatch, text):
    """As on a real gateway, it is taken, and shows when its view is asked for."""
    monkeypatch.setattr(javascript, "TIME_LIMIT", 0.2)  # for the one that does not end
    write({"a": {"n": 1}})
    for functions in (text, (BY_N, text)):
        if functions == (BY_N, ""):
            continue
        what = "map" if functions == text else "reduce"
        put_design("d", v=BY_N, w=functions)
        with pytest.raises(SyncGatewayBadRequest, match=f"{what} function of view d/w") as caught:
            rows("d/w")
        assert "does not compile" in caught.value.reason
        # The view beside it works.
        assert ids() == ["a"]


def test_reduce_that_couchbase_does_not_have(db):
    put_view(BY_N, "_mean")
    with pytest.raises(SyncGatewayBadRequest, match=r"view d/v is '_mean'.*_count, _sum, _stats"):
        rows()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("throw new Error('not this one')", "Error: not this one"),
        ("throw 'not this one'", "not this one"),
        ("throw Object.create(null)", "cannot be shown"),
        ("throw {toString: function () { throw 1; }}", "cannot be shown"),
        ("doc.missing.name", "TypeError"),
        ("(function deeper() { deeper(); })()", "RangeError"),
        ("emit(10n, null)", "BigInt"),
        ("emit(doc.self = doc, null)", "circular"),
        ("for (var k = []; !k.at || k.length < 2; ) k = [k, 1]; throw 1", "1"),
        ("var k = []; for (var i = 0; i < 100; i++) k = [k]; emit(k, null)", "100 deep"),
        ("var k = []; for (var i = 0; i < 1e5; i++) k = [k]; emit(k, null)", "RangeError"),
    ],
)
def test_a_document_at_which_a_function_throws_is_left_out(db, caplog, statement, message):
    write({uid: {"n": n} for n, uid in enumerate("abcde")})
    put_view(
        "function (doc, meta) { emit(doc.n, 'first'); "
        f"if (meta.id === 'c') {{ {statement}; }} emit(-doc.n, 'second'); }}"
    )
    with caplog.at_level(logging.WARNING):
        found = rows()
    assert [(row.id, row.key) for row in found] == [
        ("e", -4), ("d", -3), ("b", -1), ("a", 0), ("a", 0), ("b", 1), ("d", 3), ("e", 4),
    ]  # fmt: skip
    (record,) = caplog.records
    assert "'view d/v' failed for document 'c', which is left out" in record.getMessage()
    assert message in record.getMessage()
    # It is back once the function can do something with it.
    caplog.clear()
    write({"c": {"n": 2}})
    put_view(BY_N)
    assert ids() == list("abcde")
    assert caplog.records == []


def test_a_document_that_begins_to_fail_leaves_the_index(db, caplog):
    write({"a": {"n": [1]}, "b": {"n": [2]}})
    put_view("function (doc, meta) { emit(doc.n[0], null); }")
    assert ids() == ["a", "b"]
    write({"a": {}})
    assert ids() == ["b"]
    assert "document 'a'" in caplog.text
