"""Random queries of random documents: the answers are those of a model in Python."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from django_cbtools.embedded.views import index, reduces
from django_cbtools.exceptions import SyncGatewayBadRequest
from tests.counts import TORTURE
from tests.gateway.v8.helpers import put_design, rows, write
from tests.gateway.v8.model import Model, NotANumber, Order, View


def spread(document):
    items = document.get("k")
    return [(item, document.get("n")) for item in (items if isinstance(items, list) else [items])]


VIEWS = {
    "plain": View(
        "function (doc, meta) { emit(doc.k, doc.n); }",
        lambda document: [(document.get("k"), document.get("n"))],
    ),
    "pair": View(
        "function (doc, meta) { if (!doc.st_deleted) emit([doc.k, doc.j], doc.n); }",
        lambda document: (
            []
            if document.get("st_deleted")
            else [([document.get("k"), document.get("j")], document.get("n"))]
        ),
    ),
    "spread": View(
        "function (doc, meta) { for (item of Array.isArray(doc.k) ? doc.k : [doc.k])"
        " emit(item, doc.n); }",
        spread,
    ),
}
# Keeps all that it is given, so that nothing of it can be lost or change places.
KEEP = """function (keys, values, rereduce) {
  if (rereduce) return [].concat.apply([], values);
  return values.map(function (value, n) { return [keys[n], value]; });
}"""
REDUCES = {"count": "_count", "sum": "_sum", "stats": "_stats", "keep": KEEP}

TEXTS = [
    "", "a", "A", "á", "a\u0301", "ab", "a b", "a-b", "aa", "a\0", "\0", "\u200b", "b", "ß", "ss",
    "z", "Z", "10", "9", "-1", "-", "true", "\ufeff", "\ufffd", "\uffff", "🍺", "🍻",
    "日本", "\u0451", "\u0435",
]  # fmt: skip
texts = st.sampled_from(TEXTS) | st.text(max_size=3)
numbers = (
    st.integers(-3, 3)
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
)
# The names of an object come in the order in which V8 has them: numbers, if there were any, first.
names = st.sampled_from(["", "a", "b", "B", "é", "x y"])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
small = st.integers(-100, 100)
documents = st.fixed_dictionaries(
    {},
    optional={
        "k": values,
        "j": st.sampled_from([0, 1, "a", "A", None]),
        "n": small | small | small | values,
        "st_deleted": st.just(True),
    },
)
uids = st.sampled_from(["a", "A", "b", "10", "9", "é", "🍺", "x-1", "x_1"])
bounds = st.sampled_from(["a", "b", "~", "é", "0", "x-1", "\U0010ffff"])


def exact(value):
    """A value as something in which True is not 1, and 1.0 is."""
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return repr(value)


class Comparison(RuleBasedStateMachine):
    """Documents come and go, and views are asked about them."""

    def __init__(self):
        super().__init__()
        self.documents = {}
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def teardown(self):
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    @initialize()
    def deploy(self):
        for name, view in VIEWS.items():
            views = {reduce: (view.source, text) for reduce, text in REDUCES.items()}
            put_design(name, none=view.source, **views)

    def known_keys(self):
        return [
            key
            for document in self.documents.values()
            for view in VIEWS.values()
            for key, _ in view.function(document)
        ]

    @rule(changes=st.dictionaries(uids, documents | st.none(), min_size=1, max_size=5))
    def write(self, changes):
        write(changes)
        for uid, document in changes.items():
            self.documents.pop(uid, None)
            if document is not None:
                # As the gateway keeps it.
                self.documents[uid] = json.loads(json.dumps(document, sort_keys=True))

    @rule(data=st.data(), changes=st.dictionaries(uids, documents | st.none(), min_size=1))
    def write_and_roll_back(self, data, changes):
        before = dict(self.documents)
        with suppress(ZeroDivisionError), transaction.atomic():
            self.write(changes)
            self.ask(data)
            raise ZeroDivisionError
        self.documents = before

    @rule(data=st.data())
    def ask(self, data):
        name = data.draw(st.sampled_from(sorted(VIEWS)))
        reduce = data.draw(st.sampled_from([None, *REDUCES]))
        known = self.known_keys()
        keys = st.sampled_from(known) | values if known else values
        ends = data.draw(st.sampled_from(["key", "keys", "range"]))
        optional: dict[str, Any] = {
            "descending": st.booleans(),
            "limit": st.integers(1, 6),
            "skip": st.integers(0, 3),
            "group": st.booleans(),
            "group_level": st.integers(0, 3),
            **{
                "key": {"key": keys, "startkey_docid": bounds, "endkey_docid": bounds},
                "keys": {"keys": st.lists(keys, max_size=3)},
                "range": {
                    "startkey": keys, "endkey": keys, "startkey_docid": bounds,
                    "endkey_docid": bounds, "inclusive_end": st.booleans(),
                },
            }[ends],
        }  # fmt: skip
        parameters = data.draw(st.fixed_dictionaries({}, optional=optional))
        view = f"{name}/{reduce or 'none'}"
        model = Model(self.documents)
        level = parameters.get("group_level") or (None if parameters.get("group") else 0)
        if reduce and "keys" in parameters and level == 0:
            with pytest.raises(SyncGatewayBadRequest, match="group=true"):
                rows(view, **parameters)
            return
        try:
            expected = model.answer(VIEWS[name], reduce, parameters)
        except NotANumber:
            with pytest.raises(SyncGatewayBadRequest, match="wants numbers"):
                rows(view, **parameters)
            return
        found = [tuple(row) for row in rows(view, **parameters)]
        if reduce:
            # A group's key is that of any of its rows.
            order = Order(*(key for _, key, _ in found + expected))
            found = [(uid, order(key), value) for uid, key, value in found]
            expected = [(uid, order(key), value) for uid, key, value in expected]
            if reduce in ("sum", "stats"):
                self.compare_sums(found, expected)
                return
            assert [(key, exact(value)) for _, key, value in found] == [
                (key, exact(value)) for _, key, value in expected
            ]
        else:
            assert [exact(list(row)) for row in found] == [exact(list(row)) for row in expected]

    def compare_sums(self, found, expected):
        assert [key for _, key, _ in found] == [key for _, key, _ in expected]
        for (_, _, value), (_, _, other) in zip(found, expected, strict=True):
            if isinstance(other, dict):
                for name in other:
                    assert_near(value[name], other[name])
                assert value.keys() == other.keys()
            else:
                assert_near(value, other)


def assert_near(value, other):
    """Sums of fractions depend on the order in which they are added up."""
    if other in (float("inf"), float("-inf")):
        assert value is None
    else:
        assert value == pytest.approx(other, rel=1e-9, abs=1e-6)


@pytest.mark.torture
def test_answers_are_those_of_the_model(db, monkeypatch):
    # Small enough for reduces of reduces, and for batches.
    monkeypatch.setattr(reduces, "CHUNK", 2)
    monkeypatch.setattr(index, "BATCH", 3)
    many = TORTURE
    run_state_machine_as_test(
        Comparison,
        settings=settings(
            max_examples=1000 if many else 10,
            stateful_step_count=30 if many else 15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
