"""view_to_index: its code runs, and finds the documents that the view finds."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command
from django.db import models
from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import Lower, Substr

from django_cbtools.models import indexes
from django_cbtools.query import Query, view_rows
from tests.testapp.models import CBArticle

NAMES = {"CBArticle": CBArticle, "models": models, "Q": Q, "Lower": Lower, "Substr": Substr,
         "Count": Count, "Sum": Sum, "Min": Min, "Max": Max}  # fmt: skip


@pytest.fixture
def articles(db):
    for number in range(12):
        article = CBArticle(
            channels=["c"], title=f"{'aAbB'[number % 4]}{number % 3}",
            tags=["x", "y"][: number % 3], year_published=2000 + number % 2,
            is_draft=number % 2 == 0, price="1.50",
            author_uid=f"aut_{number % 3}", details={"color": ["red", "blue"][number % 2]},
        )  # fmt: skip
        article.save()
        if number == 11:
            article.delete()


@pytest.fixture
def view(settings, tmp_path, capsys):
    """A function that makes a view, and has the command say what to do."""

    def said(source: str, reduce: str | None = None) -> str:
        settings.BASE_DIR = tmp_path
        (tmp_path / "couchbase_views").mkdir(exist_ok=True)
        (tmp_path / "couchbase_views" / "v.js").write_text(source)
        if reduce:
            (tmp_path / "couchbase_views" / "v_reduce.js").write_text(reduce)
        call_command("view_to_index", "v")
        return capsys.readouterr().out

    return said


def run(text: str, **names: object) -> dict[str, list[object]]:
    """What each line of the code gives, by what its comment says it is for."""
    names = {**NAMES, **names}
    found: dict[str, list[object]] = {}
    for line in text.splitlines():
        code, _, comment = line.partition("  # ")
        if code.startswith(("rows = ", "COUCHBASE_INDEXES = ")):
            exec(code, names)
        elif code and not code.startswith("#"):
            found[comment] = list(eval(code, names))
    for label, items in names.get("COUCHBASE_INDEXES", {}).items():  # type: ignore[attr-defined]
        for item in items:
            indexes.read_index("COUCHBASE_INDEXES", label, item)
    return found


IN = "if (doc.doc_type == 'article' && !doc.st_deleted) "
SIMPLE = {
    "field": (f"{IN} emit(doc.title, null);", "a0"),
    "relation": (f"{IN} emit(doc.author_uid, doc.title);", "aut_1"),
    "composite": (f"{IN} emit([doc.year_published, doc.title], null);", [2000, "a0"]),
    "lower": (f"{IN} emit(doc.title.toLowerCase(), null);", "a0"),
    "part": (f"{IN} emit([doc.title.substring(0, 1)], null);", ["a"]),
    "undeclared": (f"{IN} emit(doc.details.color, null);", "red"),
    "array": (f"{IN} doc.tags.forEach(t => emit(t, null));", "x"),
    "deleted too": ("if (doc.doc_type === 'article') emit(doc.title, null);", "B2"),
    "conditions": (
        f"{IN} if (doc.is_draft && doc.title !== 'a0' && doc.year_published >= 2000 "
        "&& (doc.author_uid == 'aut_1' || doc.tags.indexOf('x') >= 0)) emit(doc.title, null);",
        "b1",
    ),
    "early return": (
        "if (doc.doc_type != 'article') return; if (doc.is_draft === true) { return; } "
        "emit([doc.year_published, 'c', doc.title], 1);",
        [2001, "c", "A1"],
    ),
}


@pytest.mark.parametrize("case", SIMPLE)
def test_the_same_documents(articles, view, case):
    body, key = SIMPLE[case]
    text = view(f"function (doc, meta) {{ {body} }}")
    call_command("create_cb_views", verbosity=0)
    # A key has parts that are the same in all.
    asked = [each for each in key if each != "c"] if isinstance(key, list) else key
    asked = asked[0] if isinstance(asked, list) and len(asked) == 1 else asked
    found = run(text, key=asked, keys=[asked], a=asked, b=asked)
    wanted = {row.id for row in view_rows("v", Query(key=key))}
    assert {row.pk for row in found["key=key"]} == wanted != set()
    every = {row.id for row in view_rows("v")}
    assert every <= {row[0] for row in found["id, key and value"]}
    for same in ("keys=keys", "startkey=a, endkey=b"):
        assert {row.pk for row in found.get(same, found["key=key"])} == wanted


@pytest.mark.parametrize("reduce", ["_count", "_sum", "_stats"])
def test_reduces(articles, view, reduce):
    text = view(f"function (doc) {{ {IN} emit(doc.author_uid, doc.year_published); }}", reduce)
    call_command("create_cb_views", verbosity=0)
    found = run(text, key=1, keys=[], a=1, b=1)["group=True"]
    rows = view_rows("v", Query(group=True))
    for row, group in zip(rows, found, strict=True):
        numbers = row.value if isinstance(row.value, dict) else {reduce[1:]: row.value}
        assert {**numbers, **group} == {**numbers, "author": row.key} | {
            name: numbers[name] for name in group if name != "author"
        }


def test_an_index_that_is_there(view):
    assert "The index of author serves it" in view(
        f"function (doc) {{ {IN} emit(doc.author_uid, null); }}"
    )
    text = view(f"function (doc) {{ {IN} emit(doc.title, null); }}")
    assert 'COUCHBASE_INDEXES = {"testapp.CBArticle": [["title"]]}' in text


def test_views_of_all_classes(capsys):
    call_command("view_to_index", "by_channel")
    assert "rows.filter(channels__contains=key)" in capsys.readouterr().out
    call_command("view_to_index", "deleted_documents")
    assert "Model.all_objects.filter(st_deleted=True)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("function (doc) {\n  emit(new Date(doc.created), null);\n}", "cannot be read: line 2"),
        (f"function (doc) {{\n  {IN}\n    emit(doc.tags.length, null);\n}}", "no QuerySet: line 3"),
        ("function (doc) {\n  if (doc.doc_type == 'x') emit(1);\n}", "doc_type 'x'"),
        ("function (doc) {\n}", "it emits nothing"),
    ],
)
def test_what_cannot_be_said(view, source, said):
    with pytest.raises(CommandError, match=re.escape(said)):
        view(source)


def test_a_view_that_is_not_there(capsys):
    with pytest.raises(CommandError, match="no view django_cbtools/none"):
        call_command("view_to_index", "none")
