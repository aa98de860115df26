"""Whether each entry of the reference is asked, or is said not to be."""

from __future__ import annotations

from tests.sqlpp import recorder

from . import (
    of_arrays,
    of_articles,
    of_dates,
    of_expressions,
    of_fields,
    of_functions,
    of_json,
    of_shapes,
    otherwise,
)
from .checking import wanted

MODULES = (
    of_arrays, of_articles, of_dates, of_expressions, of_fields, of_functions, of_json, of_shapes
)  # fmt: skip
#: How many entries the reference has, in both its parts.
COUNT = 1325
#: What asks nobody.
EMPTY = {"lookup.in.empty", "slice.limit.zero"}


def test_each_is_asked_or_has_a_reason() -> None:
    asked = [name for module in MODULES for name in module.CONSTRUCTS]
    assert len(asked) == len(set(asked))
    assert not set(asked) & otherwise.NOT_ASKED.keys()
    assert len(asked) + len(otherwise.NOT_ASKED) == COUNT
    assert set(asked) <= wanted().keys()


def test_others_are_asked() -> None:
    asked = {name for module in MODULES for name in module.CONSTRUCTS}
    assert otherwise.ON_SQLITE.keys() | otherwise.IN_BOTH.keys() <= asked


def test_each_is_recorded() -> None:
    tests = {each["test"] for each in recorder.entries() if "test" in each}
    recorded = {test.partition("[")[2][:-1] for test in tests if "/reference/" in test}
    asked = {name for module in MODULES for name in module.CONSTRUCTS}
    assert asked - recorded == EMPTY
