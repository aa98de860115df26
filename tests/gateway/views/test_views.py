"""What views answer."""

from __future__ import annotations

import pytest

from django_cbtools.embedded.views import reduces
from django_cbtools.exceptions import SyncGatewayBadRequest
from django_cbtools.sync_gateway.calls.client import ADMIN, request
from tests.contract.fruit import ALL, FRUIT, VIEWS
from tests.gateway.v8.helpers import ids, put_design, put_view, rows, write


@pytest.fixture
def fruit(db):
    write(FRUIT)
    put_design("d", **VIEWS)


def test_rows_of_one_document_with_one_key(db):
    put_view("function (doc, meta) { for (var i = 0; i < 3; i++) emit('k', [meta.id, i]); }")
    write({"a": {}, "b": {}})
    expected = [["a", 0], ["a", 1], ["a", 2], ["b", 0], ["b", 1], ["b", 2]]
    assert [row.value for row in rows()] == expected
    assert [row.value for row in rows(key="k", descending=True)] == expected[::-1]
    assert [row.value for row in rows(skip=1, limit=3)] == expected[1:4]


def test_order_of_numbers(db):
    numbers = [
        -1.7e308, -(2**53), -1.5, -1, -0.30000000000000004, -0.3, -5e-324, 0, 5e-324, 0.3,
        0.30000000000000004, 1, 2, 10, 2**31, 2**32, 2**53, 1e21, 1.7e308,
    ]  # fmt: skip
    write({f"{n:02}": {"n": number} for n, number in reversed(list(enumerate(numbers)))})
    put_view("function (doc, meta) { emit(doc.n, null); }")
    assert [row.key for row in rows()] == numbers
    for n, number in enumerate(numbers):
        assert ids(key=number) == [f"{n:02}"]
    assert ids(key=-0.0) == ["07"]


def test_rows_in_spite_of_a_reduce(fruit):
    assert ids("d/sum", reduce=False) == ALL
    # Nothing is grouped that is not reduced.
    assert ids("d/sum", reduce=False, group=True, limit=2) == ["a1", "a2"]
    assert ids("d/v", group=True) == ALL


def test_keys_of_a_reduce_want_a_group(fruit):
    with pytest.raises(SyncGatewayBadRequest, match="group=true"):
        rows("d/count", keys=["apple"])
    assert ids("d/count", keys=["banana"], reduce=False) == ["b1"]


NO_NUMBERS = ["x", "-1", "0", "\u0663", "1.5"]


@pytest.mark.parametrize("value", [*NO_NUMBERS, ""])
@pytest.mark.parametrize("name", ["skip", "group_level"])
def test_what_is_no_number_counts_as_zero(fruit, name, value):
    assert len(rows("d/count", **{name: value})) == 1
    assert ids(**{name: value}) == ALL


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_limit_that_is_none(fruit, value):
    with pytest.raises(SyncGatewayBadRequest, match=r"invalid limit parameter.*0"):
        rows("d/count", limit=value)
    assert ids(limit="") == ALL


@pytest.mark.parametrize(
    "query",
    [{"key": ""}, {"endkey": ""}, {"startkey": ""}, {"keys": ""},
     {"descending": ""}, {"descending": "1"}, {"descending": "TRUE"}, {"reduce": ""},
     {"stale": "maybe"}, {"stale": "1"}, {"stale": ""}, {"inclusive_end": ""}],
)  # fmt: skip
def test_values_that_say_nothing(fruit, query):
    answer = request(ADMIN, "GET", "_design", "d", "_view", "v", query=query).json()
    assert [row["id"] for row in answer["rows"]] == ALL


def test_only_true_means_yes(fruit):
    assert ids(inclusive_end="1", endkey="apple") == []
    assert ids("d/sum", reduce="0") == ids("d/sum", reduce="1") == ALL
    assert len(rows("d/sum", group="1")) == 1
    assert len(rows("d/sum", group="true", group_level="0")) > 1


@pytest.mark.parametrize(
    ("query", "match"),
    [({"key": "apple"}, "Invalid JSON"), ({"startkey": "[1"}, "Invalid JSON"),
     ({"keys": '"apple"'}, "keys must be a list"), ({"keys": "null"}, "keys must be a list")],
)  # fmt: skip
def test_parameters_that_cannot_be_read(fruit, query, match):
    with pytest.raises(SyncGatewayBadRequest, match=match):
        request(ADMIN, "GET", "_design", "d", "_view", "v", query=query)


# --------------------------------------------------------------------- reduces


@pytest.mark.parametrize("reduce", ["_sum", "_stats"])
@pytest.mark.parametrize("value", ["3", True, None, [1], {"a": 1}], ids=str)
def test_sum_of_what_is_no_number(db, reduce, value):
    write({"a": {"n": 1}, "b": {"n": value}})
    put_view("function (doc, meta) { emit(meta.id, doc.n); }", reduce)
    with pytest.raises(SyncGatewayBadRequest, match=f"{reduce} wants numbers.*view d/v"):
        rows()
    with pytest.raises(SyncGatewayBadRequest, match=r"View d/v .*parseFloat"):
        rows()
    # Rows out of range do not matter.
    assert rows(key="a")[0].value in (1, {"sum": 1, "count": 1, "min": 1, "max": 1, "sumsqr": 1})


