"""Values of two kinds that belong together in a test: a few pairs of them, or all there are."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from tests.counts import TORTURE


def pairs(first: Iterable[Any], second: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Each value of both with one of the other's in turn; each with each where TORTURE=1 is set."""
    one, other = list(first), list(second)
    if TORTURE:
        return list(product(one, other))
    return [
        (one[number % len(one)], other[number % len(other)])
        for number in range(max(len(one), len(other)))
    ]
