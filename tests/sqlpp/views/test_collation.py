"""The order of keys is the gateway's, by the engine and without it."""

from __future__ import annotations

import random
import sys
from itertools import pairwise

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.backends.couchbase.views.collation import Order
from django_cbtools.backends.couchbase.views.texts import prefix
from django_cbtools.embedded import javascript
from tests.gateway.v8.helpers import ranks

ASCII = [chr(number) for number in range(32, 127)]


def _texts(alphabet: list[str]) -> list[str]:
    chosen = random.Random(7)
    return ["".join(chosen.choices(alphabet, k=chosen.randrange(5))) for _ in range(600)]


@pytest.mark.parametrize(
    "alphabet", [ASCII, list("aAbB_-1 "), [*"aAe-1", "é", "\u0301", "日", "ß"]]
)
def test_texts(alphabet):
    texts = _texts(alphabet)
    order, expected = Order(texts), ranks(texts)
    assert sorted(texts, key=order.of) == sorted(texts, key=expected.__getitem__)
    for one, other in pairwise(texts):
        assert (order.of(one) == order.of(other)) == (expected[one] == expected[other])


def test_types():
    keys = [None, False, True, -1, 0.5, 1, "", "a", "A", [], [None], ["a"], ["a", 1], ["a", {}],
            ["b"], {}, {"a": 1}, {"a": 1, "b": None}, {"b": 0}]  # fmt: skip
    shuffled = random.Random(3).sample(keys, len(keys))
    assert sorted(shuffled, key=Order(keys).of) == keys


def test_the_engine_is_asked_for_where_it_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "py_mini_racer", None)
    javascript.close()
    Order(["a", ["B", {"c": 1}]])
    # Two ways to write one text are one text.
    order = Order(["é", "e\u0301"])
    assert order.of("é") == order.of("e\u0301")
    with pytest.raises(ImproperlyConfigured, match=r"pip install django-cbtools\[embedded\]"):
        Order(["é", "f"])


RANGES = [
    ("2024-01-05", "2024-01-31", ("2024-01-", "2024-01-0")),
    ("Abc", "aBC\uffff", ("abc", "abc")),
    ("2", "5", ("", "2")),
    ("a_1", "a_b", ("a_", "a_1")),
    ("a", "b", None),
    ("", "z", None),
    ("\u212a1", "K2", None),
]


@pytest.mark.parametrize(("low", "high", "expected"), RANGES)
def test_what_the_texts_of_a_range_begin_with(low, high, expected):
    found = prefix(low, high)
    assert found == expected
    if found is None or not (low + high).isascii():
        return
    order, beginnings = Order([low, high]), ["", low[:2], low[:8], high[:-1].upper()]
    for text in (one + other for one in beginnings for other in _texts(ASCII)):
        if order.of(low) <= order.of(text) <= order.of(high):
            assert found.first <= text.lower() < found.beyond