def test_sums_of_fractions_and_large_numbers(db):
    write({"a": {"n": 0.5}, "b": {"n": -0.25}, "c": {"n": 2**52}, "d": {"n": 1e300}})
    put_design("d", **{
        reduce: ("function (doc, meta) { emit(meta.id, doc.n); }", f"_{reduce}")
        for reduce in ("sum", "stats")
    })  # fmt: skip
    assert rows("d/sum", endkey="b")[0].value == 0.25
    assert rows("d/sum", key="c")[0].value == 2**52
    # JSON has no infinity.
    assert rows("d/stats", key="d")[0].value == {
        "sum": 1e300, "count": 1, "min": 1e300, "max": 1e300, "sumsqr": None,
    }  # fmt: skip


def test_own_reduce_over_many_rows_reduces_its_results(db):
    count = 2 * reduces.CHUNK + 100
    assert count > 1000
    put_view(
        "function (doc, meta) { for (var i = 0; i < doc.n; i++) emit([i % 2, i], i); }",
        "function (keys, values, rereduce) {"
        "  if (rereduce) return {rows: sum(values.map(function (v) { return v.rows; })),"
        "    sum: sum(values.map(function (v) { return v.sum; })), parts: values.length,"
        "    keys: keys};"
        "  return {rows: keys.length, sum: sum(values), parts: 0, keys: keys.length};"
        "}",
    )
    write({"a": {"n": count}})
    (row,) = rows()
    assert row.value == {"rows": count, "sum": sum(range(count)), "parts": 3, "keys": None}
    even, odd = rows(group_level=1)
    assert (even.key, odd.key) == ([0], [1])
    assert even.value["rows"] == count // 2
    assert even.value["sum"] == sum(range(0, count, 2))
    assert even.value["parts"] == 2


def test_own_reduce_that_fails(db):
    write({"a": {}})
    put_view("function (doc, meta) { emit(1, 1); }", "function () { throw 'no'; }")
    with pytest.raises(SyncGatewayBadRequest, match=r"reduce function of view d/v failed.*no"):
        rows()
    assert ids(reduce=False) == ["a"]


def test_keys_that_sort_as_equal_are_one_group(db):
    composed, decomposed = "\u00e9", "e\u0301"
    # In the order of the ids, they alternate.
    write({uid: {"k": k} for uid, k in zip("abcd", [composed, decomposed] * 2, strict=True)})
    plain, nested = (
        f"function (doc, meta) {{ emit({k}, 1); }}" for k in ("doc.k", "[doc.k, meta.id]")
    )
    own = "function (keys, values) { return sum(values); }"
    put_design("d", a=(plain, "_sum"), b=(plain, own), c=(nested, "_sum"), d=(nested, own))
    for view in "ab":
        assert [row.value for row in rows(f"d/{view}", group=True)] == [4]
        assert [row.value for row in rows(f"d/{view}", keys=[decomposed], group=True)] == [4]
    for view in "cd":
        (row,) = rows(f"d/{view}", group_level=1)
        assert row.key in ([composed], [decomposed])
        assert row.value == 4
        assert [row.value for row in rows(f"d/{view}", group_level=2)] == [1] * 4


@pytest.mark.parametrize("reduce", ["_count", "function (k, v) { return v.length; }"])
def test_levels_of_nested_arrays(db, reduce):
    keys = [
        7, 8, "x", "xy", [], [1], [1, [2, [3]], 4], [1, [2, [3]], 5], [1, [2, [4]], 5],
        [1, {"a": [" "]}, None], [1, {"a": [" "]}, True], ["4", False], {"a": 1}, {"a": 2},
    ]  # fmt: skip
    write({f"{n:02}": {"k": key} for n, key in enumerate(keys)})
    put_view("function (doc, meta) { emit(doc.k, null); }", reduce)
    no_arrays = [(7, 1), (8, 1), ("x", 1), ("xy", 1)], [({"a": 1}, 1), ({"a": 2}, 1)]
    assert [(row.key, row.value) for row in rows(group_level=1)] == [
        *no_arrays[0], ([], 1), ([1], 6), (["4"], 1), *no_arrays[1],
    ]  # fmt: skip
    assert [(row.key, row.value) for row in rows(group_level=2)] == [
        *no_arrays[0], ([], 1), ([1], 1), ([1, [2, [3]]], 2), ([1, [2, [4]]], 1),
        ([1, {"a": [" "]}], 2), (["4", False], 1), *no_arrays[1],
    ]  # fmt: skip
    assert len(rows(group_level=3)) == len(rows(group=True)) == len(keys)


def test_half_characters_in_keys_and_values(db):
    """What ``substring`` makes of a character beyond the Basic Multilingual Plane."""
    write({"a": {"s": "🍺"}})
    put_design("d", **{
        "v": "function (doc, meta) { emit([doc.s.substring(0, 1), 1], doc.s.substring(1)); }",
        "r": ("function (doc, meta) { emit([doc.s.substring(0, 1), 1], doc.s.substring(1)); }",
              "function (keys, values) { return [keys, values]; }"),
    })  # fmt: skip
    assert rows("d/v") == [("a", ["\ud83c", 1], "\udf7a")]
    assert rows("d/r", group_level=1) == [("", ["\ud83c"], [[["\ud83c", 1]], ["\udf7a"]])]
    assert ids("d/v", key=["\ud83c", 1]) == ["a"]
