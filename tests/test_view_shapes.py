"""Map functions, read: what is not of the shape is refused, with its line."""

from __future__ import annotations

import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.view_shapes import Unreadable, read_view, shapes, syntax

UNREADABLE = {
    "no JavaScript": ("function (doc) {\n  emit(doc.a\n}", 2, "is not JavaScript"),
    "no function": ("_count", 1, "not one function"),
    "two functions": ("function (a) {}, function (b) {}", 1, "not one function"),
    "a computed key": ("function (doc) {\n\n  emit(doc.a + doc.b, null);\n}", 3, "operator"),
    "an unknown call": ("function (doc) {\n  emit(dateToArray(doc.a), null);\n}", 2, "call"),
    "a method of texts": ("function (doc) { emit(doc.a.toUpperCase(), null); }", 1, "call"),
    "an assignment": ("function (doc) {\n  doc.a = 1;\n  emit(doc.a);\n}", 2, "does nothing"),
    "while": ("function (doc) {\n  while (true) emit(1);\n}", 2, "statement"),
    "a loop of another form": (
        "function (doc) {\n  for (var i = 1; i < doc.a.length; i++) emit(i);\n}",
        2,
        "a loop must be",
    ),
    "break": ("function (doc) {\n  for (var i in doc.a) {\n    break;\n  }\n}", 3, "statement"),
    "return in a loop": (
        "function (doc) {\n  for (var i in doc.a)\n    { return; }\n}",
        3,
        "a loop with return",
    ),
    "two sides": ("function (doc) {\n  if (doc.a === doc.b) emit(1);\n}", 2, "a constant"),
    "meta.rev": ("function (doc, meta) {\n  emit(meta.rev, null);\n}", 2, "only its id"),
    "a name that is not declared": ("function (doc) {\n  emit(x, null);\n}", 2, "cannot stand"),
    "a name of a branch": (
        "function (doc) {\n  if (doc.a) { var x = 1; }\n  emit(x, null);\n}",
        3,
        "cannot stand",
    ),
    "a variable that changes": (
        "function (doc) {\n  var x = 1;\n  var x = doc.a;\n  emit(x);\n}",
        3,
        "a value already",
    ),
    "another array's place": (
        "function (doc) {\n  for (var i in doc.a) emit(doc.b[i], null);\n}",
        2,
        "the same array",
    ),
    "an inherited member": ("function (doc) {\n  emit(doc.constructor, 1);\n}", 2, "cannot be"),
    "after the end": ("function (doc) {\n  return;\n  emit(1);\n}", 3, "never reached"),
    "a text that cannot be compared": (
        "function (doc) {\n  if (doc.a > '\U0001f37a') emit(1);\n}",
        2,
        "cannot be compared",
    ),
    "async": ("async function (doc) { emit(1); }", 1, "not one function"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable(case):
    source, line, why = UNREADABLE[case]
    with pytest.raises(Unreadable, match=why) as caught:
        read_view({"map": source})
    assert caught.value.line == line
    assert str(caught.value).startswith(f"line {line}: `")


def test_a_line_that_is_long_is_shortened():
    with pytest.raises(Unreadable) as caught:
        read_view({"map": f"function (doc) {{ emit(doc.a + '{'x' * 200}', 1); }}"})
    assert len(caught.value.text) < 90


def _emissions(body: str):
    return read_view({"map": f"function (doc, meta) {{ {body} }}"}).emissions


def test_what_is_written_differently_is_read_as_the_same():
    (first,) = _emissions("if (doc.doc_type == 'a' && !doc.x) { emit(doc.b, null); }")
    (second,) = _emissions("const {b} = doc; if ('a' == doc['doc_type'] && !doc.x) emit(b, null)")
    assert first.reach == second.reach
    assert first.key == shapes.known(second.key)
    arrow = read_view({"map": "// words\n(doc) => emit(doc.b /* key */, null)"}).emissions[0]
    assert (arrow.key, arrow.line) == (first.key, 2)


def test_literals():
    (found,) = _emissions(r"emit(['\u00e9\x41\n\'', `b`, -1.5, true, null, undefined], {'a b': 1})")
    values = [item.value for item in found.key.items[:-1]]
    assert values == ["éA\n'", "b", -1.5, True, None]
    assert found.key.items[-1] == shapes.Undefined()
    assert found.value == shapes.ObjectOf((("a b", shapes.Literal(1)),))
    assert shapes.Literal(1) != shapes.Literal(True)


def test_reduces():
    source = "function (doc) { emit(doc.a); }"
    assert read_view({"map": source, "reduce": " _sum\n"}).reduce == "_sum"
    assert read_view({"map": source, "reduce": ""}).reduce is None


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tree_sitter", None)
    syntax._parser.cache_clear()
    with pytest.raises(ImproperlyConfigured, match=r"pip install django-cbtools\[views\]"):
        read_view({"map": "function (doc) { emit(doc.not_read_before); }"})
    syntax._parser.cache_clear()
