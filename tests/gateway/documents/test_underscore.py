"""Underscore, which the sync function has."""

from __future__ import annotations

import pytest

from tests.gateway.access.client import ADMIN, channels_of, create_database, function

pytestmark = pytest.mark.django_db


UNDERSCORE = [
    ("_.map([1, 2], function (n) { return 'c' + n; })", ["c1", "c2"]),
    ("_.pluck([{a: 'x'}, {a: 'y'}], 'a')", ["x", "y"]),
    ("_(['b', 'a', 'b']).chain().uniq().sortBy(_.identity).value()", ["a", "b"]),
    ("_.keys({a: 1, toString: 2})", ["a", "toString"]),
    ("_.difference(doc.channels, ['b'])", ["a"]),
    ("_.VERSION", ["1.4.4"]),
    ("_.bind(function () { return this.name; }, {name: 'bound'})()", ["bound"]),
    ("_.isEqual({a: [1, {b: 2}]}, {a: [1, {b: 2}]}) ? 'equal' : 'other'", ["equal"]),
    ("_.extend({}, {a: 1}, {toString: 'x'}).toString", ["x"]),
    ("_.mixin({f: function () { return 'mixed'; }}) || _.f()", ["mixed"]),
    ("_.once(function () { return 'once'; })()", ["once"]),
    ("_.escape('<a>')", ["&lt;a&gt;"]),
    ("_.groupBy([1.1, 1.2], Math.floor)[1].length === 2 ? 'two' : 'none'", ["two"]),
    ("_.range(3).join('')", ["012"]),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "names"), UNDERSCORE)
def test_underscore(expression, names):
    create_database(function(f"channel({expression});"))
    assert ADMIN.put("/a", {"channels": ["a", "b"]})[0] == 201
    assert channels_of("a") == names


def test_underscore_keeps_nothing_from_one_run_to_the_next():
    leave = "_.leak = 1; _.mixin({f: 1});"
    create_database(function(f"channel(_.uniqueId('n') + typeof _.leak + typeof _.f); {leave}"))
    for uid in "ab":
        ADMIN.put(f"/{uid}", {})
        assert channels_of(uid) == ["n1undefinedundefined"]


@pytest.mark.parametrize("body", ["channel(doc._x, doc['_']);", "var _ = 'mine'; channel(_);"])
def test_names_with_an_underscore(body):
    create_database(function(body))
    assert ADMIN.put("/a", {})[0] == 201
